"""How an operation's rows are written; every part that tells of an operation does it with these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.records import Operation
from turnout.domain.statuses import OperationStatus, StepStatus
from turnout.domain.waits import WaitKind
from turnout.store.schema import operation_steps, operations, waits

_LATE: Final = "it did not end by its deadline; ask for it again"
_DONE: Final = frozenset({OperationStatus.SUCCEEDED, OperationStatus.DEGRADED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What is to be written of one step."""

    name: str
    status: StepStatus
    detail: str | None = None


async def write_lines(tx: AsyncConnection, operation_id: str, lines: Sequence[Line], *, at: datetime) -> None:
    """Begin, end or write whole some lines of the timeline. The caller holds the operation's lock.

    A line keeps its first start, and its end unless that was a failure that is now tried again.
    """
    found = await tx.execute(
        select(operation_steps.c.name, operation_steps.c.status).where(operation_steps.c.operation_id == operation_id)
    )
    known = {row.name: StepStatus(row.status) for row in found}
    new = [line for line in lines if line.name not in known]
    if new:
        first = len(known)
        values = [_values(line, at) | {"started_at": at, "position": first + n} for n, line in enumerate(new)]
        await tx.execute(insert(operation_steps), [{"operation_id": operation_id, **each} for each in values])
    for line in lines:
        if line.name in known and _may_follow(known[line.name], line.status):
            own = (operation_steps.c.operation_id == operation_id, operation_steps.c.name == line.name)
            await tx.execute(update(operation_steps).where(*own).values(_values(line, at)))


async def end_operation(
    tx: AsyncConnection,
    operation_id: str,
    status: OperationStatus,
    reason: str | None,
    *,
    at: datetime,
    propagation_ms: float | None = None,
) -> None:
    """End an operation that has not ended, the lines of its timeline that still run, and its open waits.

    The observation of what it did goes on after its end, and so does the wait for that.
    """
    await tx.execute(
        update(operations)
        .where(operations.c.id == operation_id)
        .values(status=status, reason=reason, propagation_ms=propagation_ms, ended_at=at)
    )
    done = status in _DONE
    await tx.execute(
        update(operation_steps)
        .where(operation_steps.c.operation_id == operation_id, operation_steps.c.ended_at.is_(None))
        .values(
            status=StepStatus.DONE if done else StepStatus.FAILED,
            ended_at=at,
            detail=None if done else reason,
        )
    )
    unsettled = (waits.c.operation_id == operation_id, waits.c.settled_at.is_(None))
    await tx.execute(update(waits).where(*unsettled, waits.c.kind != WaitKind.OBSERVATION).values(settled_at=at))


def bad_end(
    operation: Operation, status: OperationStatus, reason: str | None, *, at: datetime
) -> tuple[OperationStatus, str | None]:
    """How an operation that went wrong ends: cancelled, and by whom, when somebody had asked for that before.

    Its handler is also cancelled when its deadline has passed, which nobody has asked for.
    """
    if status not in (OperationStatus.FAILED, OperationStatus.CANCELLED):
        return status, reason
    if operation.cancel_requested_at is not None:
        return OperationStatus.CANCELLED, f"cancelled by {operation.cancelled_by}"
    if status is OperationStatus.CANCELLED and operation.deadline_at is not None and operation.deadline_at <= at:
        return OperationStatus.FAILED, _LATE
    return status, reason


def _values(line: Line, at: datetime) -> dict[str, Any]:
    ended_at = None if line.status is StepStatus.RUNNING else at
    return {"name": line.name, "status": line.status, "ended_at": ended_at, "detail": line.detail}


def _may_follow(known: StepStatus, status: StepStatus) -> bool:
    if known is StepStatus.RUNNING:
        return status is not StepStatus.RUNNING
    return known is StepStatus.FAILED and status is StepStatus.RUNNING
