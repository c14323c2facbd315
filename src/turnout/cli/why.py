"""`turnout why`: what an operation waits for, or how it came to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import Json

if TYPE_CHECKING:
    from turnout.domain.documents import OperationDocument


def why(
    which: Annotated[str, typer.Argument(metavar="OPERATION|DEPLOYMENT", help="An op_… or a dep_….")],
    json: Json = False,
) -> int:
    """Say what an operation waits for: since when, until when, and who is before it.

    Examples:

        turnout why op_01k…
    """
    import asyncio

    from turnout.cli import show

    operation = asyncio.run(_fetch(which))
    if json:
        included = {"operation_id", "kind", "project", "environment", "deployment_id", "status", "reason", "live"}
        included |= {"waiting_for", "waiting", "steps", "created_at", "started_at", "ended_at", "duration_ms"}
        show.document(operation.model_dump(mode="json", include=included))
    else:
        print("\n".join(lines(operation)))
    return 0


async def _fetch(which: str) -> OperationDocument:
    from turnout.cli.cancel import which_operation
    from turnout.cli.connect import connect

    async with connect() as client:
        return await client.operation(await which_operation(client, which, None))


def lines(operation: OperationDocument) -> list[str]:
    """The answer, a sentence a line."""
    from turnout.cli import show
    from turnout.domain.statuses import OPERATION_TERMINAL, StepStatus

    what = f"{operation.operation_id}, {operation.kind} of {operation.deployment_id} ({operation.project})"
    if operation.status in OPERATION_TERMINAL:
        told = [f"{what} is {operation.status}, {show.duration(operation.duration_ms)} after it was asked for"]
        failed = next((step for step in operation.steps if step.status is StepStatus.FAILED), None)
        told += [f"it ended in the step {failed.name}"] if failed is not None else []
        return told + ([operation.reason] if operation.reason else [])
    waiting = operation.waiting
    if waiting is None:
        running = [step.name for step in operation.steps if step.ended_at is None]
        return [
            f"{what} is {operation.status} and waits for nobody",
            *(f"it is at the step {name}" for name in running),
        ]
    told = [f"{what} is {waiting.phase}", f"it waits for {waiting.what}", f"since {show.age(waiting.since)}"]
    return told + [f"ahead of it: {', '.join(waiting.ahead)}"] * bool(waiting.ahead)
