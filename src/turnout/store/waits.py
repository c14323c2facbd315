"""What the workflows wait for, and what whoever watches needs to tell whether it has come."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.plans import SwitchResult
from turnout.domain.records import Instance
from turnout.domain.waits import GatewayRecord, Wait
from turnout.store import rows
from turnout.store.database import insert_into
from turnout.store.part import Part
from turnout.store.schema import gateways, instances, switches, waits


class Waits(Part):
    """Open waits, and the world as last observed."""

    async def open_waits(self) -> tuple[Wait, ...]:
        """The waits that nobody has settled, oldest first."""
        statement = select(waits).where(waits.c.settled_at.is_(None)).order_by(waits.c.created_at)
        async with self._db.read() as tx:
            return tuple(rows.wait_from(row) for row in await tx.execute(statement))

    async def settle_wait(self, *, awakeable_id: str) -> None:
        """Its workflow has been told."""
        statement = update(waits).where(waits.c.awakeable_id == awakeable_id, waits.c.settled_at.is_(None))
        async with self._db.write() as tx:
            await tx.execute(statement.values(settled_at=self._db.now()))

    async def instances_of(self, *, deployment_id: str) -> tuple[Instance, ...]:
        """The instances there are, as last reported, by region and slot. Those that are gone have no row."""
        statement = (
            select(instances)
            .where(instances.c.deployment_id == deployment_id)
            .order_by(instances.c.region, instances.c.slot, instances.c.id)
        )
        async with self._db.read() as tx:
            return tuple(rows.instance_from(row) for row in await tx.execute(statement))

    async def gateways(self) -> tuple[GatewayRecord, ...]:
        """Every gateway that ever connected, by id."""
        async with self._db.read() as tx:
            found = await tx.execute(select(gateways).order_by(gateways.c.id))
            return tuple(rows.gateway_from(row) for row in found)

    async def switch_of(self, *, operation_id: str) -> SwitchResult | None:
        """What the operation's switch did; None when it has not switched."""
        async with self._db.read() as tx:
            return await find_result(tx, operation_id)


async def write_wait(tx: AsyncConnection, wait: Wait) -> None:
    """Open a wait; one that is known already stays as it is, settled or not."""
    statement = insert_into(tx, waits).values(
        awakeable_id=wait.awakeable_id,
        operation_id=wait.operation_id,
        kind=wait.kind,
        deployment_id=wait.deployment_id,
        generation=wait.generation,
        wanted=wait.wanted,
        created_at=wait.created_at,
        deadline_at=wait.deadline_at,
    )
    await tx.execute(statement.on_conflict_do_nothing(index_elements=["awakeable_id"]))


async def find_result(tx: AsyncConnection, operation_id: str) -> SwitchResult | None:
    """The result that the operation's history row keeps."""
    statement = select(switches.c.result).where(switches.c.operation_id == operation_id)
    document = (await tx.execute(statement)).scalar_one_or_none()
    return None if document is None else rows.result_from_json(document)
