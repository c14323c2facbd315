"""`turnout certs issue`: a certificate by ACME, now; and the table of those that come that way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.issuing_documents import IssuingDocument

_LOOK_SECONDS = 0.5


def issue(
    *,
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="A domain that leads to the project.")],
    project: Project = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for it.")] = False,
    json: Json = False,
) -> int:
    """Get a certificate for a domain from the ACME server now, also where there is one.

    Custom domains get theirs by themselves once they are proved, and every one is renewed in time; this is for other
    domains, and for trying again after a problem was mended. It goes on when you leave with Ctrl-C. Ends with 1 when
    there is no certificate.

    Examples:

        turnout certs issue app.example.com

        turnout certs issue app.example.com --detach
    """
    import asyncio

    from turnout.cli import show
    from turnout.cli.connect import connect
    from turnout.cli.failures import DONE, FAILED
    from turnout.cli.project import existing_project

    async def ask() -> IssuingDocument:
        async with connect() as client:
            name = await existing_project(client, project)
            asked = await client.ask_certificate(name, domain)
            return asked if detach else await _ended(client, asked)

    found = asyncio.run(ask())
    if json:
        show.document(found.model_dump(mode="json"))
    else:
        print(_sentence(found))
    return DONE if found.problem is None else FAILED


def show_issuings(issuings: Sequence[IssuingDocument]) -> None:
    """A table of their own; nothing when there are none."""
    from turnout.cli import show

    if not issuings:
        return
    rows = show.plain_table("domain by ACME", "project", "status", "next", "problem")
    for each in issuings:
        following = f"{each.due_at.astimezone():%Y-%m-%d %H:%M}" if each.due_at else "when asked for"
        rows.add_row(each.fqdn, each.project, each.status.value, following, each.problem or "")
    print()
    show.table(rows)


async def _ended(client: Client, asked: IssuingDocument) -> IssuingDocument:
    """Look until the visit has ended."""
    import asyncio

    while True:
        found = await client.issuing(asked.project, asked.fqdn)
        if found.turn > asked.turn:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


def _sentence(issuing: IssuingDocument) -> str:
    when = f"{issuing.due_at.astimezone():%Y-%m-%d %H:%M}" if issuing.due_at else None
    if issuing.problem is not None:
        again = f"it is tried again at {when}" if when else f"`turnout certs issue {issuing.fqdn}` tries again"
        return f"{issuing.fqdn} has no new certificate: {issuing.problem}; {again}"
    if issuing.status != "issued":
        return f"{issuing.fqdn} is being worked on; `turnout certs ls` shows how far it has got"
    return f"{issuing.fqdn} has a certificate, which is looked at again at {when}"
