"""What shall run where. The kranes read it as complete states and as changes since a revision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.documents import DesiredState
from turnout.domain.errors import Conflict
from turnout.domain.records import RunSpec
from turnout.domain.statuses import TERMINAL
from turnout.domain.waits import Wait
from turnout.store import rows
from turnout.store.counters import read_number, take_number
from turnout.store.database import insert_into
from turnout.store.first_use import ensure_regions
from turnout.store.jobs import desired_jobs
from turnout.store.lookups import lock_deployment
from turnout.store.part import Part
from turnout.store.schema import deployments, placements
from turnout.store.waits import write_wait

RUNNING = "running"
REMOVED = "removed"


class Placements(Part):
    """What shall run where."""

    async def place(self, *, spec: RunSpec, regions: Iterable[str], wait: Wait | None = None) -> int:
        """Have the deployment run in these regions. Returns how many instances that makes.

        The wait for them is written down with that number, in the same transaction. Raises Conflict for a
        deployment that has ended: what comes late must not start it again.
        """
        async with self._db.write() as tx:
            deployment = await lock_deployment(tx, spec.deployment_id)
            if deployment.status in TERMINAL:
                raise Conflict(f"cannot start {deployment.id}: it is {deployment.status}; deploy again")
            return await want_running(tx, spec, regions, wait)

    async def unplace(self, *, deployment_id: str, wait: Wait | None = None) -> None:
        """Have the deployment run nowhere; write down the wait for its instances to be gone."""
        async with self._db.write() as tx:
            await lock_deployment(tx, deployment_id)
            if wait is not None:
                await write_wait(tx, wait)
            await remove_placements(tx, deployment_id)

    async def desired_state(self, *, region: str, since: int | None) -> DesiredState | None:
        """What the region shall run: all of it when `since` is None, else what changed after that revision.

        None when nothing did. A `since` from the future (the store was restored from a backup) gets all.
        """
        async with self._db.read() as tx:
            revision = await read_number(tx, "revision")
            if since == revision:  # most changes are of something else
                return None
            complete = since is None or since > revision
            statement = select(placements.c.deployment_id, placements.c.desired, placements.c.spec).where(
                placements.c.region == region
            )
            if complete:
                statement = statement.where(placements.c.desired == RUNNING)
            else:
                statement = statement.where(placements.c.revision > since)
            found = (await tx.execute(statement.order_by(placements.c.deployment_id))).all()
            wanted, removed = await desired_jobs(tx, region=region, since=None if complete else since)
        if not found and not wanted and not removed and not complete:
            return None
        return DesiredState(
            revision=revision,
            complete=complete,
            deployments=tuple(rows.spec_from_json(row.spec) for row in found if row.desired == RUNNING),
            removed=tuple(row.deployment_id for row in found if row.desired == REMOVED),
            jobs=wanted,
            removed_jobs=removed,
        )


async def want_running(tx: AsyncConnection, spec: RunSpec, names: Iterable[str], wait: Wait | None) -> int:
    """Have it run there, and write down the wait for that. The caller holds the deployment's lock."""
    wanted = sorted(set(names))
    await ensure_regions(tx, wanted)
    count = spec.resources.replicas * len(wanted)
    if wait is not None:
        await write_wait(tx, replace(wait, wanted=count))
    await _want(tx, spec, wanted)
    return count


async def _want(tx: AsyncConnection, spec: RunSpec, names: Iterable[str]) -> None:
    known = select(placements.c.region, placements.c.desired, placements.c.spec)
    rows_now = (await tx.execute(known.where(placements.c.deployment_id == spec.deployment_id))).all()
    as_wanted = {row.region for row in rows_now if row.desired == RUNNING and rows.spec_from_json(row.spec) == spec}
    missing = [name for name in names if name not in as_wanted]
    if not missing:
        return
    revision = await take_number(tx, "revision")
    statement = insert_into(tx, placements).values(
        [
            {
                "deployment_id": spec.deployment_id,
                "region": name,
                "replicas": spec.resources.replicas,
                "desired": RUNNING,
                "spec": rows.spec_to_json(spec),
                "revision": revision,
            }
            for name in missing
        ]
    )
    fresh = {column: statement.excluded[column] for column in ("replicas", "desired", "spec", "revision")}
    await tx.execute(statement.on_conflict_do_update(index_elements=["deployment_id", "region"], set_=fresh))


async def remove_placements(tx: AsyncConnection, deployment_id: str) -> None:
    """The deployment shall run nowhere. The caller holds its lock."""
    await _remove(tx, placements.c.deployment_id == deployment_id)


async def remove_placements_of(tx: AsyncConnection, project_id: str) -> None:
    """No deployment of the project shall run anywhere. The caller holds their locks."""
    await _remove(
        tx, placements.c.deployment_id.in_(select(deployments.c.id).where(deployments.c.project_id == project_id))
    )


async def _remove(tx: AsyncConnection, which: ColumnElement[bool]) -> None:
    # The row stays and says "removed": a krane that was away learns of it from the changes.
    running = (which, placements.c.desired == RUNNING)
    if (await tx.execute(select(placements.c.region).where(*running))).first() is not None:
        revision = await take_number(tx, "revision")
        await tx.execute(update(placements).where(*running).values(desired=REMOVED, revision=revision))
