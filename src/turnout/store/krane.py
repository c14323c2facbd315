"""What the kranes report: who is connected, and which instances there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.documents import InstanceReport, RegionReport
from turnout.domain.observation import incident
from turnout.domain.records import Backend
from turnout.domain.statuses import DeploymentStatus, InstanceStatus
from turnout.store.counters import mark_changed
from turnout.store.database import insert_into
from turnout.store.jobs import apply_job_reports
from turnout.store.observations import note_incident
from turnout.store.part import Part
from turnout.store.schema import deployments, instances, placements, regions, routes

_SEEN_EVERY: Final = timedelta(seconds=5)
"""A report without news is written down no oftener: each write wakes everybody who waits for a change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionRecord:
    """A region and its krane, as last heard of."""

    name: str
    backends: tuple[Backend, ...]
    connected: bool
    last_seen_at: datetime | None
    """None: no krane has ever connected."""
    instances_running: int


class Krane(Part):
    """Kranes come, report and go."""

    async def krane_connected(self, *, region: str, backends: Iterable[Backend]) -> None:
        """The region's krane opened its stream and can run instances with these."""
        async with self._db.write() as tx:
            now = self._db.now()
            await _upsert_region(
                tx, region, backends=list(backends), connected=True, connected_at=now, last_seen_at=now
            )

    async def krane_disconnected(self, *, region: str) -> None:
        """Its stream ended. Its instances stay what they were last reported to be."""
        async with self._db.write() as tx:
            await tx.execute(update(regions).where(regions.c.name == region).values(connected=False))

    async def apply_region_report(self, *, region: str, report: RegionReport) -> None:
        """Take over what a krane observed; a repeated report changes nothing.

        Instances of deployments that were never placed in the region are ignored, and so are ids that
        belong to another region. An instance that is gone loses its row: nothing is left behind.
        """
        async with self._db.write() as tx:
            now = self._db.now()
            await _heard_of(tx, region, report, now)
            placed = await _lock_placed_here(tx, region, report)
            known = {row["id"]: row for row in await _lock_instances(tx, region)}
            changed: set[str] = set()
            for said in report.instances:
                if said.deployment_id in placed:
                    row = known.get(said.id)
                    ready = placed[said.deployment_id] == DeploymentStatus.READY
                    changed |= await _take_over(tx, region, said, row, ready=ready, now=now)
            if report.complete:
                listed = {said.id for said in report.instances}
                changed |= await _forget(tx, [row for id_, row in known.items() if id_ not in listed])
            routed = select(routes.c.project_id).where(routes.c.deployment_id.in_(changed)).distinct()
            await mark_changed(tx, (await tx.execute(routed)).scalars() if changed else ())
            await apply_job_reports(tx, region, report, now)  # after: it takes a revision (see `counters`)

    async def regions(self) -> tuple[RegionRecord, ...]:
        """Every region ever named, by name."""
        running = (
            select(func.count())
            .where(instances.c.region == regions.c.name, instances.c.status == InstanceStatus.RUNNING)
            .scalar_subquery()
        )
        statement = select(regions, running.label("instances_running")).order_by(regions.c.name)
        async with self._db.read() as tx:
            return tuple(
                RegionRecord(
                    name=row.name,
                    backends=tuple(Backend(name) for name in row.backends),
                    connected=row.connected,
                    last_seen_at=row.last_seen_at,
                    instances_running=row.instances_running,
                )
                for row in await tx.execute(statement)
            )


async def _upsert_region(tx: AsyncConnection, name: str, **values: Any) -> None:
    statement = insert_into(tx, regions).values(name=name, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


async def _heard_of(tx: AsyncConnection, region: str, report: RegionReport, now: datetime) -> None:
    known = (await tx.execute(select(regions).where(regions.c.name == region))).one_or_none()
    backends = list(report.backends)
    if known is None:
        await _upsert_region(tx, region, backends=backends, connected=True, connected_at=now, last_seen_at=now)
    elif list(known.backends) != backends or known.last_seen_at is None or abs(now - known.last_seen_at) >= _SEEN_EVERY:
        seen = {"backends": backends, "last_seen_at": now}
        await tx.execute(update(regions).where(regions.c.name == region).values(seen))


async def _lock_instances(tx: AsyncConnection, region: str) -> Sequence[RowMapping]:
    # In one order: two reports of one region (an old and a new krane) must not wait for each other in a ring.
    statement = select(instances).where(instances.c.region == region).order_by(instances.c.id)
    return (await tx.execute(statement.with_for_update())).mappings().all()


async def _lock_placed_here(tx: AsyncConnection, region: str, report: RegionReport) -> dict[str, str]:
    """The deployments of the report that were placed in this region, with their statuses.

    The statuses are held (FOR SHARE): a switch that makes one of them ready comes wholly before this report
    or wholly after it, and one of the two registers the instance.
    """
    named = sorted({said.deployment_id for said in report.instances})
    statement = (
        select(deployments.c.id, deployments.c.status)
        .join(placements, placements.c.deployment_id == deployments.c.id)
        .where(placements.c.region == region, deployments.c.id.in_(named))
        .order_by(deployments.c.id)
        .with_for_update(read=True, of=deployments)
    )
    return {row.id: row.status for row in await tx.execute(statement)}


async def _take_over(
    tx: AsyncConnection,
    region: str,
    said: InstanceReport,
    known: RowMapping | None,
    *,
    ready: bool,
    now: datetime,
) -> set[str]:
    """Write one instance down. Returns its deployment when the addresses that it serves from have changed."""
    if said.status is InstanceStatus.GONE:
        return set() if known is None else await _forget(tx, [known])
    values = {
        "slot": said.slot,
        "status": said.status,
        "address": said.address,
        "reason": said.reason,
        "restarts": said.restarts,
        # The workflow registers the first instances. Later ones (krane replaced one that died) take part as
        # soon as they run: a ready deployment has been let in already, and no workflow is there to do it.
        "registered": (known is not None and known["registered"]) or (ready and said.status is InstanceStatus.RUNNING),
    }
    if known is not None and known["deployment_id"] != said.deployment_id:
        return set()
    if known is None:
        fresh = insert_into(tx, instances).values(
            id=said.id, deployment_id=said.deployment_id, region=region, reported_at=now, **values
        )
        taken = await tx.execute(fresh.on_conflict_do_nothing(index_elements=["id"]))
        served_before, written = None, taken.rowcount == 1
    else:
        served_before, written = _served(known), True
        await _watch(tx, said, known, ready=ready, now=now)
        if any(known[name] != value for name, value in values.items()):
            await tx.execute(update(instances).where(instances.c.id == said.id).values(reported_at=now, **values))
    return {said.deployment_id} if written and _served(values) != served_before else set()


async def _watch(tx: AsyncConnection, said: InstanceReport, known: RowMapping, *, ready: bool, now: datetime) -> None:
    """Hold against the observation of a deployment what its instance went through, unless it was told to end."""
    if not ready or said.stopping:
        return
    found = incident(
        before=InstanceStatus(known["status"]),
        restarts_before=known["restarts"],
        now=said.status,
        restarts=said.restarts,
        reason=said.reason,
    )
    if found is not None:
        await note_incident(tx, said.deployment_id, found, at=now)


async def _forget(tx: AsyncConnection, gone: Sequence[RowMapping]) -> set[str]:
    """Delete rows. Returns the deployments that served from one of them."""
    if gone:
        await tx.execute(delete(instances).where(instances.c.id.in_([row["id"] for row in gone])))
    return {row["deployment_id"] for row in gone if _served(row) is not None}


def _served(instance: Mapping[str, Any] | RowMapping) -> str | None:
    """The address at which gateways reach it, as `gateway_feed` has it."""
    if instance["registered"] and instance["status"] == InstanceStatus.RUNNING:
        address: str | None = instance["address"]
        return address
    return None
