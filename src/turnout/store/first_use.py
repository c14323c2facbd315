"""A project and an environment come into being with the first deploy that names them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.ids import new_id
from turnout.domain.records import Environment, Project
from turnout.store import rows
from turnout.store.database import insert_into
from turnout.store.schema import environments, projects, regions, sources, workspaces


async def require_workspace(tx: AsyncConnection, workspace_id: str) -> None:
    """Raises NotFound."""
    row = (await tx.execute(select(workspaces.c.id).where(workspaces.c.id == workspace_id))).first()
    if row is None:
        raise NotFound(f"there is no workspace {workspace_id}")


async def require_source(tx: AsyncConnection, workspace_id: str, source_id: str) -> None:
    """Raises NotFound when this workspace has not uploaded that source, whoever else has."""
    statement = select(sources.c.id).where(sources.c.workspace_id == workspace_id, sources.c.id == source_id)
    if (await tx.execute(statement)).first() is None:
        raise NotFound(f"cannot deploy: there is no source {source_id}; upload it first")


async def ensure_project(tx: AsyncConnection, workspace_id: str, slug: str) -> Project:
    """The project of that name; two deploys that both come first agree on one.

    It is not removed before this transaction ends.
    """
    made = insert_into(tx, projects).values(id=new_id("prj"), workspace_id=workspace_id, slug=slug)
    named = select(projects).where(projects.c.workspace_id == workspace_id, projects.c.slug == slug)
    for _ in range(2):  # again when the one that was there was removed while it was waited for
        await tx.execute(made.on_conflict_do_nothing(index_elements=["workspace_id", "slug"]))
        row = (await tx.execute(named.with_for_update(read=True, key_share=True))).one_or_none()
        if row is not None:
            return rows.project_from(row)
    raise Conflict(f"cannot use the name {slug}: projects of that name come and go; try again in a moment")


async def ensure_environment(tx: AsyncConnection, project: Project, slug: str) -> Environment:
    """The environment of that name; two deploys that both come first agree on one."""
    made = insert_into(tx, environments).values(id=new_id("env"), project_id=project.id, slug=slug)
    await tx.execute(made.on_conflict_do_nothing(index_elements=["project_id", "slug"]))
    statement = select(environments).where(environments.c.project_id == project.id, environments.c.slug == slug)
    return rows.environment_from((await tx.execute(statement)).one())


async def ensure_regions(tx: AsyncConnection, names: Iterable[str]) -> None:
    """A region may be named before its krane has ever connected."""
    for name in names:
        unseen = insert_into(tx, regions).values(name=name, backends=[], connected=False)
        await tx.execute(unseen.on_conflict_do_nothing(index_elements=["name"]))
