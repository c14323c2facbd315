"""Workspaces, projects, environments, and the sources that belong to a workspace."""

from __future__ import annotations

from sqlalchemy import select

from turnout.domain.ids import new_id
from turnout.domain.records import Environment, Project, Workspace
from turnout.store import rows
from turnout.store.database import insert_into
from turnout.store.lookups import find_project_by_slug
from turnout.store.part import Part
from turnout.store.schema import environments, projects, sources, workspaces


class Tenants(Part):
    """Who owns what."""

    async def ensure_workspace(self, *, slug: str) -> Workspace:
        """The workspace of that name, made when there is none."""
        async with self._db.write() as tx:
            made = insert_into(tx, workspaces).values(id=new_id("ws"), slug=slug)
            await tx.execute(made.on_conflict_do_nothing(index_elements=["slug"]))
            row = (await tx.execute(select(workspaces).where(workspaces.c.slug == slug))).one()
            return rows.workspace_from(row)

    async def find_project(self, *, workspace_id: str, slug: str) -> Project:
        """Raises NotFound, which names the projects there are."""
        async with self._db.read() as tx:
            return await find_project_by_slug(tx, workspace_id, slug)

    async def list_projects(self, *, workspace_id: str) -> tuple[Project, ...]:
        """The projects of a workspace, by name."""
        mine = (projects.c.workspace_id == workspace_id, projects.c.removed_at.is_(None))
        statement = select(projects).where(*mine).order_by(projects.c.slug)
        async with self._db.read() as tx:
            return tuple(rows.project_from(row) for row in await tx.execute(statement))

    async def environments_of(self, *, project_id: str) -> tuple[Environment, ...]:
        """The environments of a project, by name."""
        statement = select(environments).where(environments.c.project_id == project_id).order_by(environments.c.slug)
        async with self._db.read() as tx:
            return tuple(rows.environment_from(row) for row in await tx.execute(statement))

    async def record_source(self, *, workspace_id: str, source_id: str, size: int) -> None:
        """This workspace has uploaded that source; it may deploy it. `size` in bytes."""
        async with self._db.write() as tx:
            statement = insert_into(tx, sources).values(
                workspace_id=workspace_id, id=source_id, size=size, created_at=self._db.now()
            )
            # The newest upload counts: an old one that nobody uses may be collected, this one is about to be used.
            again = {"created_at": statement.excluded.created_at}
            await tx.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "id"], set_=again))

    async def has_source(self, *, workspace_id: str, source_id: str) -> bool:
        """Whether this workspace has uploaded it; another one's upload does not count."""
        statement = select(sources.c.id).where(sources.c.workspace_id == workspace_id, sources.c.id == source_id)
        async with self._db.read() as tx:
            return (await tx.execute(statement)).first() is not None
