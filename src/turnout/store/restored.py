"""The copy of a store that ran elsewhere, made true here."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select, update

from turnout.domain.statuses import DeploymentStatus
from turnout.store.counters import mark_changed
from turnout.store.endings import Endings
from turnout.store.schema import deployments, gateways, instances, operations, projects, regions, switches
from turnout.store.uncarried import Uncarried

ELSEWHERE: Final = "it was under way when the backup was made that this was restored from"


class Restored(Endings, Uncarried):
    """What a backup speaks of is not here, and does not come back."""

    async def settle_elsewhere(self) -> tuple[str, ...]:
        """Make the copy of a store that ran elsewhere true here; returns the operations that this has ended.

        None of its gateways, kranes and instances is here, nobody carries on what was under way, and nobody will
        stop what was only kept warm. What shall run is left to the kranes, who start it. May be repeated.
        """
        unfinished = select(operations.c.id).where(operations.c.ended_at.is_(None))
        async with self._db.read() as tx:
            found = tuple((await tx.execute(unfinished.order_by(operations.c.created_at, operations.c.id))).scalars())
        for operation_id in found:
            await self.end_lost(operation_id=operation_id, why=ELSEWHERE)
        for deployment_id, generation in await self._replaced():
            await self.retire(deployment_id=deployment_id, generation=generation)
        async with self._db.write() as tx:
            await tx.execute(delete(instances))
            await tx.execute(delete(gateways))
            await tx.execute(update(regions).values(connected=False))
            await mark_changed(tx, (await tx.execute(select(projects.c.id))).scalars())
        return found

    async def _replaced(self) -> list[tuple[str, int]]:
        """The ready deployments that a switch took a domain from, each with the generation of the last such switch."""
        ready = select(deployments.c.id).where(deployments.c.status == DeploymentStatus.READY)
        async with self._db.read() as tx:
            known = {row.id for row in await tx.execute(ready.order_by(deployments.c.id))}
            last: dict[str, int] = {}
            history = select(switches.c.generation, switches.c.routes).order_by(switches.c.generation)
            for row in await tx.execute(history):
                last |= {moved["from"]: row.generation for moved in row.routes if moved["from"] in known}
        return sorted(last.items())
