"""`turnout logs`: what an app prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.client import Client


def logs(
    *,
    deployment: Annotated[
        str | None, typer.Argument(help="The deployment; else the one that is live, with --build the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print what comes.")] = False,
    instance: Annotated[str | None, typer.Option("--instance", help="Only what this instance prints.")] = None,
    build: Annotated[bool, typer.Option("--build", help="What the build printed, instead.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="Only what came since then: 10m, 2h, or 2030-01-31T12:00:00Z.")
    ] = None,
    project: Project = None,
    json: Json = False,
) -> int:
    """Print what a deployment's instances print, or what its build printed.

    Examples:

        turnout logs

        turnout logs dep_01k… -f

        turnout logs --build

        turnout logs --since 10m
    """
    import asyncio
    from datetime import UTC, datetime

    from turnout.cli import show
    from turnout.domain.errors import Invalid
    from turnout.domain.since import parse_since

    if json and follow:
        raise Invalid("cannot follow with --json: one document has an end; leave out one of the two")
    if since is not None:
        parse_since(since, now=datetime.now(UTC))
    wanted = _Wanted(follow=follow, instance=instance, build=build, since=since)
    if json:
        identifier, text = asyncio.run(_read(deployment, project, wanted))
        show.document({"deployment_id": identifier, "instance_id": instance, "build": build, "log": text})
        return 0
    try:
        asyncio.run(_print(deployment, project, wanted))
    except KeyboardInterrupt:
        if not follow:
            raise
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """Which part of which output."""

    follow: bool
    instance: str | None
    build: bool
    since: str | None


async def _read(deployment: str | None, project: str | None, wanted: _Wanted) -> tuple[str, str]:
    from turnout.cli.connect import connect

    async with connect() as client:
        identifier = await _which(client, deployment, project, build=wanted.build)
        chunks = [chunk async for chunk in client.logs(identifier, **asdict(wanted))]
    return identifier, b"".join(chunks).decode("utf-8", "replace")


async def _print(deployment: str | None, project: str | None, wanted: _Wanted) -> None:
    import sys

    from turnout.cli.connect import connect

    async with connect() as client:
        identifier = await _which(client, deployment, project, build=wanted.build)
        async for chunk in client.logs(identifier, **asdict(wanted)):
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()


async def _which(client: Client, deployment: str | None, project: str | None, *, build: bool) -> str:
    from turnout.cli.project import existing_project
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if deployment is not None:
        if not is_id(deployment, "dep"):
            raise Invalid(f"cannot use {deployment!r}: it is no deployment id such as dep_01k…")
        return deployment
    found = await client.project(await existing_project(client, project))
    if build and found.deployments:
        return found.deployments[0].id
    if found.live_deployment_id is None:
        raise Invalid(f"cannot tell which logs are meant: {found.project} has nothing live; name a deployment")
    return found.live_deployment_id
