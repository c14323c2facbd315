"""`turnout rollback`: an earlier deployment takes the live domains back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.options import Detach, Json, Project

if TYPE_CHECKING:
    from turnout.cli.follow import Progress
    from turnout.client import Client
    from turnout.domain.documents import OperationAccepted, OperationDocument


def rollback(
    to: Annotated[str | None, typer.Option("--to", help="The deployment to go back to; else the one before.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Refuse unless this one is live; else whichever is.")
    ] = None,
    project: Project = None,
    detach: Detach = False,
    json: Json = False,
) -> int:
    """Give the live domains back to the deployment that had them before, or to the one that is named.

    The project counts as rolled back from then on: new deployments become ready, and none goes live by itself
    until one is promoted.

    Examples:

        turnout rollback

        turnout rollback --project hello --to dep_01k…
    """
    from turnout.cli.follow import run_operation
    from turnout.cli.project import existing_project
    from turnout.domain.documents import RollbackBody

    async def begin(client: Client, progress: Progress) -> OperationAccepted:
        name = await existing_project(client, project)
        body = valid(RollbackBody, source_deployment_id=source, target_deployment_id=to)
        progress.say(f"asking for a rollback of {name}")
        return await client.rollback(name, body)

    return run_operation(begin, result, as_json=json, detach=detach)


def result(operation: OperationDocument) -> dict[str, Any]:
    """What `--json` prints of a rollback or a promote."""
    return operation.model_dump(
        mode="json",
        include={
            "operation_id",
            "deployment_id",
            "project",
            "status",
            "reason",
            "live_deployment_id",
            "previous_deployment_id",
            "generation",
            "propagation_ms",
            "steps",
            "duration_ms",
        },
    )


def valid(model: Any, **fields: str | None) -> Any:
    """A request made of what was typed. Raises Invalid."""
    from pydantic import ValidationError

    from turnout.domain.errors import Invalid
    from turnout.domain.sentences import plain

    try:
        return model(**fields)
    except ValidationError as error:
        given = plain(repr(error.errors()[0]["input"]), limit=100)
        raise Invalid(f"cannot use {given}: it is no deployment id such as dep_01k…") from None
