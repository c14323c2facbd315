"""`turnout start`: a stopped deployment runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.cli.options import Detach, Json
from turnout.cli.stop import Which, checked_deployment

if TYPE_CHECKING:
    from turnout.cli.follow import Progress
    from turnout.client import Client
    from turnout.domain.documents import OperationAccepted, OperationDocument


def start(deployment: Which, detach: Detach = False, json: Json = False) -> int:
    """Start a stopped deployment and check it. No domain moves; it answers at its own address.

    Examples:

        turnout start dep_01k…
    """
    from turnout.cli.follow import run_operation

    identifier = checked_deployment(deployment)

    async def begin(client: Client, progress: Progress) -> OperationAccepted:
        progress.say(f"asking for a start of {identifier}")
        return await client.start(identifier)

    return run_operation(begin, result, as_json=json, detach=detach)


def result(operation: OperationDocument) -> dict[str, Any]:
    """What `--json` prints of a start."""
    included = {"operation_id", "deployment_id", "project", "status", "reason", "domains", "steps", "duration_ms"}
    return operation.model_dump(mode="json", include=included)
