"""Who may build now. A place is a lease: it is free once it was left, and as soon as its operation has ended."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.places import BuildPlace, next_to_build, place_in_line
from turnout.domain.records import PRODUCTION
from turnout.domain.waits import Wait
from turnout.store.database import insert_into
from turnout.store.lookups import lock_operation_row
from turnout.store.part import Part
from turnout.store.schema import build_places, environments, operations, workspaces
from turnout.store.waits import write_wait


class BuildPlaces(Part):
    """The places of each workspace, and the line before them. Everything may be said twice."""

    async def ask_build_place(self, *, limit: int, wait: Wait) -> int | None:
        """Ask for a place for the wait's operation. None: it may build at once.

        Otherwise its place in line, and the wait is written down: the line moves by `give_build_places`.
        """
        async with self._db.write() as tx:
            asking = await lock_operation_row(tx, wait.operation_id)
            await _lock_line(tx, asking.workspace_id)
            await _join(tx, asking, self._db.now())
            await self._give(tx, asking.workspace_id, limit)
            place = place_in_line(await _places(tx, asking.workspace_id), wait.operation_id)
            if place is not None:
                await write_wait(tx, wait)
            return place

    async def give_build_places(self, *, limit: int) -> frozenset[str]:
        """Let those in front take the places that are free; returns the operations that have one."""
        async with self._db.read() as tx:
            moving = {
                workspace_id
                for workspace_id in (await tx.execute(select(build_places.c.workspace_id).distinct())).scalars()
                if next_to_build(await _places(tx, workspace_id), limit=limit)
            }
        for workspace_id in sorted(moving):
            async with self._db.write() as tx:
                await _lock_line(tx, workspace_id)
                await self._give(tx, workspace_id, limit)
        async with self._db.read() as tx:
            taken = select(build_places.c.operation_id).where(build_places.c.taken_at.is_not(None))
            return frozenset((await tx.execute(taken)).scalars())

    async def leave_build_place(self, *, operation_id: str) -> None:
        """The operation does not build any more, nor wait for it."""
        async with self._db.write() as tx:
            await tx.execute(delete(build_places).where(build_places.c.operation_id == operation_id))

    async def build_lines(self, *, workspace_id: str) -> Mapping[str, int]:
        """The operations of a workspace that wait for a place; 1 is the next."""
        async with self._db.read() as tx:
            places = await _places(tx, workspace_id)
        waiting = ((place.operation_id, place_in_line(places, place.operation_id)) for place in places)
        return {operation_id: number for operation_id, number in waiting if number is not None}

    async def _give(self, tx: AsyncConnection, workspace_id: str, limit: int) -> None:
        chosen = next_to_build(await _places(tx, workspace_id), limit=limit)
        if chosen:
            given = update(build_places).where(build_places.c.operation_id.in_(chosen))
            await tx.execute(given.values(taken_at=self._db.now()))


async def _lock_line(tx: AsyncConnection, workspace_id: str) -> None:
    """One at a time may move the line of a workspace."""
    await tx.execute(select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True))


async def _join(tx: AsyncConnection, asking: Row[tuple[object, ...]], now: object) -> None:
    """Stand in line, once; and sweep out those who have ended."""
    ended = select(operations.c.id).where(operations.c.ended_at.is_not(None))
    await tx.execute(
        delete(build_places).where(
            build_places.c.workspace_id == asking.workspace_id, build_places.c.operation_id.in_(ended)
        )
    )
    environment = select(environments.c.slug).where(environments.c.id == asking.environment_id)
    values = {
        "operation_id": asking.id,
        "workspace_id": asking.workspace_id,
        "production": (await tx.execute(environment)).scalar_one() == PRODUCTION,
        "asked_at": now,
    }
    joined = insert_into(tx, build_places).values(**values)
    await tx.execute(joined.on_conflict_do_nothing(index_elements=["operation_id"]))


async def _places(tx: AsyncConnection, workspace_id: str) -> tuple[BuildPlace, ...]:
    """The places that count: those of operations that have not ended."""
    statement = (
        select(build_places)
        .join(operations, operations.c.id == build_places.c.operation_id)
        .where(build_places.c.workspace_id == workspace_id, operations.c.ended_at.is_(None))
    )
    return tuple(
        BuildPlace(
            operation_id=row.operation_id,
            production=row.production,
            asked_at=row.asked_at,
            taken=row.taken_at is not None,
        )
        for row in await tx.execute(statement)
    )
