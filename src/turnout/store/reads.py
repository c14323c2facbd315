"""What the API shows: operations and their timelines, routes, history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text

from turnout.domain.errors import NotFound
from turnout.domain.records import Operation, OperationKind, Route, Step
from turnout.domain.sentinel import SentinelConfig, from_json
from turnout.domain.statuses import OPERATION_TERMINAL, InstanceStatus
from turnout.store import rows
from turnout.store.cancelling import earlier
from turnout.store.counters import read_number
from turnout.store.part import Part
from turnout.store.schema import (
    deployments,
    instances,
    operation_steps,
    operations,
    routes,
    sentinel_configs,
    switches,
)

_OPEN = operations.c.status.not_in([status.value for status in OPERATION_TERMINAL])


@dataclass(frozen=True, kw_only=True, slots=True)
class MovedRoute:
    """One name that a switch moved."""

    fqdn: str
    from_deployment_id: str | None
    """None: the name was new."""
    to_deployment_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRecord:
    """One switch: who, when, from, to."""

    id: str
    operation_id: str
    generation: int
    kind: OperationKind
    from_deployment_id: str | None
    """What was live before."""
    to_deployment_id: str | None
    """What was live afterwards; the same as before when the switch did not take the live domains."""
    rolled_back: bool
    """The project's flag afterwards."""
    routes: tuple[MovedRoute, ...]
    actor: str
    committed_at: datetime


class Reads(Part):
    """Each answer belongs to one moment."""

    async def get_operation(self, *, operation_id: str, workspace_id: str) -> Operation:
        """Raises NotFound, also for another workspace's operation."""
        statement = select(operations).where(operations.c.id == operation_id, operations.c.workspace_id == workspace_id)
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
            if row is None:
                raise NotFound(f"there is no operation {operation_id}")
            return rows.operation_from(row)

    async def deploy_operation_of(self, *, deployment_id: str) -> Operation | None:
        """The one operation that deploys it; None when there is no such deployment."""
        statement = select(operations).where(
            operations.c.deployment_id == deployment_id, operations.c.kind == OperationKind.DEPLOY
        )
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
            return None if row is None else rows.operation_from(row)

    async def newest_operation_of(self, *, deployment_id: str) -> Operation | None:
        """The one about this deployment that was asked for last; one that has not ended comes first."""
        statement = (
            select(operations)
            .where(operations.c.deployment_id == deployment_id)
            .order_by(operations.c.ended_at.is_not(None), operations.c.created_at.desc(), operations.c.id.desc())
            .limit(1)
        )
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
            return None if row is None else rows.operation_from(row)

    async def operations_ahead(self, *, operation_id: str) -> tuple[Operation, ...]:
        """The earlier operations of the same project that have not ended, in the order they were asked for.

        For a deploy its deploys, one of which runs at a time; for the others what switches without one.
        """
        own = operations.alias("own")
        is_deploy, own_is = operations.c.kind == OperationKind.DEPLOY, own.c.kind == OperationKind.DEPLOY
        statement = (
            select(operations)
            .join(own, own.c.project_id == operations.c.project_id)
            .where(own.c.id == operation_id, own.c.ended_at.is_(None), is_deploy == own_is, _OPEN)
            .where(earlier(operations, own), operations.c.kind != OperationKind.START)
            .order_by(operations.c.created_at, operations.c.id)
        )
        async with self._db.read() as tx:
            return tuple(rows.operation_from(row) for row in await tx.execute(statement))

    async def steps_of(self, *, operation_id: str) -> tuple[Step, ...]:
        """The timeline, in the order the steps began."""
        statement = (
            select(operation_steps)
            .where(operation_steps.c.operation_id == operation_id)
            .order_by(operation_steps.c.position)
        )
        async with self._db.read() as tx:
            return tuple(rows.step_from(row) for row in await tx.execute(statement))

    async def running_instances(self, *, project_id: str) -> Mapping[str, int]:
        """How many instances of each deployment of a project run; one that has none is not listed."""
        statement = (
            select(instances.c.deployment_id, func.count().label("running"))
            .join(deployments, deployments.c.id == instances.c.deployment_id)
            .where(deployments.c.project_id == project_id, instances.c.status == InstanceStatus.RUNNING)
            .group_by(instances.c.deployment_id)
        )
        async with self._db.read() as tx:
            return {row.deployment_id: row.running for row in await tx.execute(statement)}

    async def routes_of(self, *, project_id: str) -> tuple[Route, ...]:
        """Every route of a project, by name."""
        statement = select(routes).where(routes.c.project_id == project_id).order_by(routes.c.fqdn)
        async with self._db.read() as tx:
            return tuple(rows.route_from(row) for row in await tx.execute(statement))

    async def sentinel_config(self, *, fqdn: str) -> SentinelConfig | None:
        """The policy of one domain; None when it has none."""
        statement = select(sentinel_configs.c.config).where(sentinel_configs.c.fqdn == fqdn)
        async with self._db.read() as tx:
            config = (await tx.execute(statement)).scalar_one_or_none()
            return None if config is None else from_json(config)

    async def history(self, *, project_id: str) -> tuple[HistoryRecord, ...]:
        """Every switch of a project, newest first."""
        statement = select(switches).where(switches.c.project_id == project_id).order_by(switches.c.generation.desc())
        async with self._db.read() as tx:
            return tuple(_history_from(row) for row in await tx.execute(statement))

    async def active_operations(self, *, workspace_id: str | None) -> tuple[Operation, ...]:
        """The operations that have not ended, oldest first; of all workspaces when None."""
        statement = select(operations).where(_OPEN).order_by(operations.c.created_at, operations.c.id)
        if workspace_id is not None:
            statement = statement.where(operations.c.workspace_id == workspace_id)
        async with self._db.read() as tx:
            return tuple(rows.operation_from(row) for row in await tx.execute(statement))

    async def blocking_operation(self, *, operation_id: str) -> Operation | None:
        """The oldest earlier deploy of the same project that has not ended: what a queued deploy waits for.

        None when the operation has ended itself, and for a rollback or promote: they wait for no deploy.
        """
        own = operations.alias("own")
        statement = (
            select(operations)
            .join(own, own.c.project_id == operations.c.project_id)
            .where(
                own.c.id == operation_id,
                own.c.kind == OperationKind.DEPLOY,
                own.c.ended_at.is_(None),
                operations.c.kind == OperationKind.DEPLOY,
                _OPEN,
                earlier(operations, own),
            )
            .order_by(operations.c.created_at, operations.c.id)
            .limit(1)
        )
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
            return None if row is None else rows.operation_from(row)

    async def generation(self) -> int:
        """The generation of the newest routing transaction; 0 before the first."""
        async with self._db.read() as tx:
            return await read_number(tx, "generation")

    async def ping(self) -> None:
        """Raises Unavailable when the store cannot be used."""
        async with self._db.read() as tx:
            await tx.execute(text("SELECT 1"))


def _history_from(row: Row[Any]) -> HistoryRecord:
    return HistoryRecord(
        id=row.id,
        operation_id=row.operation_id,
        generation=row.generation,
        kind=OperationKind(row.kind),
        from_deployment_id=row.from_deployment_id,
        to_deployment_id=row.to_deployment_id,
        rolled_back=row.rolled_back,
        routes=tuple(
            MovedRoute(fqdn=moved["fqdn"], from_deployment_id=moved["from"], to_deployment_id=moved["to"])
            for moved in row.routes
        ),
        actor=row.actor,
        committed_at=row.committed_at,
    )
