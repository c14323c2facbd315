"""The keys of keyspaces: made, limited, ended. (`keys` has those of the vault.)

Each change is audited, and told to the gateways in the same transaction; it is in effect once they have acknowledged
the generation that is returned.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound, TooLarge
from turnout.domain.expiry import check_expiry
from turnout.domain.ids import new_id
from turnout.domain.keyspaces import KEYS_MAX, Key, Keyspace, NewKey, RateLimit
from turnout.store.keyspace_rows import (
    count_good,
    find_keyspace,
    key_from,
    limit_columns,
    said,
    tell_gateways,
    write_deed,
)
from turnout.store.part import Part
from turnout.store.schema import keys


class KeyspaceKeys(Part):
    """Who may call, how often, and until when."""

    async def add_key(
        self,
        *,
        workspace_id: str,
        reference: str,
        new: NewKey,
        name: str,
        limit: RateLimit | None,
        expires_at: datetime | None,
        actor: str,
    ) -> tuple[Key, int]:
        """Add a key to a keyspace; of its secret nothing is written but the hash and the first letters.

        Raises NotFound; Invalid for an end in the past; Conflict when a key that is not revoked has that name;
        TooLarge when the keyspace is full.
        """
        async with self._db.write() as tx:
            keyspace = await find_keyspace(tx, workspace_id, reference, to_change=True)
            now = self._db.now()
            if expires_at is not None:
                check_expiry(expires_at, now=now)
            taken = (keys.c.keyspace_id == keyspace.id, keys.c.name == name, keys.c.revoked_at.is_(None))
            if (await tx.execute(select(keys.c.id).where(*taken))).first() is not None:
                raise Conflict(f"cannot make key {name}: {keyspace.slug} has one of that name; revoke that first")
            if await count_good(tx, keyspace.id, now) >= KEYS_MAX:
                raise TooLarge(f"cannot make another key: {keyspace.slug} has {KEYS_MAX}; revoke some, or use two")
            values = {
                "id": new_id("key"),
                "keyspace_id": keyspace.id,
                "name": name,
                "sha256": new.sha256,
                "start": new.start,
                "created_at": now,
                "created_by": actor,
                "changed_at": now,
                "expires_at": expires_at,
                **limit_columns(limit),
            }
            key = key_from((await tx.execute(insert(keys).values(values).returning(keys))).one())
            end = None if expires_at is None else expires_at.isoformat()
            await write_deed(
                tx, keyspace, "key.created", key.id, actor, at=now, name=name, limit=said(limit), expires_at=end
            )
            return key, await tell_gateways(tx, keyspace.id)

    async def list_keys(self, *, workspace_id: str, reference: str) -> tuple[Keyspace, tuple[Key, ...]]:
        """All that were ever made in a keyspace, newest first. Raises NotFound."""
        async with self._db.read() as tx:
            keyspace = await find_keyspace(tx, workspace_id, reference)
            mine = select(keys).where(keys.c.keyspace_id == keyspace.id)
            rows = await tx.execute(mine.order_by(keys.c.created_at.desc(), keys.c.id.desc()))
            return keyspace, tuple(key_from(row) for row in rows)

    async def revoke_key(self, *, workspace_id: str, key_id: str, actor: str) -> tuple[Keyspace, Key, int]:
        """Let it in no more, for ever. Doing it again changes nothing. Raises NotFound."""
        async with self._db.write() as tx:
            now = self._db.now()
            return await self._change(tx, workspace_id, key_id, actor, "key.revoked", revoked_at=now)

    async def expire_key(
        self, *, workspace_id: str, key_id: str, expires_at: datetime | None, actor: str
    ) -> tuple[Keyspace, Key, int]:
        """Another end, or none. Raises NotFound; Invalid for the past; Conflict for a revoked key."""
        async with self._db.write() as tx:
            if expires_at is not None:
                check_expiry(expires_at, now=self._db.now())
            return await self._change(tx, workspace_id, key_id, actor, "key.expires", expires_at=expires_at)

    async def limit_key(
        self, *, workspace_id: str, key_id: str, limit: RateLimit | None, actor: str
    ) -> tuple[Keyspace, Key, int]:
        """Another limit of its own, or that of its keyspace. Raises NotFound; Conflict for a revoked key."""
        async with self._db.write() as tx:
            return await self._change(tx, workspace_id, key_id, actor, "key.limited", **limit_columns(limit))

    async def _change(
        self, tx: AsyncConnection, workspace_id: str, key_id: str, actor: str, action: str, **values: Any
    ) -> tuple[Keyspace, Key, int]:
        keyspace, row = await _lock_key(tx, workspace_id, key_id)
        if row.revoked_at is not None:
            if action != "key.revoked":
                raise Conflict(f"cannot change {key_id}: it is revoked, and stays so; make another one")
            return keyspace, key_from(row), await tell_gateways(tx, keyspace.id)
        this = update(keys).where(keys.c.id == key_id).returning(keys)
        key = key_from((await tx.execute(this.values(changed_at=self._db.now(), **values))).one())
        detail = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
        await write_deed(tx, keyspace, action, key_id, actor, at=key.changed_at, **detail)
        return keyspace, key, await tell_gateways(tx, keyspace.id)


async def _lock_key(tx: AsyncConnection, workspace_id: str, key_id: str) -> tuple[Keyspace, Row[Any]]:
    """The key and its keyspace, which is locked: its changes come one after another. Raises NotFound."""
    where = select(keys.c.keyspace_id).where(keys.c.id == key_id)
    keyspace_id = (await tx.execute(where)).scalar_one_or_none()
    try:
        keyspace = await find_keyspace(tx, workspace_id, keyspace_id or "", to_change=True)
    except NotFound:
        raise NotFound("there is no key of that id; `turnout keys ls` lists them") from None
    return keyspace, (await tx.execute(select(keys).where(keys.c.id == key_id))).one()
