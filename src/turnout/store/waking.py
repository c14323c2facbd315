"""A stopped deployment runs again: placed, let in, and put back when that comes to nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.records import Deployment, Instance, Operation, OperationKind, Project, RunSpec
from turnout.domain.statuses import OPERATION_IN_VAIN, OPERATION_TERMINAL, DeploymentStatus, check_transition
from turnout.domain.waits import Wait
from turnout.store.deployments import let_in
from turnout.store.endings import holds_domains, set_status, wanted_by
from turnout.store.lookups import lock_deployment, lock_operation, lock_project
from turnout.store.part import Part
from turnout.store.placements import remove_placements, want_running
from turnout.store.schema import deployments, operations, switches
from turnout.store.waits import find_result, write_wait

_ABLE = frozenset({DeploymentStatus.STOPPED, DeploymentStatus.READY})


class Waking(Part):
    """What the steps of a start read and write. Several operations may wake one deployment at once."""

    async def wake(self, *, operation_id: str, spec: RunSpec, regions: Iterable[str], wait: Wait) -> int:
        """Have a stopped deployment run again; returns how many instances that makes. It stays `stopped`.

        Raises Conflict when it was removed meanwhile, or when the operation has ended or is to be cancelled.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, spec.deployment_id)
            _check_able(deployment, await lock_operation(tx, operation_id))
            return await want_running(tx, spec, regions, wait)

    async def woken(self, *, operation_id: str, deployment_id: str) -> tuple[Instance, ...]:
        """It runs and passes its checks: it is `ready` again, and its instances may have traffic.

        Raises Conflict as `wake` does, and when an instance has gone again.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            _check_able(deployment, await lock_operation(tx, operation_id))
            registered = await let_in(tx, deployment_id)
            if not registered:
                raise Conflict(f"cannot start {deployment_id}: its instances ran, and stopped again")
            if check_transition(deployment.status, DeploymentStatus.READY):
                ready = update(deployments).where(deployments.c.id == deployment_id)
                await tx.execute(
                    ready.values(status=DeploymentStatus.READY, stopped_at=None, woken_by=operation_id, reason=None)
                )
            return registered

    async def put_back(self, *, operation_id: str, deployment_id: str, wait: Wait | None) -> bool:
        """Stop what this operation has started, unless it has switched or somebody else needs it now.

        Returns whether there is something to wait for; then `wait` is written down.
        """
        async with self._db.write() as tx:
            project_id = select(deployments.c.project_id).where(deployments.c.id == deployment_id)
            found: str | None = (await tx.execute(project_id)).scalar_one_or_none()
            if found is None:
                return False
            project = await lock_project(tx, found)
            deployment = await lock_deployment(tx, deployment_id)
            await lock_operation(tx, operation_id)
            if not await _stop_again(tx, project, deployment, operation_id, at=self._db.now()):
                return False
            if wait is not None:
                await write_wait(tx, wait)
            return True


async def _stop_again(
    tx: AsyncConnection, project: Project, deployment: Deployment, operation_id: str, *, at: datetime
) -> bool:
    """Stop what the operation has started, if that is its to stop. The caller holds the locks of all three."""
    if not await _is_ours_to_stop(tx, deployment, operation_id) or project.live_deployment_id == deployment.id:
        return False
    if deployment.status is DeploymentStatus.READY:
        await set_status(tx, deployment.id, DeploymentStatus.STOPPED, reason=None, at=at)
    await remove_placements(tx, deployment.id)
    return True


async def let_go(tx: AsyncConnection, operation_id: str, *, at: datetime) -> None:
    """Before an operation ends in vain: what it leaves running stops, if nobody else needs it. Deploys have `give_up`.

    Of several that fail together each sees that another one needs it still; so whoever ends last asks again.
    """
    named = select(operations).where(operations.c.id == operation_id, operations.c.kind != OperationKind.DEPLOY)
    if (found := (await tx.execute(named)).one_or_none()) is None:
        return
    project = await lock_project(tx, found.project_id)
    deployment = await lock_deployment(tx, found.deployment_id)
    if (await lock_operation(tx, operation_id)).status not in OPERATION_TERMINAL:
        await _stop_again(tx, project, deployment, operation_id, at=at)


def _check_able(deployment: Deployment, operation: Operation) -> None:
    if deployment.status not in _ABLE or deployment.removed_at is not None:
        what = "removed" if deployment.removed_at is not None else deployment.status
        raise Conflict(f"cannot start {deployment.id}: it is {what}; deploy again")
    if operation.cancel_requested_at is not None or operation.status in OPERATION_TERMINAL:
        raise Conflict(f"cannot start {deployment.id}: {operation.id} was cancelled or has ended")
    if operation.deployment_id != deployment.id:
        raise NotFound(f"cannot start {deployment.id}: it is not what {operation.id} was asked for")


async def _is_ours_to_stop(tx: AsyncConnection, deployment: Deployment, operation_id: str) -> bool:
    if deployment.status not in _ABLE or await find_result(tx, operation_id) is not None:
        return False
    if await wanted_by(tx, deployment.id, other_than=operation_id) or await holds_domains(tx, deployment.id):
        return False
    return deployment.status is DeploymentStatus.STOPPED or await _woken_in_vain(tx, deployment.id, operation_id)


async def _woken_in_vain(tx: AsyncConnection, deployment_id: str, operation_id: str) -> bool:
    """Whether it runs because of this operation, or of one that came to nothing and left it to this one."""
    switched_to = (switches.c.to_deployment_id == deployment_id, switches.c.committed_at > operations.c.ended_at)
    in_vain = and_(operations.c.status.in_(OPERATION_IN_VAIN), ~exists().where(*switched_to))
    waker = (
        select(operations.c.id)
        .join(deployments, deployments.c.woken_by == operations.c.id)
        .where(deployments.c.id == deployment_id, or_(operations.c.id == operation_id, in_vain))
    )
    return (await tx.execute(waker)).first() is not None
