"""`turnout promote`: a deployment takes the live domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Detach, Json, Project

if TYPE_CHECKING:
    from turnout.cli.follow import Progress
    from turnout.client import Client
    from turnout.domain.documents import OperationAccepted


def promote(
    deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="The deployment that goes live.")],
    project: Project = None,
    detach: Detach = False,
    json: Json = False,
) -> int:
    """Give the live domains to this deployment, and let new deployments go live again.

    Examples:

        turnout promote dep_01k…
    """
    from turnout.cli.follow import run_operation
    from turnout.cli.project import existing_project
    from turnout.cli.rollback import result, valid
    from turnout.domain.documents import PromoteBody

    async def begin(client: Client, progress: Progress) -> OperationAccepted:
        name = await existing_project(client, project)
        body = valid(PromoteBody, target_deployment_id=deployment)
        progress.say(f"asking for a promote of {deployment}")
        return await client.promote(name, body)

    return run_operation(begin, result, as_json=json, detach=detach)
