"""Keyspaces: made, limited, named by deployments, removed. (`keys` has the keys of the vault.)"""

from __future__ import annotations

from sqlalchemy import func, insert, select, update

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.ids import new_id
from turnout.domain.keyspaces import Keyspace, RateLimit
from turnout.domain.statuses import DeploymentStatus
from turnout.store.keyspace_rows import (
    find_keyspace,
    good,
    keyspace_from,
    limit_columns,
    said,
    tell_gateways,
    user_of,
    write_deed,
)
from turnout.store.lookups import lock_deployment
from turnout.store.part import Part
from turnout.store.schema import deployments, keys, keyspaces, projects

_NOT_STARTED = frozenset({DeploymentStatus.PENDING, DeploymentStatus.BUILDING})


class Keyspaces(Part):
    """Sets of keys, by name. Each change is audited."""

    async def create_keyspace(self, *, workspace_id: str, slug: str, limit: RateLimit | None, actor: str) -> Keyspace:
        """Make an empty one. Raises Conflict when there is one of that name."""
        async with self._db.write() as tx:
            taken = select(keyspaces.c.id).where(
                keyspaces.c.workspace_id == workspace_id, keyspaces.c.slug == slug, keyspaces.c.deleted_at.is_(None)
            )
            if (await tx.execute(taken)).first() is not None:
                raise Conflict(f"cannot make keyspace {slug}: there is one of that name")
            keyspace = Keyspace(
                id=new_id("ks"), workspace_id=workspace_id, slug=slug, limit=limit, created_at=self._db.now()
            )
            await tx.execute(
                insert(keyspaces).values(
                    id=keyspace.id,
                    workspace_id=workspace_id,
                    slug=slug,
                    created_at=keyspace.created_at,
                    **limit_columns(limit),
                )
            )
            await write_deed(
                tx,
                keyspace,
                "keyspace.created",
                keyspace.id,
                actor,
                at=keyspace.created_at,
                slug=slug,
                limit=said(limit),
            )
            return keyspace

    async def find_keyspace(self, *, workspace_id: str, reference: str) -> Keyspace:
        """By id or name. Raises NotFound, also for another workspace's."""
        async with self._db.read() as tx:
            return await find_keyspace(tx, workspace_id, reference)

    async def list_keyspaces(self, *, workspace_id: str) -> tuple[tuple[Keyspace, int], ...]:
        """Those of a workspace by name, each with how many good keys it has."""
        counted = (
            select(func.count())
            .where(keys.c.keyspace_id == keyspaces.c.id, *good(self._db.now()))
            .scalar_subquery()
            .label("good")
        )
        statement = (
            select(keyspaces, counted)
            .where(keyspaces.c.workspace_id == workspace_id, keyspaces.c.deleted_at.is_(None))
            .order_by(keyspaces.c.slug)
        )
        async with self._db.read() as tx:
            return tuple((keyspace_from(row), row.good) for row in await tx.execute(statement))

    async def limit_keyspace(
        self, *, workspace_id: str, reference: str, limit: RateLimit | None, actor: str
    ) -> tuple[Keyspace, int]:
        """Another limit for its keys that have none of their own. Raises NotFound."""
        async with self._db.write() as tx:
            found = await find_keyspace(tx, workspace_id, reference, to_change=True)
            this = update(keyspaces).where(keyspaces.c.id == found.id).returning(keyspaces)
            changed = keyspace_from((await tx.execute(this.values(**limit_columns(limit)))).one())
            await write_deed(tx, found, "keyspace.limited", found.id, actor, at=self._db.now(), limit=said(limit))
            return changed, await tell_gateways(tx, found.id)

    async def remove_keyspace(self, *, workspace_id: str, reference: str, actor: str) -> Keyspace:
        """Forget it, and revoke its keys. Raises NotFound; Conflict while a deployment asks for keys of it."""
        async with self._db.write() as tx:
            found = await find_keyspace(tx, workspace_id, reference, to_change=True)
            if (user := await user_of(tx, found.id)) is not None:
                raise Conflict(
                    f"cannot remove keyspace {found.slug}: {user} asks for its keys; remove that with `turnout rm`, "
                    "or revoke the keys, which ends what they are good for at once"
                )
            now = self._db.now()
            live = (keys.c.keyspace_id == found.id, keys.c.revoked_at.is_(None))
            await tx.execute(update(keys).where(*live).values(revoked_at=now, changed_at=now))
            await tx.execute(update(keyspaces).where(keyspaces.c.id == found.id).values(deleted_at=now))
            await write_deed(tx, found, "keyspace.removed", found.id, actor, at=now, slug=found.slug)
            return found

    async def ask_for_keys(self, *, deployment_id: str, reference: str) -> None:
        """Have a deployment ask for keys of a keyspace of its workspace. Doing it again changes nothing.

        Raises NotFound, and Conflict when the deployment has started: what guards a version is part of it.
        """
        statement = (
            select(projects.c.workspace_id)
            .join(deployments, deployments.c.project_id == projects.c.id)
            .where(deployments.c.id == deployment_id)
        )
        async with self._db.write() as tx:
            workspace_id = (await tx.execute(statement)).scalar_one_or_none()
            if workspace_id is None:
                raise NotFound(f"there is no deployment {deployment_id}")
            keyspace = await find_keyspace(tx, workspace_id, reference, to_name=True)
            deployment = await lock_deployment(tx, deployment_id)
            if deployment.key_auth_id == keyspace.id:
                return
            if deployment.status not in _NOT_STARTED:
                raise Conflict(f"cannot change the keyspace of {deployment_id}: it is {deployment.status} already")
            this = update(deployments).where(deployments.c.id == deployment_id)
            await tx.execute(this.values(key_auth_id=keyspace.id))
