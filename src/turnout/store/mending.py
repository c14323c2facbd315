"""What the watchdog mends in the store itself, and its lines in the audit log. Everything may be done twice."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select, update

from turnout.domain.findings import FindingKind, Remedy
from turnout.domain.records import OperationKind
from turnout.domain.statuses import ACTIVE, DeploymentStatus
from turnout.store.audit import write_repair
from turnout.store.endings import give_up
from turnout.store.jobs import remove_jobs
from turnout.store.leftovers import LEFTOVERS
from turnout.store.lookups import lock_deployment
from turnout.store.part import Part
from turnout.store.placements import remove_placements
from turnout.store.schema import build_places, deployments, gateways, operations, projects, regions, waits

_ABANDONED: Final = "no operation carries it on any more; deploy again"


class Mending(Part):
    """Each repair looks again, under the locks, whether there is still something to mend."""

    async def end_abandoned(self, *, deployment_id: str) -> bool:
        """Fail a deployment that is on its way and has no open operation. Returns whether it was one."""
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, deployment_id)
            carried = select(operations.c.id).where(
                operations.c.deployment_id == deployment_id,
                operations.c.kind == OperationKind.DEPLOY,
                operations.c.ended_at.is_(None),
            )
            if deployment.status not in ACTIVE or (await tx.execute(carried)).first() is not None:
                return False
            failed = DeploymentStatus.FAILED
            await give_up(tx, deployment_id, deployment.status, failed, _ABANDONED, at=self._db.now())
            owner = select(projects.c.workspace_id).where(projects.c.id == deployment.project_id)
            await write_repair(
                tx,
                at=self._db.now(),
                workspace_id=(await tx.execute(owner)).scalar_one(),
                project_id=deployment.project_id,
                kind=FindingKind.DEPLOYMENT_ABANDONED,
                subject=deployment_id,
                remedy=Remedy.END,
            )
            return True

    async def remove_leftover(self, *, row: str, id: str) -> bool:  # noqa: A002  # that is what it is
        """Remove a row that outlived what it was for, or settle it. Returns whether it was still there."""
        if row == "gateway":
            return await self._forget_gateway(id)
        if (still := LEFTOVERS.get(row)) is None:
            return False
        column = {"wait": waits.c.awakeable_id, "build place": build_places.c.operation_id}.get(row, deployments.c.id)
        async with self._db.write() as tx:
            if column is deployments.c.id:
                await lock_deployment(tx, id)
            found = (await tx.execute(still.where(column == id))).first()
            if found is None:
                return False
            match row:
                case "job":
                    await remove_jobs(tx, id, at=self._db.now())
                case "placement":
                    await remove_placements(tx, id)
                case "wait":
                    await tx.execute(update(waits).where(column == id).values(settled_at=self._db.now()))
                case _:
                    await tx.execute(delete(build_places).where(column == id))
            await write_repair(
                tx,
                at=self._db.now(),
                workspace_id=found.workspace_id,
                project_id=None,
                kind=FindingKind.ROW_LEFT,
                subject=f"{row} {id}",
                remedy=Remedy.REMOVE,
            )
            return True

    async def gateway_silent(self, *, gateway_id: str, seen_at: str) -> bool:
        """Mark a gateway as away that was not heard of since. Returns whether it was marked by this."""
        async with self._db.write() as tx:
            found = select(gateways.c.seen_at).where(gateways.c.id == gateway_id, gateways.c.connected)
            seen = (await tx.execute(found.with_for_update())).scalar_one_or_none()
            if seen is None or seen.isoformat() != seen_at:
                return False
            away = {"connected": False, "disconnected_at": self._db.now()}
            await tx.execute(update(gateways).where(gateways.c.id == gateway_id).values(away))
            return True

    async def krane_silent(self, *, region: str, seen_at: str) -> bool:
        """Mark a region whose krane was not heard of since as not connected. Returns whether it was marked by this."""
        async with self._db.write() as tx:
            found = select(regions.c.last_seen_at).where(regions.c.name == region, regions.c.connected)
            seen = (await tx.execute(found.with_for_update())).scalar_one_or_none()
            if seen is None or seen.isoformat() != seen_at:
                return False
            await tx.execute(update(regions).where(regions.c.name == region).values(connected=False))
            return True

    async def note_repair(self, *, workspace_id: str, kind: FindingKind, subject: str, remedy: Remedy) -> None:
        """A line of the audit log, for what was mended elsewhere."""
        async with self._db.write() as tx:
            await write_repair(
                tx,
                at=self._db.now(),
                workspace_id=workspace_id,
                project_id=None,
                kind=kind,
                subject=subject,
                remedy=remedy,
            )

    async def _forget_gateway(self, gateway_id: str) -> bool:
        """One that came back meanwhile stays."""
        away = (gateways.c.id == gateway_id, gateways.c.connected.is_(False))
        async with self._db.write() as tx:
            return (await tx.execute(delete(gateways).where(*away))).rowcount > 0
