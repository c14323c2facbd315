"""Keyspaces and keys, as a person or a program with an admin token changes them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final, TypeVar

from pydantic import BaseModel

from turnout.client.wire import Wire, segment
from turnout.domain.documents import StatusDocument
from turnout.domain.key_documents import (
    ExpiryBody,
    KeyBody,
    KeyChanged,
    KeyCreated,
    KeyList,
    KeyspaceBody,
    KeyspaceChanged,
    KeyspaceDocument,
    KeyspaceList,
    LimitBody,
)
from turnout.domain.keyspaces import RateLimit

_A = TypeVar("_A", bound=BaseModel)

_JSON: Final = {"content-type": "application/json"}
_LOOK: Final = 0.05
"""Seconds between two looks at what the gateways have acknowledged."""


class Keys(Wire):
    """A part of `Client`. Every method raises TurnoutError."""

    async def keyspaces(self) -> KeyspaceList:
        """The keyspaces of the token's workspace, by name."""
        return await self.ask(KeyspaceList, "GET", "/v1/keyspaces")

    async def create_keyspace(self, name: str, *, limit: RateLimit | None = None) -> KeyspaceDocument:
        """Make an empty keyspace. Raises Conflict when there is one of that name."""
        return await self._tell(KeyspaceDocument, "POST", "/v1/keyspaces", KeyspaceBody(name=name, limit=limit))

    async def limit_keyspace(self, keyspace: str, limit: RateLimit | None) -> KeyspaceChanged:
        """Another limit for its keys that have none of their own. Raises NotFound."""
        return await self._tell(KeyspaceChanged, "PUT", f"{_keyspace(keyspace)}/limit", LimitBody(limit=limit))

    async def remove_keyspace(self, keyspace: str) -> KeyspaceDocument:
        """Remove it, and revoke its keys. Raises NotFound; Conflict while a deployment asks for its keys."""
        return await self.ask(KeyspaceDocument, "DELETE", _keyspace(keyspace))

    async def keys(self, keyspace: str) -> KeyList:
        """The keys of a keyspace, newest first. Raises NotFound."""
        return await self.ask(KeyList, "GET", f"{_keyspace(keyspace)}/keys")

    async def create_key(
        self, keyspace: str, name: str, *, expires_at: datetime | None = None, limit: RateLimit | None = None
    ) -> KeyCreated:
        """Make a key; the answer is the only one that ever holds its secret. Raises NotFound or Conflict."""
        body = KeyBody(name=name, expires_at=expires_at, limit=limit)
        return await self._tell(KeyCreated, "POST", f"{_keyspace(keyspace)}/keys", body)

    async def revoke_key(self, key_id: str) -> KeyChanged:
        """Let a key in no more, for ever. Raises NotFound."""
        return await self.ask(KeyChanged, "POST", f"{_key(key_id)}/revoke")

    async def expire_key(self, key_id: str, expires_at: datetime | None) -> KeyChanged:
        """Another end, or none. Raises NotFound; Conflict for a revoked key."""
        return await self._tell(KeyChanged, "PUT", f"{_key(key_id)}/expiry", ExpiryBody(expires_at=expires_at))

    async def limit_key(self, key_id: str, limit: RateLimit | None) -> KeyChanged:
        """A limit of its own, or that of its keyspace. Raises NotFound; Conflict for a revoked key."""
        return await self._tell(KeyChanged, "PUT", f"{_key(key_id)}/limit", LimitBody(limit=limit))

    async def gateways_without(self, generation: int, *, patience: float = 10.0) -> tuple[str, ...]:
        """Wait until every connected gateway goes by a generation; after `patience` seconds, those that do not."""
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + patience
        while True:
            status = await self.ask(StatusDocument, "GET", "/v1/status")
            behind = tuple(
                gateway.gateway_id
                for gateway in status.gateways
                if gateway.connected and gateway.acknowledged_generation < generation
            )
            if not behind or clock() >= give_up_at:
                return behind
            await asyncio.sleep(_LOOK)

    async def _tell(self, answer: type[_A], method: str, path: str, body: BaseModel) -> _A:
        return await self.ask(answer, method, path, content=body.model_dump_json().encode(), headers=_JSON)


def _keyspace(reference: str) -> str:
    return f"/v1/keyspaces/{segment(reference)}"


def _key(key_id: str) -> str:
    return f"/v1/keys/{segment(key_id)}"
