"""How deployments end: retired, abandoned, or given up with an operation that nobody carries on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.records import Operation, Sticky
from turnout.domain.statuses import (
    ACTIVE,
    OPERATION_TERMINAL,
    TERMINAL,
    DeploymentStatus,
    OperationStatus,
)
from turnout.domain.waits import Wait
from turnout.store.jobs import has_jobs, remove_jobs
from turnout.store.lookups import lock_deployment, lock_operation, lock_project
from turnout.store.part import Part
from turnout.store.placements import remove_placements
from turnout.store.schema import deployments, operations, placements, routes, switches
from turnout.store.timeline import bad_end, end_operation
from turnout.store.waits import find_result, write_wait


class Endings(Part):
    """A bad end never touches what is switched to; a good one never touches what is needed."""

    async def retire(self, *, deployment_id: str, generation: int) -> bool:
        """Stop a deployment that the switch of `generation` replaced. Returns whether it is stopped.

        It stays when a later switch moved one of its domains (that switch has its own message), when it is
        live, when a branch, environment or live domain leads to it, when an operation is about to use it or
        has started it since, or when it is not ready. Decided and done in one transaction: a rollback to it
        comes wholly before or wholly after.
        """
        async with self._db.write() as tx:
            project_id = select(deployments.c.project_id).where(deployments.c.id == deployment_id)
            found: str | None = (await tx.execute(project_id)).scalar_one_or_none()
            if found is None:
                return False
            project = await lock_project(tx, found)
            deployment = await lock_deployment(tx, deployment_id)
            if deployment.status is not DeploymentStatus.READY:
                return deployment.status is DeploymentStatus.STOPPED
            if project.live_deployment_id == deployment_id or await holds_domains(tx, deployment_id):
                return False
            if await _moved_after(tx, project.id, deployment_id, generation):
                return False
            if await wanted_by(tx, deployment_id) or await _woken_after(tx, deployment_id, generation):
                return False
            await set_status(tx, deployment_id, DeploymentStatus.STOPPED, reason=None, at=self._db.now())
            await remove_placements(tx, deployment_id)
            return True

    async def is_wanted(self, *, deployment_id: str) -> bool:
        """Whether an operation about this deployment is under way."""
        async with self._db.read() as tx:
            return await wanted_by(tx, deployment_id) is not None

    async def abandon_deployment(
        self,
        *,
        operation_id: str,
        deployment_id: str,
        status: DeploymentStatus,
        reason: str,
        wait: Wait | None,
    ) -> bool:
        """Undo a deploy that went wrong: status and reason, and nothing of it shall run.

        Returns whether there is something to wait for; then `wait` is written down. A deployment whose
        switch is committed is left alone. The operation is not ended here.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            operation = await lock_operation(tx, operation_id)
            end, why = bad_end(operation, OperationStatus(status.value), reason, at=self._db.now())
            await give_up(tx, deployment_id, deployment.status, DeploymentStatus(end.value), why, at=self._db.now())
            if deployment.status not in ACTIVE | TERMINAL:
                return False
            placed = select(placements.c.region).where(placements.c.deployment_id == deployment_id)
            left = (await tx.execute(placed)).first() is not None or await has_jobs(tx, deployment_id)
            if wait is None or not left:
                return False
            await write_wait(tx, wait)
            return True

    async def fail_deploy(
        self,
        *,
        operation_id: str,
        deployment_id: str,
        reason: str,
        status: DeploymentStatus = DeploymentStatus.FAILED,
    ) -> Operation:
        """End a deploy badly, all at once: deployment, instances, timeline and operation.

        `status` is failed, cancelled or superseded. What has ended stays as it is, and a deployment whose
        switch is committed cannot fail any more: its operation ends `degraded` with the reason.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            operation = await lock_operation(tx, operation_id)
            end, why = bad_end(operation, OperationStatus(status.value), reason, at=self._db.now())
            await give_up(tx, deployment_id, deployment.status, DeploymentStatus(end.value), why, at=self._db.now())
            if operation.status not in OPERATION_TERMINAL:
                switched = await find_result(tx, operation_id) is not None
                ending = OperationStatus.DEGRADED if switched else end
                await end_operation(tx, operation_id, ending, why, at=self._db.now())
            return await lock_operation(tx, operation_id)


async def give_up(
    tx: AsyncConnection,
    deployment_id: str,
    now: DeploymentStatus,
    status: DeploymentStatus,
    reason: str | None,
    *,
    at: datetime,
) -> None:
    """Unless it was switched to, the deployment ends (once) and shall run nowhere."""
    if now in ACTIVE:
        await set_status(tx, deployment_id, status, reason=reason)
    if now in ACTIVE | TERMINAL:
        await remove_placements(tx, deployment_id)
        await remove_jobs(tx, deployment_id, at=at)


async def set_status(
    tx: AsyncConnection,
    deployment_id: str,
    status: DeploymentStatus,
    *,
    reason: str | None,
    at: datetime | None = None,
) -> None:
    """Write a status that the caller has checked under the deployment's lock. `at`: when it was stopped."""
    stopped = {"stopped_at": at} if at is not None else {}
    change = update(deployments).where(deployments.c.id == deployment_id)
    await tx.execute(change.values(status=status, reason=reason, **stopped))


async def wanted_by(tx: AsyncConnection, deployment_id: str, *, other_than: str = "") -> str | None:
    """An operation about this deployment that has neither ended nor switched."""
    statement = select(operations.c.id).where(
        operations.c.deployment_id == deployment_id,
        operations.c.ended_at.is_(None),
        operations.c.generation.is_(None),
        operations.c.id != other_than,
    )
    found: str | None = (await tx.execute(statement.order_by(operations.c.id).limit(1))).scalar_one_or_none()
    return found


async def _woken_after(tx: AsyncConnection, deployment_id: str, generation: int) -> bool:
    """Whether somebody has started it since that switch: for what reason they did, the switch does not know."""
    waker = (
        select(operations.c.created_at)
        .join(deployments, deployments.c.woken_by == operations.c.id)
        .where(deployments.c.id == deployment_id)
        .scalar_subquery()
    )
    statement = select(switches.c.id).where(switches.c.generation == generation, switches.c.committed_at < waker)
    return (await tx.execute(statement)).first() is not None


async def holds_domains(tx: AsyncConnection, deployment_id: str) -> bool:
    """Whether a branch, environment or live domain leads to it."""
    sticky = select(routes.c.id).where(routes.c.deployment_id == deployment_id, routes.c.sticky != Sticky.NONE)
    return (await tx.execute(sticky)).first() is not None


async def _moved_after(tx: AsyncConnection, project_id: str, deployment_id: str, generation: int) -> bool:
    """Whether a later switch gave it a domain or took one away."""
    later = select(switches.c.routes).where(switches.c.project_id == project_id, switches.c.generation > generation)
    moved = [route for (routed,) in await tx.execute(later) for route in routed]
    return any(deployment_id in (route["from"], route["to"]) for route in moved)
