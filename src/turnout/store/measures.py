"""How much there is of everything: what the metrics tell. Counted by the database, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.waits import GatewayRecord
from turnout.store import rows
from turnout.store.counters import read_number
from turnout.store.part import Part
from turnout.store.schema import build_places, deployments, gateways, instances, operations, projects


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The numbers of one workspace at one moment; generation and gateways are everybody's."""

    operations: Mapping[tuple[str, str], int]
    """By kind and status, ended ones too."""
    waiting_operations: int
    """Asked for, and not begun: another one of their project is ahead, or nobody has taken them up yet."""
    running_operations: int
    instances: Mapping[tuple[str, str], int]
    """By region and status."""
    builds_running: int
    builds_waiting: int
    generation: int
    gateways: tuple[GatewayRecord, ...]
    projects: Mapping[str, str]
    """Every project's name, by its id."""


class Measures(Part):
    """Counts."""

    async def measures(self, *, workspace_id: str) -> Measured:
        """All of it, of one moment."""
        async with self._db.read() as tx:
            by_kind = await _operations(tx, workspace_id)
            places = await _build_places(tx, workspace_id)
            named = select(projects.c.id, projects.c.slug).where(projects.c.workspace_id == workspace_id)
            listed = select(gateways).order_by(gateways.c.id)
            return Measured(
                operations=by_kind,
                waiting_operations=sum(count for (_, status), count in by_kind.items() if status == "pending"),
                running_operations=sum(count for (_, status), count in by_kind.items() if status == "running"),
                instances=await _instances(tx, workspace_id),
                builds_running=places.get(True, 0),
                builds_waiting=places.get(False, 0),
                generation=await read_number(tx, "generation"),
                gateways=tuple(rows.gateway_from(row) for row in await tx.execute(listed)),
                projects={row.id: row.slug for row in await tx.execute(named)},
            )


async def _operations(tx: AsyncConnection, workspace_id: str) -> dict[tuple[str, str], int]:
    statement = (
        select(operations.c.kind, operations.c.status, func.count().label("number"))
        .where(operations.c.workspace_id == workspace_id)
        .group_by(operations.c.kind, operations.c.status)
    )
    return {(row.kind, row.status): row.number for row in await tx.execute(statement)}


async def _instances(tx: AsyncConnection, workspace_id: str) -> dict[tuple[str, str], int]:
    statement = (
        select(instances.c.region, instances.c.status, func.count().label("number"))
        .join(deployments, deployments.c.id == instances.c.deployment_id)
        .join(projects, projects.c.id == deployments.c.project_id)
        .where(projects.c.workspace_id == workspace_id)
        .group_by(instances.c.region, instances.c.status)
    )
    return {(row.region, row.status): row.number for row in await tx.execute(statement)}


async def _build_places(tx: AsyncConnection, workspace_id: str) -> dict[bool, int]:
    """How many build, and how many wait for a place."""
    taken = build_places.c.taken_at.is_not(None).label("taken")
    statement = (
        select(taken, func.count().label("number"))
        .join(operations, operations.c.id == build_places.c.operation_id)
        .where(build_places.c.workspace_id == workspace_id, operations.c.ended_at.is_(None))
        .group_by(taken)
    )
    return {bool(row.taken): row.number for row in await tx.execute(statement)}
