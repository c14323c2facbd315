"""What is kept of deployments that are not live: stopped, removed, and what of their files is still needed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import gates
from turnout.domain.errors import NotFound
from turnout.domain.keeping import Kept, KeptBuild
from turnout.domain.records import Backend, Deployment, Project, Route, Sticky
from turnout.domain.secrets import mark_of, snapshot_from_bytes
from turnout.domain.statuses import TERMINAL, DeploymentStatus
from turnout.store import rows
from turnout.store.audit import write_audit
from turnout.store.counters import mark_changed, take_number
from turnout.store.custom_routes import number_project
from turnout.store.endings import holds_domains, set_status, wanted_by
from turnout.store.lookups import find_deployment, lock_deployment, lock_project
from turnout.store.part import Part
from turnout.store.placements import remove_placements
from turnout.store.schema import (
    build_options,
    deployments,
    instances,
    projects,
    routes,
    sentinel_configs,
    sources,
    workspaces,
)

_ENDED: Final = [status.value for status in TERMINAL]
_RETENTION: Final = "retention"
"""Who removes what is more than is to be kept."""
_FRESH_UPLOAD: Final = timedelta(hours=1)
"""An upload that no deployment names yet: its deploy may be about to be asked for."""


class Keeping(Part):
    """Stop, remove, and the list of what must not be collected."""

    async def stop_deployment(self, *, workspace_id: str, deployment_id: str, actor: str) -> Deployment:
        """Have a deployment run nowhere that nothing leads to but its own address; it can be started again.

        Raises NotFound, and what the gate says. One that is stopped already stays so.
        """
        async with self._db.write() as tx:
            project = await _lock_project_of(tx, deployment_id, workspace_id)
            deployment = await lock_deployment(tx, deployment_id)
            leading, wanted = await _leading(tx, deployment_id), await wanted_by(tx, deployment_id)
            if (refusal := gates.may_stop(deployment, project, leading=leading, wanted_by=wanted)) is not None:
                raise refusal
            if deployment.status is DeploymentStatus.READY:
                await set_status(tx, deployment_id, DeploymentStatus.STOPPED, reason=None, at=self._db.now())
                await remove_placements(tx, deployment_id)
                await self._note(tx, project, deployment_id, actor, "stopped")
            return await lock_deployment(tx, deployment_id)

    async def remove_deployment(
        self, *, workspace_id: str, deployment_id: str, actor: str, with_domains: bool = False
    ) -> None:
        """Forget a deployment: its own domain goes, nothing of it runs, and its files may be collected.

        `with_domains`: the domains of a branch or an environment that lead to it go too; else they keep it.

        The row stays, marked as removed, because operations and the history of switches speak of it. Raises
        NotFound (also when it was removed before), and what the gate says.
        """
        async with self._db.write() as tx:
            project = await _lock_project_of(tx, deployment_id, workspace_id)
            deployment = await lock_deployment(tx, deployment_id)
            leading, wanted = await _leading(tx, deployment_id), await wanted_by(tx, deployment_id)
            refusal = gates.may_remove(
                deployment, project, leading=leading, wanted_by=wanted, with_domains=with_domains
            )
            if refusal is not None:
                raise refusal
            await self._remove(tx, project, deployment, actor, leading=leading)

    async def expire(self, *, keep: int) -> tuple[str, ...]:
        """Remove the stopped deployments of each environment beyond the `keep` that were stopped last.

        Returns the ids of those that were removed. One that an operation is about to use stays.
        """
        place = (
            func.row_number()
            .over(
                partition_by=deployments.c.environment_id,
                order_by=[func.coalesce(deployments.c.stopped_at, deployments.c.created_at).desc(), deployments.c.id],
            )
            .label("place")
        )
        stopped = (
            select(deployments.c.id, deployments.c.project_id, place)
            .where(deployments.c.status == DeploymentStatus.STOPPED, deployments.c.removed_at.is_(None))
            .subquery()
        )
        async with self._db.read() as tx:
            beyond = (await tx.execute(select(stopped).where(stopped.c.place > keep))).all()
        return tuple([row.id for row in beyond if await self._expire_one(row.id, row.project_id)])

    async def deployments_of_others(self, *, workspace_id: str, among: Collection[str]) -> frozenset[str]:
        """Those among these names that are deployments of another workspace."""
        owned = (
            select(deployments.c.id)
            .join(projects, deployments.c.project_id == projects.c.id)
            .where(projects.c.workspace_id != workspace_id)
        )
        async with self._db.read() as tx:
            return frozenset((await tx.execute(owned.where(deployments.c.id.in_(among)))).scalars())

    async def kept(self, *, ended: int) -> Kept:
        """What must not be collected: the files of every deployment that was not removed, or still runs.

        Of the failed, cancelled and superseded ones only what they printed is kept, and that only of the
        newest `ended` of each environment.
        """
        async with self._db.read() as tx:
            found = (await tx.execute(_with_place())).all()
            in_use = set((await tx.execute(select(instances.c.deployment_id).distinct())).scalars())
            mentioned = select(deployments.c.image).where(
                deployments.c.backend == Backend.DOCKER,
                deployments.c.image.is_not(None),
                deployments.c.source_id.is_not(None),
            )
            built = frozenset((await tx.execute(mentioned.distinct())).scalars())
            fresh = select(sources.c.id).where(sources.c.created_at > self._db.now() - _FRESH_UPLOAD)
            uploads = frozenset((await tx.execute(fresh)).scalars())
        alive = [row for row in found if row.id in in_use or row.status not in _ENDED]
        images = frozenset(row.image for row in alive if row.image is not None)
        return Kept(
            deployments=frozenset(row.id for row in alive) | {row.id for row in found if row.place <= ended},
            images=images,
            builds=frozenset(
                KeptBuild(
                    workspace=row.slug,
                    source_id=row.source_id,
                    build_command=tuple(row.build_command),
                    secrets_mark=_secrets_mark(row),
                )
                for row in alive
                if row.source_id is not None and row.image is None
            ),
            sources=uploads | {row.source_id for row in alive if row.source_id is not None},
            built_images=built - images,
        )

    async def forget_sources(self, *, kept: frozenset[str]) -> None:
        """Let go of the uploads that are not kept: who wants to deploy one of them uploads it again."""
        old = sources.c.created_at <= self._db.now() - _FRESH_UPLOAD
        async with self._db.write() as tx:
            known = set((await tx.execute(select(sources.c.id).where(old))).scalars())
            used = select(deployments.c.source_id).where(
                deployments.c.source_id.is_not(None), deployments.c.removed_at.is_(None)
            )
            used = used.where(deployments.c.status.not_in(_ENDED))
            gone = known - kept - set((await tx.execute(used)).scalars())
            if gone:
                await tx.execute(delete(sources).where(sources.c.id.in_(gone), old))

    async def _expire_one(self, deployment_id: str, project_id: str) -> bool:
        async with self._db.write() as tx:
            project = await lock_project(tx, project_id)
            deployment = await lock_deployment(tx, deployment_id)
            if deployment.status is not DeploymentStatus.STOPPED or deployment.removed_at is not None:
                return False
            if await wanted_by(tx, deployment_id) or await holds_domains(tx, deployment_id):
                return False
            await self._remove(tx, project, deployment, _RETENTION)
            return True

    async def _remove(
        self,
        tx: AsyncConnection,
        project: Project,
        deployment: Deployment,
        actor: str,
        *,
        leading: tuple[Route, ...] = (),
    ) -> None:
        own = select(routes.c.fqdn).where(routes.c.deployment_id == deployment.id)
        names = list((await tx.execute(own)).scalars())
        await tx.execute(delete(sentinel_configs).where(sentinel_configs.c.fqdn.in_(names)))
        await tx.execute(delete(routes).where(routes.c.deployment_id == deployment.id))
        if deployment.status is DeploymentStatus.READY:
            await set_status(tx, deployment.id, DeploymentStatus.STOPPED, reason=None, at=self._db.now())
        removed = update(deployments).where(deployments.c.id == deployment.id)
        await tx.execute(removed.values(removed_at=self._db.now()))
        await self._note(tx, project, deployment.id, actor, "removed")
        if leading:
            await number_project(tx, project, await take_number(tx, "generation"))
        if names:
            await mark_changed(tx, [project.id])
        await remove_placements(tx, deployment.id)

    async def _note(self, tx: AsyncConnection, project: Project, deployment_id: str, actor: str, what: str) -> None:
        await write_audit(
            tx,
            at=self._db.now(),
            workspace_id=project.workspace_id,
            project_id=project.id,
            actor=actor,
            action=f"deployment.{what}",
            subject=deployment_id,
            detail={},
        )


async def _lock_project_of(tx: AsyncConnection, deployment_id: str, workspace_id: str) -> Project:
    found = await find_deployment(tx, deployment_id, workspace_id=workspace_id)
    if found is None:
        raise NotFound(f"there is no deployment {deployment_id}")
    return await lock_project(tx, found.project_id)


async def _leading(tx: AsyncConnection, deployment_id: str) -> tuple[Route, ...]:
    statement = select(routes).where(routes.c.deployment_id == deployment_id, routes.c.sticky != Sticky.NONE)
    return tuple(rows.route_from(row) for row in await tx.execute(statement.order_by(routes.c.fqdn)))


def _secrets_mark(row: Row[Any]) -> str:
    names = (row.options or {}).get("secrets", ())
    return mark_of(each for each in snapshot_from_bytes(row.env_snapshot) if each.name in names) if names else ""


def _with_place() -> Select[Any]:
    """Every deployment that was not removed or still runs, and which in its environment's row of ended ones it is."""
    ended = deployments.c.status.in_(_ENDED)
    place = func.row_number().over(
        partition_by=[deployments.c.environment_id, ended], order_by=deployments.c.created_at.desc()
    )
    columns = (
        deployments.c.id,
        deployments.c.status,
        deployments.c.image,
        deployments.c.source_id,
        deployments.c.build_command,
        deployments.c.env_snapshot,
    )
    return (
        select(*columns, workspaces.c.slug, build_options.c.options, place.label("place"))
        .join(projects, projects.c.id == deployments.c.project_id)
        .join(workspaces, workspaces.c.id == projects.c.workspace_id)
        .outerjoin(build_options, build_options.c.deployment_id == deployments.c.id)
        .where(or_(deployments.c.removed_at.is_(None), deployments.c.id.in_(select(instances.c.deployment_id))))
    )
