"""`turnout ls`: the deployments of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json, Project

if TYPE_CHECKING:
    from turnout.domain.documents import ProjectDocument


def ls(
    project: Project = None,
    env: Annotated[str | None, typer.Option("--env", help="Only deployments of this environment.")] = None,
    json: Json = False,
) -> int:
    """List deployments: which one is live, what state they are in, and their domains.

    Examples:

        turnout ls

        turnout ls --project hello --env preview --json
    """
    import asyncio

    from turnout.cli import show
    from turnout.cli.project import checked

    if env is not None:
        checked(env, "--env")
    listed = asyncio.run(_fetch(project))
    rows = tuple(each for each in listed.deployments if env is None or each.environment == env)
    listed = listed.model_copy(update={"deployments": rows})
    if json:
        show.document(listed.model_dump(mode="json"))
    else:
        _print(listed)
    return 0


async def _fetch(project: str | None) -> ProjectDocument:
    from turnout.cli.connect import connect
    from turnout.cli.project import existing_project

    async with connect() as client:
        return await client.project(await existing_project(client, project))


def _print(listed: ProjectDocument) -> None:
    from turnout.cli import show

    rows = show.plain_table("", "deployment", "env", "status", "up", "age", "branch", "commit", "domains")
    for each in listed.deployments:
        rows.add_row(
            "[green]●[/]" if each.live else "",
            each.id,
            each.environment,
            str(each.status) + show.observed(each.observation),
            str(each.instances_running),
            show.age(each.created_at),
            each.git_branch or "",
            (each.git_commit_sha or "")[:7],
            show.domains(each.domains),
        )
    show.table(rows)
    if listed.rolled_back:
        show.note(f"{listed.project} is rolled back: new deployments do not go live until one is promoted")
