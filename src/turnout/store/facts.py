"""What the gates look at, loaded in the transaction that asks them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Invalid
from turnout.domain.gates import SwitchFacts
from turnout.domain.records import Deployment, OperationKind, Project
from turnout.domain.routing import live_before
from turnout.domain.statuses import DeploymentStatus, InstanceStatus
from turnout.store.lookups import count_running, find_environment, routes_that_move
from turnout.store.schema import deployments, instances, switches


async def switch_facts(
    tx: AsyncConnection, project: Project, source: Deployment | None, target: Deployment | None
) -> SwitchFacts:
    """The facts of one switch, whether or not its deployments exist."""
    if target is None:
        return SwitchFacts(
            project=project,
            source=source,
            target=None,
            target_environment=None,
            target_running=0,
            routes=(),
        )
    return SwitchFacts(
        project=project,
        source=source,
        target=target,
        target_environment=await find_environment(tx, target.environment_id),
        target_running=await count_running(tx, target.id),
        routes=await routes_that_move(tx, target.project_id, target.environment_id),
    )


async def rollback_target(tx: AsyncConnection, project: Project) -> str:
    """Where a rollback leads that names no target: the nearest in the history that is ready and runs.

    When none does, the nearest that is stopped and can be started again. Raises Invalid if there is none.
    """
    running = (
        select(instances.c.deployment_id)
        .join(deployments, deployments.c.id == instances.c.deployment_id)
        .where(
            deployments.c.project_id == project.id,
            deployments.c.status == DeploymentStatus.READY,
            instances.c.status == InstanceStatus.RUNNING,
        )
    )
    history = (
        select(switches.c.kind, switches.c.to_deployment_id)
        .where(switches.c.project_id == project.id, switches.c.to_deployment_id.is_not(None))
        .order_by(switches.c.generation)
    )
    stopped = select(deployments.c.id).where(
        deployments.c.project_id == project.id,
        deployments.c.status == DeploymentStatus.STOPPED,
        deployments.c.removed_at.is_(None),
    )
    made = [(kind == OperationKind.ROLLBACK, live) for kind, live in await tx.execute(history)]
    before = live_before(made)
    for able in (running, stopped):
        candidates = set((await tx.execute(able)).scalars())
        for deployment_id in before:
            if deployment_id in candidates:
                return deployment_id
    raise Invalid("cannot roll back: no deployment that was live before is left; name one with --to, or deploy")
