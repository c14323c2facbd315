"""A key store in memory. It ships with the product and passes the same tests as the real one."""

from __future__ import annotations

from collections.abc import Sequence

from turnout.domain.errors import NotFound
from turnout.domain.secrets import DataKey, KeyPurpose, Keyring


class MemoryKeyStore:
    """Keyrings of the environments that `environments` says belong to workspaces."""

    def __init__(self, environments: dict[str, str]) -> None:
        self.environments = environments
        self.keyrings: dict[str, Keyring] = {}
        """By environment."""
        self.keys: dict[str, DataKey] = {}
        self.messages: dict[str, int] = {}

    async def workspace_of(self, *, environment_id: str) -> str:
        if environment_id not in self.environments:
            raise NotFound(f"there is no environment {environment_id}")
        return self.environments[environment_id]

    async def find_keyring(self, *, environment_id: str) -> Keyring | None:
        await self.workspace_of(environment_id=environment_id)
        return self.keyrings.get(environment_id)

    async def add_keyring(self, *, keyring: Keyring, keys: Sequence[DataKey]) -> Keyring:
        await self.workspace_of(environment_id=keyring.environment_id)
        if keyring.environment_id not in self.keyrings:
            self.keyrings[keyring.environment_id] = keyring
            self.keys |= {key.id: key for key in keys}
        return self.keyrings[keyring.environment_id]

    async def find_data_key(self, *, data_key_id: str) -> tuple[DataKey, Keyring] | None:
        key = self.keys.get(data_key_id)
        return None if key is None else (key, self._keyring(key))

    async def newest_data_key(self, *, keyring_id: str, purpose: KeyPurpose) -> DataKey:
        mine = (key for key in self.keys.values() if (key.keyring_id, key.purpose) == (keyring_id, purpose))
        return max(mine, key=lambda key: key.number)

    async def add_data_key(self, *, data_key: DataKey) -> bool:
        slots = {(key.keyring_id, key.purpose, key.number) for key in self.keys.values()}
        if (data_key.keyring_id, data_key.purpose, data_key.number) in slots:
            return False
        self.keys[data_key.id] = data_key
        return True

    async def count_messages(self, *, data_key_id: str, messages: int, limit: int) -> bool:
        total = self.messages.get(data_key_id, 0) + messages
        if total > limit:
            return False
        self.messages[data_key_id] = total
        return True

    async def keys_not_under(self, *, master_key_id: str, limit: int) -> tuple[tuple[DataKey, Keyring], ...]:
        found = [key for key in self.keys.values() if key.master_key_id != master_key_id]
        return tuple((key, self._keyring(key)) for key in found[:limit])

    async def rewrap_data_key(self, *, before: DataKey, after: DataKey) -> bool:
        if self.keys.get(before.id) != before:
            return False
        self.keys[before.id] = after
        return True

    def _keyring(self, key: DataKey) -> Keyring:
        return next(each for each in self.keyrings.values() if each.id == key.keyring_id)
