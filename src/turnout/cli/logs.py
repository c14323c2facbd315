"""`turnout logs`: what an app prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.client import Client


def logs(
    *,
    deployment: Annotated[str | None, typer.Argument(help="The deployment; else the one that is live.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print what comes.")] = False,
    instance: Annotated[str | None, typer.Option("--instance", help="Only what this instance prints.")] = None,
    build: Annotated[bool, typer.Option("--build", help="What the build printed, instead.")] = False,
    project: Project = None,
    json: Json = False,
) -> int:
    """Print what a deployment's instances print.

    Examples:

        turnout logs

        turnout logs dep_01k… -f
    """
    import asyncio

    from turnout.cli import show
    from turnout.domain.errors import Invalid, NotBuilt

    if build:
        raise NotBuilt("cannot show what a build printed: this version of Turnout does not keep it")
    if json and follow:
        raise Invalid("cannot follow with --json: one document has an end; leave out one of the two")
    if json:
        identifier, text = asyncio.run(_read(deployment, project, instance))
        show.document({"deployment_id": identifier, "instance_id": instance, "log": text})
        return 0
    try:
        asyncio.run(_print(deployment, project, instance, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise
    return 0


async def _read(deployment: str | None, project: str | None, instance: str | None) -> tuple[str, str]:
    from turnout.cli.connect import connect

    async with connect() as client:
        identifier = await _which(client, deployment, project)
        chunks = [chunk async for chunk in client.logs(identifier, instance=instance)]
    return identifier, b"".join(chunks).decode("utf-8", "replace")


async def _print(deployment: str | None, project: str | None, instance: str | None, *, follow: bool) -> None:
    import sys

    from turnout.cli.connect import connect

    async with connect() as client:
        identifier = await _which(client, deployment, project)
        async for chunk in client.logs(identifier, follow=follow, instance=instance):
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()


async def _which(client: Client, deployment: str | None, project: str | None) -> str:
    from turnout.cli.project import existing_project
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if deployment is not None:
        if not is_id(deployment, "dep"):
            raise Invalid(f"cannot use {deployment!r}: it is no deployment id such as dep_01k…")
        return deployment
    found = await client.project(await existing_project(client, project))
    if found.live_deployment_id is None:
        raise Invalid(f"cannot tell which logs are meant: {found.project} has nothing live; name a deployment")
    return found.live_deployment_id
