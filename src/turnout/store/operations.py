"""The life of an operation and its timeline: begun, told step by step, ended once."""

from __future__ import annotations

from typing import Final

from sqlalchemy import update

from turnout.domain.errors import IllegalTransition
from turnout.domain.observation import sentence
from turnout.domain.records import Operation
from turnout.domain.statuses import (
    OPERATION_IN_VAIN,
    OPERATION_TERMINAL,
    OPERATION_TRANSITIONS,
    ObservationStatus,
    OperationStatus,
    StepStatus,
)
from turnout.store.lookups import lock_operation
from turnout.store.observations import find_observation
from turnout.store.part import Part
from turnout.store.schema import operations
from turnout.store.timeline import Line, bad_end, end_operation, write_lines
from turnout.store.waking import let_go

_DEGRADED: Final = ObservationStatus.DEGRADED


class Operations(Part):
    """What the workflows write down about themselves. Everything may be said twice."""

    async def begin_operation(self, *, operation_id: str) -> Operation:
        """Pending becomes running; any other status stays. Returns the operation as it then is."""
        async with self._db.write() as tx:
            operation = await lock_operation(tx, operation_id)
            if operation.status is OperationStatus.PENDING:
                running = {"status": OperationStatus.RUNNING, "started_at": self._db.now()}
                await tx.execute(update(operations).where(operations.c.id == operation_id).values(running))
            return await lock_operation(tx, operation_id)

    async def begin_step(self, *, operation_id: str, name: str, detail: str | None = None) -> None:
        """A line of the timeline begins. A repeat keeps the first start; a failed step tried again runs again.

        Nothing is added to the timeline of an operation that has ended.
        """
        async with self._db.write() as tx:
            operation = await lock_operation(tx, operation_id)
            if operation.status not in OPERATION_TERMINAL:
                begun = Line(name=name, status=StepStatus.RUNNING, detail=detail)
                await write_lines(tx, operation_id, [begun], at=self._db.now())

    async def end_step(self, *, operation_id: str, name: str, status: StepStatus, detail: str | None = None) -> None:
        """A line of the timeline ends; one that never began is written whole (a skipped step).

        The first end stays, and nothing changes in the timeline of an operation that has ended.
        """
        async with self._db.write() as tx:
            operation = await lock_operation(tx, operation_id)
            if operation.status not in OPERATION_TERMINAL:
                ended = Line(name=name, status=status, detail=detail)
                await write_lines(tx, operation_id, [ended], at=self._db.now())

    async def finish_operation(
        self,
        *,
        operation_id: str,
        status: OperationStatus,
        reason: str | None = None,
        propagation_ms: float | None = None,
    ) -> Operation:
        """The operation ends, and no line of its timeline stays running. The first end stays.

        One that ends in vain lets go of what it had started or was left. Raises IllegalTransition for an end
        that the table of transitions does not have.
        """
        async with self._db.write() as tx:
            if status in OPERATION_IN_VAIN:
                await let_go(tx, operation_id, at=self._db.now())
            operation = await lock_operation(tx, operation_id)
            if operation.status not in OPERATION_TERMINAL:
                if status not in OPERATION_TERMINAL or status not in OPERATION_TRANSITIONS[operation.status]:
                    raise IllegalTransition(f"cannot end an operation that is {operation.status} as {status}")
                seen = await find_observation(tx, operation_id)
                if status is OperationStatus.SUCCEEDED and seen is not None and seen.status is _DEGRADED:
                    status, reason = OperationStatus.DEGRADED, sentence(seen)
                status, reason = bad_end(operation, status, reason, at=self._db.now())
                await end_operation(tx, operation_id, status, reason, at=self._db.now(), propagation_ms=propagation_ms)
            return await lock_operation(tx, operation_id)
