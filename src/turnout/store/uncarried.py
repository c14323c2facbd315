"""Operations that nobody carries on: overdue, or lost by Restate. They are sent again, or end without their handler."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.findings import FindingKind, Remedy
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Operation, OperationKind
from turnout.domain.statuses import OPERATION_TERMINAL, DeploymentStatus, OperationStatus
from turnout.domain.waits import Outcome, generation_acknowledged, unacknowledged
from turnout.store import rows
from turnout.store.audit import write_repair
from turnout.store.cancelling import turn_has_come
from turnout.store.endings import give_up
from turnout.store.lookups import lock_deployment, lock_operation, lock_project
from turnout.store.outbox import asked_operations
from turnout.store.part import Part
from turnout.store.schema import gateways, operations
from turnout.store.timeline import bad_end, end_operation
from turnout.store.waits import find_result
from turnout.store.waking import let_go

_OVERDUE: Final = "it did not end by its deadline, and nobody carried it on; deploy again"


class Uncarried(Part):
    """Everything may be said twice, and by several at once."""

    async def overdue_operations(self, *, at: datetime) -> tuple[UnsentOperation, ...]:
        """Operations that have not ended, and whose deadline has passed now and had `at` that time, oldest first."""
        late = operations.c.deadline_at <= min(at, self._db.now())
        async with self._db.read() as tx:
            return await asked_operations(tx, operations.c.ended_at.is_(None), late)

    async def end_overdue(self, *, operation_id: str, at: datetime) -> None:
        """End an operation that nobody carries on, undo what it had begun, and end its open waits with it.

        Does nothing when it has ended, or when its deadline is later than now or `at`. One that has switched ends
        `degraded`: its deployment cannot fail any more.
        """
        async with self._db.write() as tx:
            late = operations.c.deadline_at <= min(at, self._db.now())
            if (operation := await _lock_open(tx, operation_id, late)) is None:
                return
            if await find_result(tx, operation_id) is not None:
                await end_operation(tx, operation_id, OperationStatus.DEGRADED, _OVERDUE, at=self._db.now())
            else:
                await _undo(tx, operation, _OVERDUE, at=self._db.now())

    async def end_lost(self, *, operation_id: str, why: str) -> bool:
        """The same of an operation that Restate has lost, whenever that is. Returns whether it ended by this.

        One that has switched was only waiting for the gateways: it ends by what they have acknowledged.
        """
        async with self._db.write() as tx:
            if (operation := await _lock_open(tx, operation_id, true())) is None:
                return False
            await _note(tx, operation, Remedy.END, at=self._db.now())
            switched = await find_result(tx, operation_id)
            if switched is None:
                reason = f"nobody carries it on: {why}; what it had begun is undone, please ask for it again"
                await _undo(tx, operation, reason, at=self._db.now())
            else:
                known = [rows.gateway_from(row) for row in await tx.execute(select(gateways))]
                seen = generation_acknowledged(
                    known, generation=switched.generation, committed_at=switched.committed_at
                ) or Outcome(ok=False, reason=unacknowledged(known, generation=switched.generation))
                await end_operation(
                    tx,
                    operation_id,
                    OperationStatus.SUCCEEDED if seen.ok else OperationStatus.DEGRADED,
                    seen.reason,
                    at=self._db.now(),
                    propagation_ms=seen.propagation_ms,
                )
            return True

    async def to_send_again(self, *, operation_id: str) -> UnsentOperation | None:
        """What is to be sent to Restate once more; None when it has ended, or its turn has come."""
        async with self._db.write() as tx:
            begun = turn_has_come(operations)
            if (operation := await _lock_open(tx, operation_id, ~begun)) is None:
                return None
            await _note(tx, operation, Remedy.RESEND, at=self._db.now())
            (asked,) = await asked_operations(tx, operations.c.id == operation_id)
            return asked


async def _lock_open(tx: AsyncConnection, operation_id: str, condition: ColumnElement[bool]) -> Operation | None:
    """The operation, with its project and deployment, held; None when it has ended or the condition does not hold."""
    named = select(operations.c.project_id, operations.c.deployment_id).where(operations.c.id == operation_id)
    row = (await tx.execute(named)).one_or_none()
    if row is None:
        return None
    await lock_project(tx, row.project_id)
    await lock_deployment(tx, row.deployment_id)
    operation = await lock_operation(tx, operation_id)
    holds = select(operations.c.id).where(operations.c.id == operation_id, condition)
    if operation.status in OPERATION_TERMINAL or (await tx.execute(holds)).first() is None:
        return None
    return operation


async def _undo(tx: AsyncConnection, operation: Operation, reason: str, *, at: datetime) -> None:
    """What the handler's own undo would do, but for the waiting."""
    status, why = bad_end(operation, OperationStatus.FAILED, reason, at=at)
    deployment = await lock_deployment(tx, operation.deployment_id)
    if operation.kind is OperationKind.DEPLOY:
        await give_up(tx, deployment.id, deployment.status, DeploymentStatus(status.value), why, at=at)
    else:
        await let_go(tx, operation.id, at=at)
    await end_operation(tx, operation.id, status, why, at=at)


async def _note(tx: AsyncConnection, operation: Operation, remedy: Remedy, *, at: datetime) -> None:
    owner = select(operations.c.workspace_id).where(operations.c.id == operation.id)
    await write_repair(
        tx,
        at=at,
        workspace_id=(await tx.execute(owner)).scalar_one(),
        project_id=operation.project_id,
        kind=FindingKind.OPERATION_LOST,
        subject=operation.id,
        remedy=remedy,
    )
