"""A whole project is removed: what it serves, runs and has claimed goes; what was done with it can still be read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import gates
from turnout.domain.custom_domains import DomainStatus
from turnout.domain.records import Project
from turnout.domain.statuses import DeploymentStatus
from turnout.store.audit import write_audit
from turnout.store.certificates import forget_certificates
from turnout.store.challenges import drop_challenges
from turnout.store.counters import mark_changed, take_number
from turnout.store.domain_rows import KEPT
from turnout.store.lookups import find_project_by_slug
from turnout.store.part import Part
from turnout.store.placements import remove_placements_of
from turnout.store.schema import (
    certificates,
    challenges,
    deployments,
    domains,
    environments,
    instances,
    issuings,
    operations,
    projects,
    protections,
    routes,
    sentinel_configs,
    variables,
)

_CERTIFICATE_KEPT: Final = certificates.c.removed_at.is_(None)


class Removal(Part):
    """The end of a project."""

    async def remove_project(self, *, workspace_id: str, project: str, actor: str) -> str:
        """Remove a project with its deployments, domains, certificates, protections and variables, all at once.

        Returns its id. krane stops what runs of it, and its files may be collected. The row stays, because
        operations and the audit log speak of it, but the name is free: who deploys under it makes another project.
        Raises NotFound, and Conflict while an operation of it is under way.
        """
        async with self._db.write() as tx:
            owner = await find_project_by_slug(tx, workspace_id, project, lock=True)
            if (refusal := gates.may_remove_project(owner, under_way=await _under_way(tx, owner))) is not None:
                raise refusal
            now = self._db.now()
            await _end_deployments(tx, owner, now)
            served = await _lead_nowhere(tx, owner, now)
            await _forget_settings(tx, owner, now)
            generation = await take_number(tx, "generation")
            ended = {"slug": owner.id, "live_deployment_id": None, "rolled_back": False, "removed_at": now}
            await tx.execute(update(projects).where(projects.c.id == owner.id).values(generation=generation, **ended))
            await write_audit(
                tx,
                at=now,
                workspace_id=workspace_id,
                project_id=owner.id,
                actor=actor,
                action="project.removed",
                subject=owner.slug,
                detail={"generation": generation, "live": owner.live_deployment_id, "domains": served},
            )
            affected = await drop_challenges(tx, challenges.c.project_id == owner.id)
            own = select(certificates.c.id).where(certificates.c.project_id == owner.id, _CERTIFICATE_KEPT)
            await forget_certificates(tx, list((await tx.execute(own)).scalars()), now)
            await mark_changed(tx, {owner.id} | affected)
            await remove_placements_of(tx, owner.id)
            return owner.id

    async def has_instances(self, *, project_id: str) -> bool:
        """Whether krane still has some of the project, in whatever region."""
        left = select(instances.c.id).join(deployments, deployments.c.id == instances.c.deployment_id)
        async with self._db.read() as tx:
            found = await tx.execute(left.where(deployments.c.project_id == project_id).limit(1))
            return found.first() is not None


async def _under_way(tx: AsyncConnection, owner: Project) -> str | None:
    statement = select(operations.c.id).where(operations.c.project_id == owner.id, operations.c.ended_at.is_(None))
    found: str | None = (await tx.execute(statement.order_by(operations.c.id).limit(1))).scalar_one_or_none()
    return found


async def _end_deployments(tx: AsyncConnection, owner: Project, now: datetime) -> None:
    kept = (deployments.c.project_id == owner.id, deployments.c.removed_at.is_(None))
    await tx.execute(select(deployments.c.id).where(*kept).order_by(deployments.c.id).with_for_update(key_share=True))
    ready = update(deployments).where(*kept, deployments.c.status == DeploymentStatus.READY)
    await tx.execute(ready.values(status=DeploymentStatus.STOPPED, stopped_at=now))
    await tx.execute(update(deployments).where(*kept).values(removed_at=now))


async def _lead_nowhere(tx: AsyncConnection, owner: Project, now: datetime) -> int:
    """Give up its names, and delete what stands before them. Returns how many were served."""
    counted = select(func.count()).select_from(routes).where(routes.c.project_id == owner.id)
    served: int = (await tx.execute(counted)).scalar_one()
    await tx.execute(delete(sentinel_configs).where(sentinel_configs.c.project_id == owner.id))
    await tx.execute(delete(routes).where(routes.c.project_id == owner.id))
    given_up = update(domains).where(domains.c.project_id == owner.id, KEPT)
    await tx.execute(given_up.values(status=DomainStatus.REMOVED, removed_at=now, problem=None))
    return served


async def _forget_settings(tx: AsyncConnection, owner: Project, now: datetime) -> None:
    """Protections, orders of certificates, and the values of variables; their versions stay, as they always do."""
    own = select(environments.c.id).where(environments.c.project_id == owner.id)
    await tx.execute(delete(protections).where(protections.c.environment_id.in_(own)))
    await tx.execute(delete(issuings).where(issuings.c.project_id == owner.id))
    gone = update(variables).where(variables.c.environment_id.in_(own), variables.c.ciphertext.is_not(None))
    await tx.execute(gone.values(data_key_id=None, ciphertext=None, fingerprint=None, updated_at=now))
