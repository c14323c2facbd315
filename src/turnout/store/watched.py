"""What the watchdog looks at: what is open, who is connected, and which rows nobody needs any more.

Every list is bounded: what does not fit comes with a later look, once these are mended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.records import OperationKind, Sticky
from turnout.domain.statuses import ACTIVE, DeploymentStatus, InstanceStatus, OperationStatus
from turnout.domain.watched import (
    Down,
    Forgotten,
    GatewayFacts,
    Leftover,
    OpenOperation,
    Owner,
    RegionFacts,
    StoreFacts,
    UnwantedInstance,
)
from turnout.store import rows
from turnout.store.admission import BY_WORKFLOWS
from turnout.store.cancelling import turn_has_come
from turnout.store.counters import read_number
from turnout.store.leftovers import LEFTOVERS, is_used
from turnout.store.part import Part
from turnout.store.placements import REMOVED, RUNNING
from turnout.store.schema import (
    deployments,
    gateways,
    instances,
    operations,
    placements,
    projects,
    regions,
    routes,
    switches,
)

LIMIT: Final = 200
"""Rows of a kind that one look reads."""
GATEWAY_FORGOTTEN_SECONDS: Final = 3600.0
"""A gateway that has been away for that long is not expected any more."""
_SWITCHES: Final = 200
"""How far back the history of a project is read for when something was replaced."""


class Watched(Part):
    """Facts, judged by nobody here."""

    async def watched(self, *, warm_seconds: float) -> StoreFacts:
        """All that may be wrong, of one moment. What was replaced may run `warm_seconds` longer."""
        async with self._db.read() as tx:
            now = self._db.now()
            return StoreFacts(
                generation=await read_number(tx, "generation"),
                operations=await _open_operations(tx),
                regions=await _regions(tx),
                gateways=await _gateways(tx),
                unwanted=await _unwanted(tx),
                abandoned=tuple([_leftover("deployment", row) for row in await tx.execute(_abandoned())]),
                leftovers=await _leftovers(tx, now),
                forgotten=await _forgotten(tx, before=now - timedelta(seconds=warm_seconds)),
                down=await _down(tx),
            )

    async def owners_of(self, *, operation_ids: Iterable[str]) -> Mapping[str, Owner]:
        """Whose these operations are, and whether they have ended. One that is not known is not listed."""
        named = sorted(set(operation_ids))
        if not named:
            return {}
        statement = select(operations.c.id, operations.c.workspace_id, operations.c.ended_at)
        async with self._db.read() as tx:
            found = await tx.execute(statement.where(operations.c.id.in_(named)))
            return {row.id: Owner(workspace_id=row.workspace_id, ended=row.ended_at is not None) for row in found}


async def _open_operations(tx: AsyncConnection) -> tuple[OpenOperation, ...]:
    begun = turn_has_come(operations).label("begun")
    # What was asked of the workflows directly goes by another name in Restate, and soon meets its deadline.
    asked = (operations.c.ended_at.is_(None), operations.c.actor != BY_WORKFLOWS)
    statement = select(operations, begun).where(*asked)
    found = await tx.execute(statement.order_by(operations.c.created_at, operations.c.id).limit(LIMIT))
    return tuple(
        OpenOperation(
            operation_id=row.id,
            workspace_id=row.workspace_id,
            deployment_id=row.deployment_id,
            is_deploy=row.kind == OperationKind.DEPLOY,
            sent=row.sent_at is not None or row.status != OperationStatus.PENDING,
            begun=row.begun,
        )
        for row in found
    )


async def _regions(tx: AsyncConnection) -> tuple[RegionFacts, ...]:
    wanted = exists().where(placements.c.region == regions.c.name, placements.c.desired == RUNNING).label("wanted")
    return tuple(
        RegionFacts(name=row.name, connected=row.connected, last_seen_at=row.last_seen_at, wanted=row.wanted)
        for row in await tx.execute(select(regions, wanted).order_by(regions.c.name))
    )


async def _gateways(tx: AsyncConnection) -> tuple[GatewayFacts, ...]:
    found = await tx.execute(select(gateways).order_by(gateways.c.id))
    return tuple(GatewayFacts(record=rows.gateway_from(row), seen_at=row.seen_at) for row in found)


async def _unwanted(tx: AsyncConnection) -> tuple[UnwantedInstance, ...]:
    """Where no krane is connected nothing can be said of them."""
    statement = (
        select(instances.c.id, instances.c.region, projects.c.workspace_id)
        .join(
            placements,
            and_(placements.c.deployment_id == instances.c.deployment_id, placements.c.region == instances.c.region),
        )
        .join(regions, regions.c.name == instances.c.region)
        .join(deployments, deployments.c.id == instances.c.deployment_id)
        .join(projects, projects.c.id == deployments.c.project_id)
        .where(placements.c.desired == REMOVED, regions.c.connected)
        .order_by(instances.c.id)
        .limit(LIMIT)
    )
    return tuple(
        UnwantedInstance(instance_id=row.id, region=row.region, workspace_id=row.workspace_id)
        for row in await tx.execute(statement)
    )


def _abandoned() -> Select[Any]:
    """Deployments that are on their way without an operation."""
    carried = exists().where(
        operations.c.deployment_id == deployments.c.id,
        operations.c.kind == OperationKind.DEPLOY,
        operations.c.ended_at.is_(None),
    )
    return (
        select(deployments.c.id, projects.c.workspace_id)
        .join(projects, projects.c.id == deployments.c.project_id)
        .where(deployments.c.status.in_([status.value for status in ACTIVE]), ~carried)
        .order_by(deployments.c.id)
        .limit(LIMIT)
    )


async def _down(tx: AsyncConnection) -> tuple[Down, ...]:
    """Where no krane is connected nothing can be said of them."""
    placed = (
        exists()
        .where(placements.c.deployment_id == deployments.c.id, placements.c.desired == RUNNING)
        .where(regions.c.name == placements.c.region, regions.c.connected)
    )
    of_it = instances.c.deployment_id == deployments.c.id
    said = select(instances.c.reason).where(of_it).order_by(instances.c.reported_at.desc(), instances.c.id).limit(1)
    statement = (
        select(
            deployments.c.id,
            projects.c.workspace_id,
            projects.c.slug,
            projects.c.live_deployment_id,
            said.scalar_subquery().label("reason"),
        )
        .join(projects, projects.c.id == deployments.c.project_id)
        .where(deployments.c.status == DeploymentStatus.READY, placed)
        .where(~exists().where(of_it, instances.c.status == InstanceStatus.RUNNING))
        .order_by(deployments.c.id)
        .limit(LIMIT)
    )
    return tuple(
        Down(
            deployment_id=row.id,
            workspace_id=row.workspace_id,
            project=row.slug,
            live=row.live_deployment_id == row.id,
            reason=row.reason,
        )
        for row in await tx.execute(statement)
    )


async def _leftovers(tx: AsyncConnection, now: datetime) -> tuple[Leftover, ...]:
    found: list[Leftover] = []
    for name, statement in LEFTOVERS.items():
        found += [_leftover(name, row) for row in await tx.execute(statement.limit(LIMIT))]
    long_ago = now - timedelta(seconds=GATEWAY_FORGOTTEN_SECONDS)
    gone = select(gateways.c.id).where(gateways.c.connected.is_(False), gateways.c.disconnected_at <= long_ago)
    found += [Leftover(row="gateway", id=name, workspace_id=None) for name in (await tx.execute(gone)).scalars()]
    return tuple(found)


async def _forgotten(tx: AsyncConnection, *, before: datetime) -> tuple[Forgotten, ...]:
    """What is ready although a switch before that moment has taken its last moving domain away."""
    sticky = exists().where(routes.c.deployment_id == deployments.c.id, routes.c.sticky != Sticky.NONE)
    waker = operations.alias("waker")
    statement = (
        select(deployments.c.id, deployments.c.project_id, projects.c.workspace_id, waker.c.created_at.label("woken"))
        .join(projects, projects.c.id == deployments.c.project_id)
        .outerjoin(waker, waker.c.id == deployments.c.woken_by)
        .where(
            deployments.c.status == DeploymentStatus.READY,
            deployments.c.removed_at.is_(None),
            func.coalesce(projects.c.live_deployment_id, "") != deployments.c.id,
            ~sticky,
            ~is_used(),
        )
        .order_by(deployments.c.id)
        .limit(LIMIT)
    )
    candidates: dict[str, list[Any]] = defaultdict(list)
    for row in await tx.execute(statement):
        candidates[row.project_id].append(row)
    found: list[Forgotten] = []
    for project_id, named in candidates.items():
        replaced = await _replaced(tx, project_id)
        for row in named:
            if (switch := replaced.get(row.id)) is None or switch.committed_at > before:
                continue
            if row.woken is None or row.woken < switch.committed_at:
                found.append(
                    Forgotten(deployment_id=row.id, workspace_id=row.workspace_id, generation=switch.generation)
                )
    return tuple(found)


async def _replaced(tx: AsyncConnection, project_id: str) -> dict[str, Any]:
    """The deployments that the newest switch about them took a domain from, and that switch.

    One that never had a domain that moves waits for a promote, maybe for weeks: it was not replaced.
    """
    statement = (
        select(switches.c.generation, switches.c.committed_at, switches.c.routes)
        .where(switches.c.project_id == project_id)
        .order_by(switches.c.generation.desc())
        .limit(_SWITCHES)
    )
    about: dict[str, Any] = {}
    for row in await tx.execute(statement):
        for route in row.routes:
            about.setdefault(route["to"], None)
            if route["from"] is not None:
                about.setdefault(route["from"], row)
    return {deployment_id: switch for deployment_id, switch in about.items() if switch is not None}


def _leftover(row: str, found: Row[Any]) -> Leftover:
    return Leftover(row=row, id=found.id, workspace_id=found.workspace_id)
