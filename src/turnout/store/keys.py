"""The vault's keys, wrapped: the store cannot read what it keeps here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import NotFound
from turnout.domain.secrets import DataKey, KeyPurpose, Keyring
from turnout.store.database import insert_into
from turnout.store.part import Part
from turnout.store.schema import data_keys, environments, keyrings, projects


class Keys(Part):
    """Where the vault keeps keyrings and data keys."""

    async def workspace_of(self, *, environment_id: str) -> str:
        """Whose environment it is. Raises NotFound."""
        async with self._db.read() as tx:
            return await _workspace_of(tx, environment_id)

    async def find_keyring(self, *, environment_id: str) -> Keyring | None:
        """The keyring of an environment; None before its first secret. Raises NotFound without the environment."""
        async with self._db.read() as tx:
            return await _find_keyring(tx, environment_id)

    async def add_keyring(self, *, keyring: Keyring, keys: Sequence[DataKey]) -> Keyring:
        """Keep a keyring with its first keys. When there is one already, that one stays and is returned."""
        async with self._db.write() as tx:
            now = self._db.now()
            fresh = insert_into(tx, keyrings).values(
                id=keyring.id, environment_id=keyring.environment_id, created_at=now
            )
            made = await tx.execute(fresh.on_conflict_do_nothing(index_elements=["environment_id"]))
            if made.rowcount == 1:
                mine = update(environments).where(environments.c.id == keyring.environment_id)
                await tx.execute(mine.values(keyring_id=keyring.id))
                await tx.execute(insert(data_keys).values([_values(key) | {"created_at": now} for key in keys]))
            found = await _find_keyring(tx, keyring.environment_id)
            assert found is not None, "it was just made, by us or by somebody quicker"  # noqa: S101
            return found

    async def has_keyrings(self) -> bool:
        """Whether anything was ever encrypted here: then the master keys of it must not be made anew."""
        async with self._db.read() as tx:
            return (await tx.execute(select(keyrings.c.id).limit(1))).first() is not None

    async def find_data_key(self, *, data_key_id: str) -> tuple[DataKey, Keyring] | None:
        """A data key and the keyring it belongs to; None when there is none of that id."""
        async with self._db.read() as tx:
            row = (await tx.execute(_with_keyring().where(data_keys.c.id == data_key_id))).one_or_none()
            return None if row is None else (_data_key_from(row), _keyring_from(row))

    async def newest_data_key(self, *, keyring_id: str, purpose: KeyPurpose) -> DataKey:
        """The one that is in use. A keyring has one of each purpose from its beginning on."""
        statement = (
            select(data_keys)
            .where(data_keys.c.keyring_id == keyring_id, data_keys.c.purpose == purpose)
            .order_by(data_keys.c.number.desc())
            .limit(1)
        )
        async with self._db.read() as tx:
            return _data_key_from((await tx.execute(statement)).one())

    async def add_data_key(self, *, data_key: DataKey) -> bool:
        """Put a key into use; False when another one took its number first."""
        async with self._db.write() as tx:
            fresh = insert_into(tx, data_keys).values(**_values(data_key), created_at=self._db.now())
            slot = ["keyring_id", "purpose", "number"]
            return bool((await tx.execute(fresh.on_conflict_do_nothing(index_elements=slot))).rowcount)

    async def count_messages(self, *, data_key_id: str, messages: int, limit: int) -> bool:
        """Add to the messages of a key, unless they were more than `limit` then; whether it was done."""
        total = data_keys.c.messages + messages
        counted = update(data_keys).where(data_keys.c.id == data_key_id, total <= limit).values(messages=total)
        async with self._db.write() as tx:
            return (await tx.execute(counted)).rowcount == 1

    async def keys_not_under(self, *, master_key_id: str, limit: int) -> tuple[tuple[DataKey, Keyring], ...]:
        """Some of the data keys that are wrapped with another master key, oldest first."""
        statement = _with_keyring().where(data_keys.c.master_key_id != master_key_id)
        async with self._db.read() as tx:
            found = await tx.execute(statement.order_by(data_keys.c.id).limit(limit))
            return tuple((_data_key_from(row), _keyring_from(row)) for row in found)

    async def rewrap_data_key(self, *, before: DataKey, after: DataKey) -> bool:
        """Replace a wrapping; False when it is not `before` any more."""
        same = (data_keys.c.id == before.id, data_keys.c.wrapped == before.wrapped)
        statement = update(data_keys).where(*same).values(wrapped=after.wrapped, master_key_id=after.master_key_id)
        async with self._db.write() as tx:
            return (await tx.execute(statement)).rowcount == 1


async def _workspace_of(tx: AsyncConnection, environment_id: str) -> str:
    statement = (
        select(projects.c.workspace_id)
        .join(environments, environments.c.project_id == projects.c.id)
        .where(environments.c.id == environment_id)
    )
    workspace_id: str | None = (await tx.execute(statement)).scalar_one_or_none()
    if workspace_id is None:
        raise NotFound(f"there is no environment {environment_id}")
    return workspace_id


async def _find_keyring(tx: AsyncConnection, environment_id: str) -> Keyring | None:
    workspace_id = await _workspace_of(tx, environment_id)
    statement = select(keyrings.c.id).where(keyrings.c.environment_id == environment_id)
    keyring_id = (await tx.execute(statement)).scalar_one_or_none()
    if keyring_id is None:
        return None
    return Keyring(id=keyring_id, workspace_id=workspace_id, environment_id=environment_id)


def _with_keyring() -> Select[Any]:
    return (
        select(data_keys, keyrings.c.environment_id, projects.c.workspace_id)
        .join(keyrings, keyrings.c.id == data_keys.c.keyring_id)
        .join(environments, environments.c.id == keyrings.c.environment_id)
        .join(projects, projects.c.id == environments.c.project_id)
    )


def _values(data_key: DataKey) -> dict[str, Any]:
    return {
        "id": data_key.id,
        "keyring_id": data_key.keyring_id,
        "purpose": data_key.purpose,
        "number": data_key.number,
        "master_key_id": data_key.master_key_id,
        "wrapped": data_key.wrapped,
        "messages": 0,
    }


def _data_key_from(row: Row[Any]) -> DataKey:
    return DataKey(
        id=row.id,
        keyring_id=row.keyring_id,
        purpose=KeyPurpose(row.purpose),
        number=row.number,
        master_key_id=row.master_key_id,
        wrapped=bytes(row.wrapped),
    )


def _keyring_from(row: Row[Any]) -> Keyring:
    return Keyring(id=row.keyring_id, workspace_id=row.workspace_id, environment_id=row.environment_id)
