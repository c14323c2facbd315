"""The one row a transaction is about: found, locked, or told to be missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import NotFound
from turnout.domain.gates import MOVES_WITH_LIVE
from turnout.domain.records import Deployment, Environment, Operation, Project, Route
from turnout.domain.statuses import InstanceStatus
from turnout.store import rows
from turnout.store.schema import (
    deployment_columns,
    deployments,
    environments,
    instances,
    operations,
    projects,
    routes,
)


async def lock_project(tx: AsyncConnection, project_id: str) -> Project:
    """The project, held against every other routing transaction until this one ends.

    NO KEY UPDATE (`key_share`): a deploy that is being admitted, which only refers to the project, need not
    wait. SQLite has one writer at a time and ignores it.
    """
    statement = select(projects).where(projects.c.id == project_id).with_for_update(key_share=True)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no project {project_id}")
    return rows.project_from(row)


async def lock_deployment(tx: AsyncConnection, deployment_id: str) -> Deployment:
    """The deployment, its status held until this transaction ends."""
    statement = select(*deployment_columns).where(deployments.c.id == deployment_id).with_for_update(key_share=True)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no deployment {deployment_id}")
    return rows.deployment_from(row)


async def lock_operation(tx: AsyncConnection, operation_id: str) -> Operation:
    """The operation, its status held until this transaction ends."""
    return rows.operation_from(await lock_operation_row(tx, operation_id))


async def lock_operation_row(tx: AsyncConnection, operation_id: str) -> Row[Any]:
    """The operation with what only the store knows of it: workspace, environment, actor."""
    statement = select(operations).where(operations.c.id == operation_id).with_for_update(key_share=True)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no operation {operation_id}")
    return row


async def find_project_by_slug(tx: AsyncConnection, workspace_id: str, slug: str, *, lock: bool = False) -> Project:
    """The project of that name. Raises NotFound, and says which names there are.

    `lock`: held against everybody until this transaction ends, also against who would only refer to it.
    """
    kept = (projects.c.workspace_id == workspace_id, projects.c.removed_at.is_(None))
    statement = select(projects).where(*kept, projects.c.slug == slug)
    row = (await tx.execute(statement.with_for_update() if lock else statement)).one_or_none()
    if row is not None:
        return rows.project_from(row)
    names = select(projects.c.slug).where(*kept).order_by(projects.c.slug)
    known = ", ".join((await tx.execute(names)).scalars()) or "none yet"
    raise NotFound(f'there is no project "{slug}"; known are: {known}')


async def find_deployment(tx: AsyncConnection, deployment_id: str, *, workspace_id: str) -> Deployment | None:
    """The deployment; None when there is none, when it was removed, or when it is another workspace's."""
    statement = (
        select(*deployment_columns)
        .join(projects, projects.c.id == deployments.c.project_id)
        .where(
            deployments.c.id == deployment_id,
            projects.c.workspace_id == workspace_id,
            deployments.c.removed_at.is_(None),
        )
    )
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else rows.deployment_from(row)


async def find_environment(tx: AsyncConnection, environment_id: str) -> Environment:
    """The environment of a deployment that exists; so it exists too."""
    row = (await tx.execute(select(environments).where(environments.c.id == environment_id))).one()
    return rows.environment_from(row)


async def find_environment_by_slug(tx: AsyncConnection, project: Project, slug: str) -> Environment:
    """The environment of that name. Raises NotFound, and says which names there are."""
    mine = select(environments).where(environments.c.project_id == project.id).order_by(environments.c.slug)
    known = {row.slug: rows.environment_from(row) for row in await tx.execute(mine)}
    if slug not in known:
        names = ", ".join(known) or "none yet"
        raise NotFound(f'{project.slug} has no environment "{slug}"; known are: {names}')
    return known[slug]


async def routes_that_move(tx: AsyncConnection, project_id: str, environment_id: str) -> tuple[Route, ...]:
    """The environment's and the live routes of one environment, by name.

    Not the others: every deployment leaves one of its own behind, and a switch must cost what it changes,
    not what exists.
    """
    statement = (
        select(routes)
        .where(
            routes.c.project_id == project_id,
            routes.c.environment_id == environment_id,
            routes.c.sticky.in_([sticky.value for sticky in MOVES_WITH_LIVE]),
        )
        .order_by(routes.c.fqdn)
    )
    return tuple(rows.route_from(row) for row in await tx.execute(statement))


async def count_running(tx: AsyncConnection, deployment_id: str) -> int:
    """How many instances of the deployment run and pass their health check."""
    statement = select(func.count()).where(
        instances.c.deployment_id == deployment_id, instances.c.status == InstanceStatus.RUNNING
    )
    return (await tx.execute(statement)).scalar_one()
