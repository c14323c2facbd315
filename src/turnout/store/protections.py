"""The protection of environments: read, and changed as a routing transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import NotFound
from turnout.domain.hostnames import check_environment
from turnout.domain.protection import Protection, check_protection, from_json, to_json
from turnout.store.audit import write_audit
from turnout.store.counters import mark_changed, take_number
from turnout.store.database import insert_into
from turnout.store.first_use import ensure_environment, ensure_project, require_workspace
from turnout.store.lookups import find_environment_by_slug, find_project_by_slug, lock_project
from turnout.store.part import Part
from turnout.store.schema import projects, protections


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtectionRecord:
    """What stands in front of an environment, and who had it so."""

    protection: Protection = field(default_factory=Protection)
    generation: int = 0
    """Gateways that have acknowledged it apply this; 0 when nothing was ever protected."""
    changed_at: datetime | None = None
    changed_by: str | None = None


class Protections(Part):
    """Read and changed."""

    async def find_protection(self, *, environment_id: str) -> ProtectionRecord:
        """Everything is off in an environment that was never protected."""
        async with self._db.read() as tx:
            return await _find(tx, environment_id)

    async def change_protection(
        self,
        *,
        workspace_id: str,
        project: str,
        environment: str,
        change: Callable[[Protection], Protection],
        actor: str,
    ) -> ProtectionRecord:
        """Have `change` make the new protection of the old one, under the lock of the project.

        An environment that nobody has deployed to yet comes into being, so that it can be closed before it is
        open; to switch something off there raises NotFound. A change that changes nothing writes nothing.
        Raises Invalid, and whatever `change` raises; then nothing has changed. `change` only decides: it may
        be called several times.
        """
        check_environment(environment)
        try:
            async with self._db.read() as tx:
                await find_environment_by_slug(tx, await find_project_by_slug(tx, workspace_id, project), environment)
        except NotFound:
            if check_protection(change(Protection())).is_off:
                raise
        async with self._db.write() as tx:
            await require_workspace(tx, workspace_id)
            found = await ensure_project(tx, workspace_id, project)
            await lock_project(tx, found.id)
            environment_id = (await ensure_environment(tx, found, environment)).id
            before = await _find(tx, environment_id)
            after = check_protection(change(before.protection))
            if after == before.protection:
                return before
            now = self._db.now()
            generation = await take_number(tx, "generation")
            await tx.execute(update(projects).where(projects.c.id == found.id).values(generation=generation))
            values = {"config": to_json(after), "generation": generation, "changed_at": now, "changed_by": actor}
            statement = insert_into(tx, protections).values(environment_id=environment_id, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["environment_id"], set_=values))
            await write_audit(
                tx,
                at=now,
                workspace_id=workspace_id,
                project_id=found.id,
                actor=actor,
                action="protection.changed",
                subject=environment_id,
                detail={"generation": generation, "before": _told(before.protection), "after": _told(after)},
            )
            await mark_changed(tx, [found.id])
            return ProtectionRecord(protection=after, generation=generation, changed_at=now, changed_by=actor)


async def _find(tx: AsyncConnection, environment_id: str) -> ProtectionRecord:
    statement = select(protections).where(protections.c.environment_id == environment_id)
    row = (await tx.execute(statement)).one_or_none()
    return ProtectionRecord() if row is None else _record_from(row)


def _record_from(row: Row[Any]) -> ProtectionRecord:
    return ProtectionRecord(
        protection=from_json(row.config),
        generation=row.generation,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


def _told(protection: Protection) -> dict[str, Any]:
    """For the audit: ranges and names, no hash of a password and no value of a header."""
    maintenance = protection.maintenance
    return {
        "allow": list(protection.allow),
        "basic_auth": [each.user for each in protection.basic_auth],
        "maintenance": None if maintenance is None else {"let_in": list(maintenance.let_in)},
        "headers": [f"{rule.action} {rule.side} {rule.name}" for rule in protection.headers],
    }
