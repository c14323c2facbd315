"""Where keys are kept: they arrive wrapped, and nobody behind this door can read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.domain.secrets import DataKey, KeyPurpose, Keyring


class KeyStore(Protocol):
    """Keyrings and data keys. Every method raises Unavailable when the store is away."""

    async def find_keyring(self, *, environment_id: str) -> Keyring | None:
        """The keyring of an environment; None before its first secret. Raises NotFound without the environment."""
        ...

    async def workspace_of(self, *, environment_id: str) -> str:
        """Whose environment it is. Raises NotFound."""
        ...

    async def add_keyring(self, *, keyring: Keyring, keys: Sequence[DataKey]) -> Keyring:
        """Keep a keyring with its first keys. When there is one already, that one stays and is returned."""
        ...

    async def find_data_key(self, *, data_key_id: str) -> tuple[DataKey, Keyring] | None:
        """A data key and the keyring it belongs to; None when there is none of that id."""
        ...

    async def newest_data_key(self, *, keyring_id: str, purpose: KeyPurpose) -> DataKey:
        """The one that is in use. A keyring has one of each purpose from its beginning on."""
        ...

    async def add_data_key(self, *, data_key: DataKey) -> bool:
        """Put a key into use; False when another one took its number first."""
        ...

    async def count_messages(self, *, data_key_id: str, messages: int, limit: int) -> bool:
        """Add to the messages of a key, unless they were more than `limit` then; whether it was done."""
        ...

    async def keys_not_under(self, *, master_key_id: str, limit: int) -> tuple[tuple[DataKey, Keyring], ...]:
        """Some of the data keys that are wrapped with another master key."""
        ...

    async def rewrap_data_key(self, *, before: DataKey, after: DataKey) -> bool:
        """Replace a wrapping; False when it is not `before` any more."""
        ...
