"""`turnout domains`: names of your own for what is live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.client import Client
    from turnout.domain.domain_documents import CustomDomainDocument

T = TypeVar("T")

verbs = typer.Typer(
    name="domains",
    help="Custom domains of a project: proved to be yours, then led to whatever is live.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="A host name, such as app.example.com.")]


@verbs.command("add")
def add(*, domain: Name, project: Project = None, json: Json = False) -> int:
    """Ask for a domain, and say what proves that it is yours.

    The proof is looked for in the background from now on; `turnout domains verify` looks at once. From then on the
    domain leads to the live deployment, through every deploy, rollback and promote.

    Examples:

        turnout domains add app.example.com

        turnout domains add shop.example.com --project shop --json
    """
    from turnout.cli import show

    added = _ask(project, lambda client, name: client.add_domain(name, domain))
    if json:
        show.document(added.model_dump(mode="json"))
    elif added.status == "verified":
        print(_state(added))
    else:
        _explain(added)
    return 0


@verbs.command("verify")
def verify(*, domain: Name, project: Project = None, json: Json = False) -> int:
    """Look for the proof of a domain now. Ends with 1 while there is none.

    Examples:

        turnout domains verify app.example.com
    """
    from turnout.cli import show
    from turnout.cli.failures import DONE, FAILED

    checked = _ask(project, lambda client, name: client.verify_domain(name, domain))
    if json:
        show.document(checked.model_dump(mode="json"))
    else:
        print(_state(checked))
    return DONE if checked.status == "verified" else FAILED


@verbs.command("ls")
def list_domains(*, project: Project = None, json: Json = False) -> int:
    """List the custom domains of a project, and how far the proof of each has got.

    Examples:

        turnout domains ls --project shop
    """
    from turnout.cli import show

    listed = _ask(project, lambda client, name: client.domains(name))
    if json:
        show.document(listed.model_dump(mode="json"))
        return 0
    rows = show.plain_table("domain", "status", "leads to", "asked", "last seen")
    for each in listed.domains:
        leads = each.deployment_id or ("the first that goes live" if each.status == "verified" else "")
        rows.add_row(each.name, each.status, leads, show.age(each.asked_at), each.problem or "")
    show.table(rows)
    return 0


@verbs.command("rm")
def remove(*, domain: Name, project: Project = None, json: Json = False) -> int:
    """Give a domain up: it leads nowhere any more, and another project may ask for it.

    Examples:

        turnout domains rm app.example.com
    """
    from turnout.cli import show

    removed = _ask(project, lambda client, name: client.remove_domain(name, domain))
    if json:
        show.document(removed.model_dump(mode="json"))
        return 0
    print(f"{removed.fqdn} is no domain of {removed.project} any more")
    if removed.problem:
        show.note(f"some gateways may serve it still: {removed.problem}")
    return 0


def _ask(project: str | None, ask: Callable[[Client, str], Awaitable[T]]) -> T:
    import asyncio

    from turnout.cli.connect import connect
    from turnout.cli.project import existing_project

    async def asked() -> T:
        async with connect() as client:
            return await ask(client, await existing_project(client, project))

    return asyncio.run(asked())


def _explain(added: CustomDomainDocument) -> None:
    """What the owner has to do, ready to be copied."""
    print(
        f"{added.name} has to be proved, until {added.deadline_at.astimezone():%Y-%m-%d %H:%M}; one of these will do:\n"
    )
    print(f"  a TXT record     {added.txt.name}")
    print(f"  with the text    {added.txt.value}\n")
    print(f"  or the page      {added.http.url}")
    print(f"  with the text    {added.http.body}")
    if added.http.gateway_answers:
        print(f"                   (this gateway answers it by itself as soon as {added.name} leads to it)")
    print(f"\nIt is looked for from now on; `turnout domains verify {added.name}` looks at once.")


def _state(domain: CustomDomainDocument) -> str:
    """How far it has got, as a sentence or two."""
    if domain.status == "verified":
        leads = f"leads to {domain.deployment_id}" if domain.deployment_id else "leads to the first that goes live"
        late = f"; {domain.problem}" if domain.problem else ""
        return f"{domain.url} is verified ({domain.method}) and {leads}{late}"
    if domain.status == "failed":
        return (
            f"{domain.name} is not verified, and nothing looks for its proof any more. {domain.problem or ''}".rstrip()
        )
    return f"{domain.name} is not verified yet. {domain.problem or 'Nobody has looked yet.'}"
