"""One deployment: its plan, its status, what was found out about it."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.plans import DeployPlan
from turnout.domain.records import BuildOptions, Deployment, Instance
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, check_transition
from turnout.store import rows
from turnout.store.counters import mark_changed
from turnout.store.lookups import find_deployment, lock_deployment
from turnout.store.part import Part
from turnout.store.schema import (
    build_options,
    deployment_columns,
    deployments,
    environments,
    instances,
    projects,
    routes,
    workspaces,
)

_NOT_BUILT = frozenset({DeploymentStatus.PENDING, DeploymentStatus.BUILDING})


class Deployments(Part):
    """What the steps of a deploy read and write."""

    async def load_deploy_plan(self, *, deployment_id: str) -> DeployPlan:
        """Everything the steps need, from one moment. Raises NotFound."""
        async with self._db.read() as tx:
            statement = select(*deployment_columns).where(deployments.c.id == deployment_id)
            found = (await tx.execute(statement)).one_or_none()
            if found is None:
                raise NotFound(f"there is no deployment {deployment_id}")
            project = (await tx.execute(select(projects).where(projects.c.id == found.project_id))).one()
            environment = select(environments).where(environments.c.id == found.environment_id)
            workspace = select(workspaces).where(workspaces.c.id == project.workspace_id)
            options = select(build_options.c.options).where(build_options.c.deployment_id == deployment_id)
            return DeployPlan(
                workspace=rows.workspace_from((await tx.execute(workspace)).one()),
                project=rows.project_from(project),
                environment=rows.environment_from((await tx.execute(environment)).one()),
                deployment=rows.deployment_from(found),
                build=BuildOptions.from_document((await tx.execute(options)).scalar_one_or_none() or {}),
            )

    async def get_deployment(self, *, deployment_id: str, workspace_id: str) -> Deployment:
        """Raises NotFound, also for another workspace's deployment."""
        async with self._db.read() as tx:
            found = await find_deployment(tx, deployment_id, workspace_id=workspace_id)
            if found is None:
                raise NotFound(f"there is no deployment {deployment_id}")
            return found

    async def list_deployments(self, *, project_id: str, limit: int) -> tuple[Deployment, ...]:
        """The newest deployments of a project that were not removed, newest first."""
        statement = (
            select(*deployment_columns)
            .where(deployments.c.project_id == project_id, deployments.c.removed_at.is_(None))
            .order_by(deployments.c.created_at.desc(), deployments.c.id.desc())
            .limit(limit)
        )
        async with self._db.read() as tx:
            return tuple(rows.deployment_from(row) for row in await tx.execute(statement))

    async def advance_deployment(self, *, deployment_id: str, status: DeploymentStatus) -> None:
        """Change the status, if the table of transitions allows it. Raises IllegalTransition if not."""
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            if check_transition(deployment.status, status):
                statement = update(deployments).where(deployments.c.id == deployment_id)
                await tx.execute(statement.values(status=status))

    async def set_image(self, *, deployment_id: str, image: str) -> None:
        """What the build made. A build that ran twice may say another image; a deployment that runs may not.

        Raises Conflict then.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            if deployment.image == image:
                return
            if deployment.status not in _NOT_BUILT:
                raise Conflict(
                    f"cannot change the image of {deployment_id}: it is {deployment.status}, and a version is "
                    "what it was when it was built; deploy again"
                )
            await tx.execute(update(deployments).where(deployments.c.id == deployment_id).values(image=image))

    async def register_instances(self, *, deployment_id: str) -> tuple[Instance, ...]:
        """Let the running instances have traffic, and return them: all that are registered and run."""
        async with self._db.write() as tx:
            await lock_deployment(tx, deployment_id)
            return await let_in(tx, deployment_id)


async def let_in(tx: AsyncConnection, deployment_id: str) -> tuple[Instance, ...]:
    """Register the running instances for traffic. The caller holds the deployment's lock."""
    running = (instances.c.deployment_id == deployment_id, instances.c.status == InstanceStatus.RUNNING)
    fresh = update(instances).where(*running, instances.c.registered.is_(False))
    changed = (await tx.execute(fresh.values(registered=True))).rowcount
    found = await tx.execute(select(instances).where(*running).order_by(instances.c.id))
    registered = tuple(rows.instance_from(row) for row in found)
    if changed:
        routed = select(routes.c.project_id).where(routes.c.deployment_id == deployment_id).distinct()
        await mark_changed(tx, (await tx.execute(routed)).scalars())
    return registered
