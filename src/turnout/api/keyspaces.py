"""Keyspaces and keys. A secret goes out once, in the answer that makes it, and never comes in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Response

from turnout.api.parts import Caller
from turnout.domain.key_documents import (
    ExpiryBody,
    KeyBody,
    KeyChanged,
    KeyCreated,
    KeyDocument,
    KeyList,
    KeyspaceBody,
    KeyspaceChanged,
    KeyspaceDocument,
    KeyspaceList,
    LimitBody,
)
from turnout.domain.keyspaces import Key, Keyspace, new_key

Reference = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The id or the name of a keyspace.")]
KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


async def list_keyspaces(caller: Caller) -> KeyspaceList:
    """The keyspaces of the caller's workspace, by name."""
    listed = await caller.store.list_keyspaces(workspace_id=caller.workspace_id)
    return KeyspaceList(keyspaces=tuple(_keyspace(each, keys) for each, keys in listed))


async def create_keyspace(caller: Caller, body: KeyspaceBody) -> KeyspaceDocument:
    """Make a keyspace without keys; a deployment that asks for keys of it lets nobody in until it has some."""
    made = await caller.store.create_keyspace(
        workspace_id=caller.workspace_id, slug=body.name, limit=body.limit, actor=caller.signed_in.name
    )
    return _keyspace(made, 0)


async def limit_keyspace(caller: Caller, keyspace: Reference, body: LimitBody) -> KeyspaceChanged:
    """Give all keys of a keyspace that have no limit of their own another one."""
    changed, generation = await caller.store.limit_keyspace(
        workspace_id=caller.workspace_id, reference=keyspace, limit=body.limit, actor=caller.signed_in.name
    )
    _, keys = await caller.store.list_keys(workspace_id=caller.workspace_id, reference=changed.id)
    good = sum(each.state(_now()) == "good" for each in keys)
    return KeyspaceChanged(keyspace=_keyspace(changed, good), generation=generation)


async def remove_keyspace(caller: Caller, keyspace: Reference) -> KeyspaceDocument:
    """Remove a keyspace and revoke its keys. Refused while a deployment asks for keys of it."""
    removed = await caller.store.remove_keyspace(
        workspace_id=caller.workspace_id, reference=keyspace, actor=caller.signed_in.name
    )
    return _keyspace(removed, 0)


async def list_keys(caller: Caller, keyspace: Reference) -> KeyList:
    """All keys that were ever made in a keyspace, newest first."""
    found, keys = await caller.store.list_keys(workspace_id=caller.workspace_id, reference=keyspace)
    return KeyList(keyspace=found.slug, keys=tuple(_key(found, each) for each in keys))


async def create_key(caller: Caller, keyspace: Reference, body: KeyBody, response: Response) -> KeyCreated:
    """Make a key. Its secret is in this answer and nowhere else, now or later."""
    response.headers["cache-control"] = "no-store"
    new = new_key()
    found = await caller.store.find_keyspace(workspace_id=caller.workspace_id, reference=keyspace)
    key, generation = await caller.store.add_key(
        workspace_id=caller.workspace_id,
        reference=found.id,
        new=new,
        name=body.name,
        limit=body.limit,
        expires_at=body.expires_at,
        actor=caller.signed_in.name,
    )
    return KeyCreated(key=_key(found, key), generation=generation, secret=new.secret)


async def revoke_key(caller: Caller, key_id: KeyId) -> KeyChanged:
    """Let a key in no more, for ever. Revoking again changes nothing."""
    keyspace, key, generation = await caller.store.revoke_key(
        workspace_id=caller.workspace_id, key_id=key_id, actor=caller.signed_in.name
    )
    return KeyChanged(key=_key(keyspace, key), generation=generation)


async def expire_key(caller: Caller, key_id: KeyId, body: ExpiryBody) -> KeyChanged:
    """Give a key another end, or none."""
    keyspace, key, generation = await caller.store.expire_key(
        workspace_id=caller.workspace_id, key_id=key_id, expires_at=body.expires_at, actor=caller.signed_in.name
    )
    return KeyChanged(key=_key(keyspace, key), generation=generation)


async def limit_key(caller: Caller, key_id: KeyId, body: LimitBody) -> KeyChanged:
    """Give a key a limit of its own, or the one of its keyspace."""
    keyspace, key, generation = await caller.store.limit_key(
        workspace_id=caller.workspace_id, key_id=key_id, limit=body.limit, actor=caller.signed_in.name
    )
    return KeyChanged(key=_key(keyspace, key), generation=generation)


def _keyspace(keyspace: Keyspace, keys: int) -> KeyspaceDocument:
    return KeyspaceDocument(
        id=keyspace.id, name=keyspace.slug, limit=keyspace.limit, keys=keys, created_at=keyspace.created_at
    )


def _key(keyspace: Keyspace, key: Key) -> KeyDocument:
    return KeyDocument(
        id=key.id,
        keyspace=keyspace.slug,
        name=key.name,
        start=key.start,
        state=key.state(_now()),
        limit=key.limit or keyspace.limit,
        created_at=key.created_at,
        created_by=key.created_by,
        changed_at=key.changed_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )


def _now() -> datetime:
    return datetime.now(UTC)
