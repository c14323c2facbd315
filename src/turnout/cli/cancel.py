"""`turnout cancel`: an operation that has not switched yet ends, and what it has begun is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.options import Detach, Json, Project

if TYPE_CHECKING:
    from turnout.cli.follow import Progress
    from turnout.client import Client
    from turnout.domain.documents import OperationAccepted, OperationDocument


def cancel(
    which: Annotated[
        str | None, typer.Argument(metavar="[OPERATION|DEPLOYMENT]", help="Else the only one of the project.")
    ] = None,
    project: Project = None,
    detach: Detach = False,
    json: Json = False,
) -> int:
    """Cancel an operation: queued, building, starting, or anything else before the switch.

    What it has begun is undone, and traffic is untouched. After the switch it is too late: roll back instead.

    Examples:

        turnout cancel

        turnout cancel op_01k…
    """
    from turnout.cli.follow import run_operation
    from turnout.domain.documents import OperationAccepted
    from turnout.domain.statuses import OperationStatus

    async def begin(client: Client, progress: Progress) -> OperationAccepted:
        operation_id = await which_operation(client, which, project)
        progress.say(f"cancelling {operation_id}")
        cancelled = await client.cancel(operation_id)
        return OperationAccepted(operation_id=cancelled.operation_id, deployment_id=cancelled.deployment_id)

    return run_operation(
        begin, result, as_json=json, detach=detach, good=frozenset({OperationStatus.CANCELLED}), end=_print_end
    )


def result(operation: OperationDocument) -> dict[str, Any]:
    """What `--json` prints of a cancellation."""
    included = {"operation_id", "deployment_id", "project", "kind", "status", "reason", "steps", "duration_ms"}
    return operation.model_dump(mode="json", include=included)


def _print_end(operation: OperationDocument) -> None:
    print(f"{operation.kind} of {operation.deployment_id} is {operation.status}: {operation.reason}")


async def which_operation(client: Client, which: str | None, project: str | None) -> str:
    """The operation that was named, or that of the deployment that was named, or the only open one.

    Raises Invalid naming the choices when that leaves several, or none.
    """
    from turnout.cli.project import existing_project
    from turnout.domain.errors import Invalid
    from turnout.domain.ids import is_id

    if which is not None:
        if is_id(which, "op"):
            return which
        if is_id(which, "dep"):
            return (await client.operation_of(which)).operation_id
        raise Invalid(f"cannot use {which!r}: it is neither an operation (op_…) nor a deployment (dep_…)")
    name = await existing_project(client, project)
    open_ones = [each.operation_id for each in (await client.status()).operations if each.project == name]
    if len(open_ones) == 1:
        return open_ones[0]
    if not open_ones:
        raise Invalid(f"cannot tell which operation is meant: none of {name} is under way; name one")
    raise Invalid(f"cannot tell which operation is meant: choose one of {', '.join(open_ones)}")
