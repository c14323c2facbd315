"""Sealing and opening, and the rotation of both kinds of keys while everything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from turnout.domain.errors import Conflict, Invalid, Undecryptable
from turnout.domain.ids import new_id
from turnout.domain.secrets import DataKey, KeyPurpose, Keyring, Place, Sealed
from turnout.vault import envelope
from turnout.vault.masters import MasterKey, MasterKeys
from turnout.vault.ports import KeyStore

MESSAGES_PER_KEY: Final = 2**20
"""A data key that has sealed so many values is replaced by a fresh one."""
_KEPT_OPEN: Final = 1024
"""Unwrapped data keys that a process keeps in memory."""
_BATCH: Final = 100
_TRIES: Final = 10


class Vault:
    """Encrypts what belongs to environments.

    Safe to use from many tasks and processes at once: what they share is in the key store and the file of master
    keys. Errors name places and keys, and never hold plaintext or ciphertext.
    """

    def __init__(self, keys: KeyStore, masters: MasterKeys, *, messages_per_key: int = MESSAGES_PER_KEY) -> None:
        self._keys = keys
        self._masters = masters
        self._limit = messages_per_key
        self._open: dict[DataKey, bytes] = {}

    # ---------------------------------------------------------------------------------------- values

    async def encrypt(self, place: Place, value: str) -> Sealed:
        """Seal one value for its place."""
        (sealed,) = await self.encrypt_bulk([(place, value)])
        return sealed

    async def encrypt_bulk(self, values: Sequence[tuple[Place, str]]) -> tuple[Sealed, ...]:
        """Seal values of one environment, in their order. Raises Invalid when they are of several."""
        if not values:
            return ()
        keyring = await self._keyring_of(_one_environment(place for place, _ in values))
        marks = self._unwrapped(await self._newest(keyring, KeyPurpose.FINGERPRINT), keyring)
        data_key = await self._key_for(keyring, len(values))
        key = self._unwrapped(data_key, keyring)
        return tuple(
            Sealed(
                data_key_id=data_key.id,
                ciphertext=envelope.seal(key, value.encode(), envelope.bound_to_place(place, data_key.id)),
                fingerprint=envelope.fingerprint(marks, name=place.name, value=value.encode()),
            )
            for place, value in values
        )

    async def decrypt(self, place: Place, sealed: Sealed) -> str:
        """Open a value. Raises Undecryptable when anything is not as it was when it was sealed."""
        (value,) = await self.decrypt_bulk([(place, sealed)])
        return value

    async def decrypt_bulk(self, values: Sequence[tuple[Place, Sealed]]) -> tuple[str, ...]:
        """Open values, in their order; all of them or none."""
        found: dict[str, tuple[DataKey, Keyring]] = {}
        for place, sealed in values:
            if sealed.data_key_id not in found:
                pair = await self._keys.find_data_key(data_key_id=sealed.data_key_id)
                if pair is None:
                    raise Undecryptable(f"cannot decrypt {place}: there is no data key that it was sealed with")
                found[sealed.data_key_id] = pair
        return tuple(self._opened(place, sealed, *found[sealed.data_key_id]) for place, sealed in values)

    async def re_encrypt(self, place: Place, sealed: Sealed) -> Sealed:
        """Seal again with the data key that is in use; what is sealed with it already is returned as it is."""
        keyring = await self._keyring_of(_one_environment([place]))
        newest = await self._newest(keyring, KeyPurpose.SEALING)
        if sealed.data_key_id == newest.id:
            return sealed
        return await self.encrypt(place, await self.decrypt(place, sealed))

    # ------------------------------------------------------------------------------------------ keys

    async def create_dek(self, *, environment_id: str) -> str:
        """Put a new data key into use for an environment; returns its id. The older ones go on opening."""
        workspace_id = await self._keys.workspace_of(environment_id=environment_id)
        keyring = await self._keyring_of((workspace_id, environment_id))
        newest = await self._newest(keyring, KeyPurpose.SEALING)
        return (await self._replaced(keyring, newest)).id

    async def rotate_master(self) -> str:
        """Put a new master key into use; returns its id. Data keys stay wrapped as they are until `rewrap`."""
        return self._masters.rotate().id

    def active_master(self) -> str:
        """The id of the master key that wraps."""
        return self._masters.active().id

    async def rewrap(self) -> int:
        """Wrap every data key with the active master key; returns how many were not. May run beside anything."""
        done = 0
        while True:
            master = self._masters.active()  # looked up each time: two rotations at once must agree in the end
            found = await self._keys.keys_not_under(master_key_id=master.id, limit=_BATCH)
            if not found:
                return done
            for data_key, keyring in found:
                wrapped = self._wrapped(data_key, keyring, master, self._unwrapped(data_key, keyring))
                done += await self._keys.rewrap_data_key(before=data_key, after=wrapped)

    # ----------------------------------------------------------------------------------------- parts

    def _opened(self, place: Place, sealed: Sealed, data_key: DataKey, keyring: Keyring) -> str:
        key = self._unwrapped(data_key, keyring)
        try:
            bound = envelope.bound_to_place(place, sealed.data_key_id)
            return envelope.unseal(key, sealed.ciphertext, bound).decode()
        except (envelope.Unopened, UnicodeDecodeError):
            raise Undecryptable(
                f"cannot decrypt {place}: it was changed, or it belongs to another variable, version or environment; "
                "set it again"
            ) from None

    async def _keyring_of(self, owner: tuple[str, str]) -> Keyring:
        """The keyring of an environment, made with its first secret."""
        workspace_id, environment_id = owner
        found = await self._keys.find_keyring(environment_id=environment_id)
        if found is None:
            fresh = Keyring(id=new_id("krg"), workspace_id=workspace_id, environment_id=environment_id)
            keys = [self._new_data_key(fresh, purpose, 1) for purpose in KeyPurpose]
            found = await self._keys.add_keyring(keyring=fresh, keys=keys)
        if found.workspace_id != workspace_id:
            raise Undecryptable(f"cannot use the keyring of {environment_id}: it belongs to another workspace")
        return found

    async def _newest(self, keyring: Keyring, purpose: KeyPurpose) -> DataKey:
        return await self._keys.newest_data_key(keyring_id=keyring.id, purpose=purpose)

    async def _key_for(self, keyring: Keyring, messages: int) -> DataKey:
        """A data key that may seal so many more; when the one in use may not, its successor."""
        for _ in range(_TRIES):
            newest = await self._newest(keyring, KeyPurpose.SEALING)
            if await self._keys.count_messages(data_key_id=newest.id, messages=messages, limit=self._limit):
                return newest
            if messages > self._limit:
                raise Invalid(f"cannot encrypt {messages} values at once: {self._limit} are the most")
            await self._replaced(keyring, newest)
        raise Conflict("cannot encrypt: the data keys are replaced faster than they can be used; try again")

    async def _replaced(self, keyring: Keyring, newest: DataKey) -> DataKey:
        """The successor of a data key: ours, or the one that somebody else was quicker with."""
        fresh = self._new_data_key(keyring, newest.purpose, newest.number + 1)
        if await self._keys.add_data_key(data_key=fresh):
            return fresh
        return await self._newest(keyring, newest.purpose)

    def _new_data_key(self, keyring: Keyring, purpose: KeyPurpose, number: int) -> DataKey:
        master = self._masters.active()
        bare = DataKey(
            id=new_id("dek"),
            keyring_id=keyring.id,
            purpose=purpose,
            number=number,
            master_key_id=master.id,
            wrapped=b"",
        )
        return self._wrapped(bare, keyring, master, envelope.new_key())

    @staticmethod
    def _wrapped(data_key: DataKey, keyring: Keyring, master: MasterKey, key: bytes) -> DataKey:
        bare = replace(data_key, master_key_id=master.id)
        return replace(bare, wrapped=envelope.seal(master.key, key, envelope.bound_to_keyring(keyring, bare)))

    def _unwrapped(self, data_key: DataKey, keyring: Keyring) -> bytes:
        if (known := self._open.get(data_key)) is not None:
            return known
        master = self._masters.get(data_key.master_key_id)
        try:
            key = envelope.unseal(master.key, data_key.wrapped, envelope.bound_to_keyring(keyring, data_key))
        except envelope.Unopened:
            raise Undecryptable(
                f"cannot open the data key {data_key.id}: it was changed, or it belongs to another keyring; "
                "restore the store, or the file of master keys that belongs to it"
            ) from None
        if len(self._open) >= _KEPT_OPEN:
            self._open.clear()
        self._open[data_key] = key
        return key


def _one_environment(places: Iterable[Place]) -> tuple[str, str]:
    owners = {(place.workspace_id, place.environment_id) for place in places}
    if len(owners) != 1:
        raise Invalid("cannot encrypt at once what belongs to several environments")
    return owners.pop()
