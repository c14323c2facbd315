"""`turnout requests`: who asked an app for what, and what they got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.domain.protection_documents import RequestDocument

_LAST = 50


def requests(
    *,
    deployment: Annotated[str | None, typer.Option("--deployment", help="Only those this deployment answered.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only these: 404, 5xx, or 404,5xx.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those since then: 10m, 2h, or 2030-01-31T12:00:00Z.")
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, max=10_000, help=f"At most so many of those there are; {_LAST} without --since."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print those that come.")] = False,
    project: Project = None,
    json: Json = False,
) -> int:
    """Print the requests to a project's domains as the gateway saw them, oldest first.

    Examples:

        turnout requests

        turnout requests -f --status 5xx

        turnout requests --since 10m --deployment dep_01k… --json
    """
    import asyncio
    from datetime import UTC, datetime

    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.requests import parse_statuses
    from turnout.domain.since import parse_since

    if json and follow:
        raise Invalid("cannot follow with --json: one document has an end; leave out one of the two")
    if since is not None:
        parse_since(since, now=datetime.now(UTC))
    if status is not None:
        parse_statuses(status)
    if last is None and since is None:
        last = _LAST
    filters: _Filters = {"deployment": deployment, "status": status, "since": since, "last": last}
    if json:
        name, listed = asyncio.run(_read(project, filters))
        show.document({"project": name, "requests": [each.model_dump(mode="json") for each in listed]})
        return 0
    try:
        asyncio.run(_print(project, filters, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise
    return 0


class _Filters(TypedDict):
    deployment: str | None
    status: str | None
    since: str | None
    last: int | None


async def _read(project: str | None, filters: _Filters) -> tuple[str, list[RequestDocument]]:
    from turnout.cli.connect import connect
    from turnout.cli.project import existing_project

    async with connect() as client:
        name = await existing_project(client, project)
        return name, [request async for request in client.requests(name, **filters)]


async def _print(project: str | None, filters: _Filters, *, follow: bool) -> None:
    from turnout.cli.connect import connect
    from turnout.cli.project import existing_project

    async with connect() as client:
        name = await existing_project(client, project)
        async for request in client.requests(name, follow=follow, **filters):
            print(_line(request), flush=True)


def _line(request: RequestDocument) -> str:
    """`12:00:01.250 200    3 ms GET shop.example/cart dep_01k…`; what a stranger chose cannot move the cursor."""
    from turnout.cli import show

    took = "-" if request.latency_ms is None else show.duration(request.latency_ms)
    asked = f"{request.method or '-'} {request.domain or ''}{request.path or ''}"
    words = [
        f"{request.at.astimezone():%H:%M:%S.%f}"[:-3],
        str(request.status or "-"),
        f"{took:>7}",
        "".join(each if each.isprintable() else "?" for each in asked),
        request.deployment_id or "-",
    ]
    if request.key_id is not None:
        words.append(request.key_id)
    return " ".join(words)
