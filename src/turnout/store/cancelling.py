"""Operations that are not wanted any more: cancelled by somebody, or superseded by a newer deploy.

A cancellation is written down under the locks that the switch takes. So of a cancellation and a switch one
comes first, and the other one is refused: never both.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import gates
from turnout.domain.errors import NotFound
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Deployment, Operation, OperationKind
from turnout.domain.statuses import (
    OPERATION_IN_VAIN,
    OPERATION_TERMINAL,
    DeploymentStatus,
    OperationStatus,
)
from turnout.store import rows
from turnout.store.audit import write_audit
from turnout.store.endings import give_up
from turnout.store.lookups import lock_deployment, lock_operation, lock_project
from turnout.store.outbox import asked_operations
from turnout.store.part import Part
from turnout.store.schema import deployments, operation_steps, operations
from turnout.store.timeline import end_operation
from turnout.store.waits import find_result
from turnout.store.waking import let_go

_FIRST_STEP: Final = "lookup"
"""The first thing a handler does when its turn has come."""
_BEFORE_START: Final = frozenset({DeploymentStatus.PENDING, DeploymentStatus.BUILDING})


class Cancelling(Part):
    """What ends before it has switched, because somebody wants it so."""

    async def request_cancel(self, *, operation_id: str, workspace_id: str, actor: str) -> Operation:
        """Write down that an operation is to end, and end it at once when nothing of it has to be undone.

        From here on it cannot switch. Of a deploy nothing shall run any more, whether or not its workflow can
        be reached; what else there is to undo (a build, instances that are still going) the workflow undoes,
        and then it ends the operation. Raises NotFound, and Conflict when it has switched or ended.
        """
        async with self._db.write() as tx:
            found = await _named(tx, operation_id, workspace_id)
            await lock_project(tx, found.project_id)
            deployment = await lock_deployment(tx, found.deployment_id)
            operation = await lock_operation(tx, operation_id)
            switched = await find_result(tx, operation_id) is not None
            if (refusal := gates.may_cancel(operation, deployment, switched=switched)) is not None:
                raise refusal
            if operation.status in OPERATION_TERMINAL or operation.cancel_requested_at is not None:
                return operation
            reason = f"cancelled by {actor}"
            now = self._db.now()
            asked = update(operations).where(operations.c.id == operation_id)
            await tx.execute(asked.values(cancel_requested_at=now, cancelled_by=actor))
            await write_audit(
                tx,
                at=now,
                workspace_id=workspace_id,
                project_id=operation.project_id,
                actor=actor,
                action=f"{operation.kind}.cancelled",
                subject=operation_id,
                detail={"deployment_id": operation.deployment_id},
            )
            has_begun = await _has_begun(tx, operation, deployment)
            if operation.kind is OperationKind.DEPLOY:
                await give_up(tx, deployment.id, deployment.status, DeploymentStatus.CANCELLED, reason, at=now)
            if not has_begun:
                await let_go(tx, operation_id, at=now)  # others may have left something running for this one
                await end_operation(tx, operation_id, OperationStatus.CANCELLED, reason, at=now)
            return await lock_operation(tx, operation_id)

    async def operations_to_cancel(self) -> tuple[UnsentOperation, ...]:
        """Operations that somebody has cancelled and whose workflow has not ended yet, oldest first."""
        asked = operations.c.cancel_requested_at.is_not(None)
        async with self._db.read() as tx:
            return await asked_operations(tx, operations.c.ended_at.is_(None), asked)

    async def supersede_if_overtaken(self, *, operation_id: str) -> Operation | None:
        """End a deploy whose turn has come when a newer one of the same environment and branch is on its way.

        Returns that newer one; None when there is none, and when the deploy has started instances already.
        """
        return await self._supersede_if_overtaken(operation_id, queued=False)

    async def _supersede_if_overtaken(self, operation_id: str, *, queued: bool) -> Operation | None:
        """`queued`: only if it still waits, for its handler or for its turn."""
        async with self._db.write() as tx:
            newer = await find_overtaking(tx, operation_id)
            if newer is None:
                return None
            named = select(operations.c.deployment_id).where(operations.c.id == operation_id)
            deployment = await lock_deployment(tx, (await tx.execute(named)).scalar_one())
            operation = await lock_operation(tx, operation_id)
            if operation.status in OPERATION_TERMINAL or deployment.status not in _BEFORE_START:
                return None
            if queued and await _has_begun(tx, operation, deployment):
                return None
            await self._supersede(tx, deployment, operation_id, newer)
            return newer

    async def overtaking_operation(self, *, operation_id: str) -> Operation | None:
        """The newest later deploy of the same environment and branch that has not given up.

        A deploy that is still in the queue then and finds one ends `superseded`.
        """
        async with self._db.read() as tx:
            return await find_overtaking(tx, operation_id)

    async def supersede_queued(self) -> tuple[str, ...]:
        """End every deploy that waits in its project's queue and that a newer one has overtaken.

        Returns their operations. One that begins to build meanwhile goes on, and one whose turn comes decides for
        itself, with the same rule.
        """
        async with self._db.read() as tx:
            found = list((await tx.execute(_OVERTAKEN)).scalars())
        return tuple([each for each in found if await self._supersede_if_overtaken(each, queued=True) is not None])

    async def _supersede(self, tx: AsyncConnection, old: Deployment, operation_id: str, newer: Operation) -> None:
        reason = f"superseded by {newer.id}, which deploys {newer.deployment_id} to the same environment and branch"
        await give_up(tx, old.id, old.status, DeploymentStatus.SUPERSEDED, reason, at=self._db.now())
        operation = await lock_operation(tx, operation_id)
        if operation.status not in OPERATION_TERMINAL:
            await end_operation(tx, operation_id, OperationStatus.SUPERSEDED, reason, at=self._db.now())


async def find_overtaking(tx: AsyncConnection, operation_id: str) -> Operation | None:
    """See `overtaking_operation`."""
    own, mine, theirs = operations.alias("own"), deployments.alias("mine"), deployments.alias("theirs")
    statement = (
        select(operations)
        .join(own, own.c.environment_id == operations.c.environment_id)
        .join(mine, mine.c.id == own.c.deployment_id)
        .join(theirs, theirs.c.id == operations.c.deployment_id)
        .where(
            own.c.id == operation_id,
            operations.c.kind == OperationKind.DEPLOY,
            operations.c.status.not_in(OPERATION_IN_VAIN),
            operations.c.cancel_requested_at.is_(None),
            mine.c.git_branch.is_not_distinct_from(theirs.c.git_branch),
            earlier(own, operations),
        )
        .order_by(operations.c.created_at.desc(), operations.c.id.desc())
        .limit(1)
    )
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else rows.operation_from(row)


def earlier(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether one operation was asked for before another."""
    same_moment = and_(one.c.created_at == other.c.created_at, one.c.id < other.c.id)
    return or_(one.c.created_at < other.c.created_at, same_moment)


async def _named(tx: AsyncConnection, operation_id: str, workspace_id: str) -> Any:
    statement = select(operations.c.project_id, operations.c.deployment_id).where(
        operations.c.id == operation_id, operations.c.workspace_id == workspace_id
    )
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no operation {operation_id}")
    return row


async def _has_begun(tx: AsyncConnection, operation: Operation, deployment: Deployment) -> bool:
    """Whether there may be something to undo: a build that goes on, or instances.

    A deploy in the queue has none, and nor has a rollback or promote that need not start anything.
    """
    if operation.status is OperationStatus.PENDING:
        return False
    if operation.kind is not OperationKind.DEPLOY:
        return operation.wakes
    turn = select(operations.c.id).where(operations.c.id == operation.id, turn_has_come(operations))
    return deployment.image is None or (await tx.execute(turn)).first() is not None


def turn_has_come(of: Any) -> ColumnElement[bool]:
    return exists().where(operation_steps.c.operation_id == of.c.id, operation_steps.c.name == _FIRST_STEP)


def _overtaken() -> Select[Any]:
    own, mine = operations.alias("own"), deployments.alias("mine")
    newer, theirs = operations.alias("newer"), deployments.alias("theirs")
    return (
        select(own.c.id)
        .distinct()
        .join(mine, mine.c.id == own.c.deployment_id)
        .join(newer, newer.c.environment_id == own.c.environment_id)
        .join(theirs, theirs.c.id == newer.c.deployment_id)
        .where(
            own.c.status.in_([OperationStatus.PENDING, OperationStatus.RUNNING]),
            own.c.kind == OperationKind.DEPLOY,
            own.c.cancel_requested_at.is_(None),
            or_(own.c.status == OperationStatus.PENDING, mine.c.image.is_not(None)),
            ~turn_has_come(own),
            newer.c.kind == OperationKind.DEPLOY,
            newer.c.status.not_in(OPERATION_IN_VAIN),
            newer.c.cancel_requested_at.is_(None),
            mine.c.git_branch.is_not_distinct_from(theirs.c.git_branch),
            earlier(own, newer),
        )
        .order_by(own.c.id)
    )


_OVERTAKEN: Final = _overtaken()
"""The queued deploys with a newer one. Made once: it is asked after every change, and to put it together takes longer
than to have it answered."""
