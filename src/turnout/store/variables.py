"""The variables of environments, and the snapshot of them that each deployment keeps. All of it is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.hostnames import check_environment
from turnout.domain.records import Environment
from turnout.domain.secrets import (
    Sealed,
    SealedVariable,
    Snapshot,
    Variable,
    snapshot_from_bytes,
    snapshot_to_bytes,
)
from turnout.domain.variables import check_all
from turnout.store.audit import write_audit
from turnout.store.database import insert_into
from turnout.store.first_use import ensure_environment, ensure_project, require_workspace
from turnout.store.lookups import find_environment_by_slug, find_project_by_slug
from turnout.store.part import Part
from turnout.store.placements import RUNNING
from turnout.store.schema import deployments, environments, jobs, placements, projects, variables


class Variables(Part):
    """Set, listed, removed, and kept with a deployment."""

    async def open_environment(self, *, workspace_id: str, project: str, environment: str) -> Environment:
        """The environment of that name; it and its project come into being with their first variable.

        Raises Invalid for a reserved name.
        """
        check_environment(environment)
        async with self._db.write() as tx:
            await require_workspace(tx, workspace_id)
            return await ensure_environment(tx, await ensure_project(tx, workspace_id, project), environment)

    async def find_environment(self, *, workspace_id: str, project: str, environment: str) -> Environment:
        """Raises NotFound, and says which names there are."""
        async with self._db.read() as tx:
            found = await find_project_by_slug(tx, workspace_id, project)
            return await find_environment_by_slug(tx, found, environment)

    async def list_variables(self, *, environment_id: str) -> tuple[Variable, ...]:
        """The variables that are set, by name."""
        statement = (
            select(variables.c.name, variables.c.version, variables.c.updated_at)
            .where(variables.c.environment_id == environment_id, variables.c.ciphertext.is_not(None))
            .order_by(variables.c.name)
        )
        async with self._db.read() as tx:
            return tuple(Variable(**row._mapping) for row in await tx.execute(statement))  # noqa: SLF001 - public

    async def sealed_variables(self, *, environment_id: str) -> tuple[SealedVariable, ...]:
        """The variables that are set, sealed, by name."""
        async with self._db.read() as tx:
            return await _sealed(tx, environment_id)

    async def last_versions(self, *, environment_id: str) -> dict[str, int]:
        """The last version of every name that was ever set, also of removed ones."""
        statement = select(variables.c.name, variables.c.version).where(variables.c.environment_id == environment_id)
        async with self._db.read() as tx:
            return {row.name: row.version for row in await tx.execute(statement)}

    async def save_variables(self, *, environment_id: str, sealed: Sequence[SealedVariable], actor: str) -> None:
        """Set variables, each at the version after its last one.

        Raises Conflict when one was set meanwhile, and TooLarge beyond what an environment may hold; then
        nothing has changed.
        """
        async with self._db.write() as tx:
            now = self._db.now()
            await _hold(tx, environment_id)
            for each in sealed:
                await _save(tx, environment_id, each, now)
            await _check_limits(tx, environment_id)
            names = {each.name: each.version for each in sealed}
            await _audit(tx, environment_id, actor=actor, action="variables.set", versions=names, at=now)

    async def remove_variables(self, *, environment_id: str, names: Sequence[str], actor: str) -> None:
        """Remove variables. Raises NotFound when one is not set; then nothing has changed."""
        async with self._db.write() as tx:
            now = self._db.now()
            await _hold(tx, environment_id)
            known = {each.name: each.version for each in await _sealed(tx, environment_id)}
            if missing := [name for name in names if name not in known]:
                raise NotFound(f"cannot remove {missing[0]}: this environment has no variable of that name")
            gone = update(variables).where(variables.c.environment_id == environment_id, variables.c.name.in_(names))
            await tx.execute(gone.values(data_key_id=None, ciphertext=None, fingerprint=None, updated_at=now))
            removed = {name: known[name] for name in names}
            await _audit(tx, environment_id, actor=actor, action="variables.removed", versions=removed, at=now)

    async def replace_sealed(self, *, environment_id: str, before: SealedVariable, after: Sealed) -> bool:
        """The same value under another key; False when it is not `before` any more."""
        same = (
            variables.c.environment_id == environment_id,
            variables.c.name == before.name,
            variables.c.version == before.version,
            variables.c.ciphertext == before.sealed.ciphertext,
        )
        fresh = {"data_key_id": after.data_key_id, "ciphertext": after.ciphertext}
        async with self._db.write() as tx:
            return (await tx.execute(update(variables).where(*same).values(**fresh))).rowcount == 1

    # ------------------------------------------------------------------------------------- snapshots

    async def snapshot_of(self, *, deployment_id: str, region: str | None = None) -> Snapshot:
        """The variables of a deployment as they were when it was created.

        With `region`, only of a deployment that shall run there, or whose release command shall. Raises NotFound.
        """
        statement = (
            select(deployments.c.environment_id, deployments.c.env_snapshot, projects.c.workspace_id)
            .join(projects, projects.c.id == deployments.c.project_id)
            .where(deployments.c.id == deployment_id)
        )
        if region is not None:
            placed = select(placements.c.deployment_id).where(
                placements.c.region == region, placements.c.desired == RUNNING
            )
            released = select(jobs.c.deployment_id).where(jobs.c.region == region, jobs.c.wanted)
            statement = statement.where(deployments.c.id.in_(placed) | deployments.c.id.in_(released))
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
        if row is None:
            where = "" if region is None else f" that shall run in {region}"
            raise NotFound(f"there is no deployment {deployment_id}{where}")
        return Snapshot(
            workspace_id=row.workspace_id,
            environment_id=row.environment_id,
            variables=snapshot_from_bytes(row.env_snapshot),
        )

    async def snapshots_in(self, *, environment_id: str) -> tuple[str, ...]:
        """The deployments of an environment that have a snapshot, oldest first."""
        mine = (deployments.c.environment_id == environment_id, deployments.c.env_snapshot.is_not(None))
        statement = select(deployments.c.id).where(*mine).order_by(deployments.c.id)
        async with self._db.read() as tx:
            return tuple((await tx.execute(statement)).scalars())

    async def replace_snapshot(
        self, *, deployment_id: str, before: Sequence[SealedVariable], after: Sequence[SealedVariable]
    ) -> bool:
        """The same values under other keys; False when the snapshot is not `before` any more."""
        same = (deployments.c.id == deployment_id, deployments.c.env_snapshot == snapshot_to_bytes(before))
        statement = update(deployments).where(*same).values(env_snapshot=snapshot_to_bytes(after))
        async with self._db.write() as tx:
            return (await tx.execute(statement)).rowcount == 1

    async def environments_with_secrets(self, *, workspace_id: str) -> tuple[str, ...]:
        """The environments of a workspace that have a keyring, by id."""
        statement = (
            select(environments.c.id)
            .join(projects, projects.c.id == environments.c.project_id)
            .where(projects.c.workspace_id == workspace_id, environments.c.keyring_id.is_not(None))
            .order_by(environments.c.id)
        )
        async with self._db.read() as tx:
            return tuple((await tx.execute(statement)).scalars())


async def take_snapshot(tx: AsyncConnection, environment_id: str) -> bytes | None:
    """The variables as a new deployment keeps them: copied as they are sealed, in one statement."""
    return snapshot_to_bytes(await _sealed(tx, environment_id))


async def _hold(tx: AsyncConnection, environment_id: str) -> None:
    """One change of an environment's variables at a time. Raises NotFound."""
    statement = select(environments.c.id).where(environments.c.id == environment_id).with_for_update(key_share=True)
    if (await tx.execute(statement)).first() is None:
        raise NotFound(f"there is no environment {environment_id}")


async def _save(tx: AsyncConnection, environment_id: str, each: SealedVariable, now: datetime) -> None:
    values = {
        "version": each.version,
        "data_key_id": each.sealed.data_key_id,
        "ciphertext": each.sealed.ciphertext,
        "fingerprint": each.sealed.fingerprint,
        "updated_at": now,
    }
    if each.version == 1:
        fresh = insert_into(tx, variables).values(environment_id=environment_id, name=each.name, **values)
        done = await tx.execute(fresh.on_conflict_do_nothing(index_elements=["environment_id", "name"]))
    else:
        last = (
            variables.c.environment_id == environment_id,
            variables.c.name == each.name,
            variables.c.version == each.version - 1,
        )
        done = await tx.execute(update(variables).where(*last).values(**values))
    if done.rowcount != 1:
        raise Conflict(f"cannot set {each.name}: somebody else has set it at this moment; try again")


async def _sealed(tx: AsyncConnection, environment_id: str) -> tuple[SealedVariable, ...]:
    mine = (variables.c.environment_id == environment_id, variables.c.ciphertext.is_not(None))
    statement = select(variables).where(*mine).order_by(variables.c.name)
    return tuple(_sealed_from(row) for row in await tx.execute(statement))


def _sealed_from(row: Row[Any]) -> SealedVariable:
    sealed = Sealed(data_key_id=row.data_key_id, ciphertext=bytes(row.ciphertext), fingerprint=bytes(row.fingerprint))
    return SealedVariable(name=row.name, version=row.version, sealed=sealed)


async def _check_limits(tx: AsyncConnection, environment_id: str) -> None:
    size = func.coalesce(func.sum(func.length(variables.c.ciphertext)), 0)
    mine = (variables.c.environment_id == environment_id, variables.c.ciphertext.is_not(None))
    count, total = (await tx.execute(select(func.count(), size).select_from(variables).where(*mine))).one()
    check_all(count, total)


async def _audit(
    tx: AsyncConnection, environment_id: str, *, actor: str, action: str, versions: dict[str, int], at: datetime
) -> None:
    statement = (
        select(projects.c.id, projects.c.workspace_id)
        .join(environments, environments.c.project_id == projects.c.id)
        .where(environments.c.id == environment_id)
    )
    project = (await tx.execute(statement)).one()
    await write_audit(
        tx,
        at=at,
        workspace_id=project.workspace_id,
        project_id=project.id,
        actor=actor,
        action=action,
        subject=environment_id,
        detail={"versions": versions},
    )
