"""Envelope encryption: what opens, what does not, and that keys change while it is used."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.domain.errors import Invalid, NotFound, TurnoutError, Undecryptable
from turnout.domain.secrets import KeyPurpose, Place, Sealed, snapshot_from_bytes, snapshot_to_bytes
from turnout.domain.secrets import SealedVariable as Variable
from turnout.vault import MasterKeys, Vault, envelope
from turnout.vault.testing import MemoryKeyStore

T = TypeVar("T")
PLACE = Place(workspace_id="ws_a", environment_id="env_a", name="TOKEN", version=3)
ENVIRONMENTS = {"env_a": "ws_a", "env_b": "ws_a", "env_c": "ws_c"}

values = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True)
places = st.builds(
    Place,
    workspace_id=st.just("ws_a"),
    environment_id=st.sampled_from(["env_a", "env_b"]),
    name=names,
    version=st.integers(1, 2**31),
)


class Room:
    """A vault with its store, and more vaults over the same store: other processes."""

    def __init__(self, folder: str, **options: Any) -> None:
        self.file = Path(folder) / "vault" / "keys.json"
        self.masters = MasterKeys(self.file)
        self.masters.make_if_missing()
        self.store = MemoryKeyStore(dict(ENVIRONMENTS))
        self.options = options
        self.vault = self.another()

    def another(self) -> Vault:
        """One that has nothing in its memory."""
        return Vault(self.store, MasterKeys(self.file), **self.options)


def play(story: Callable[[Room], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Run a story in a room of its own."""
    with TemporaryDirectory() as folder:
        return asyncio.run(story(Room(folder, **options)))


def flipped(data: bytes, bit: int) -> bytes:
    """The same with one bit turned over."""
    position = bit % (len(data) * 8)
    changed = bytearray(data)
    changed[position // 8] ^= 1 << position % 8
    return bytes(changed)


@given(places, values)
@settings(max_examples=50)
def test_what_was_sealed_opens_again(place: Place, value: str) -> None:
    """In this process and in another; the ciphertext holds neither the value nor anything of its place."""

    async def story(room: Room) -> None:
        sealed = await room.vault.encrypt(place, value)
        assert await room.vault.decrypt(place, sealed) == value
        assert await room.another().decrypt(place, sealed) == value
        assert len(sealed.ciphertext) == len(value.encode()) + envelope.OVERHEAD
        if len(value.encode()) > 3:
            assert value.encode() not in sealed.ciphertext + sealed.fingerprint

    play(story)


@given(values, st.integers(0, 10**6))
def test_a_flipped_bit_anywhere_is_refused(value: str, bit: int) -> None:
    """Format, nonce, text or tag; the error quotes nothing."""
    key = envelope.new_key()
    message = envelope.seal(key, value.encode(), b"here")
    assert envelope.unseal(key, message, b"here") == value.encode()
    with pytest.raises(envelope.Unopened):
        envelope.unseal(key, flipped(message, bit), b"here")
    with pytest.raises(envelope.Unopened):
        envelope.unseal(key, message[: bit % len(message)], b"here")
    with pytest.raises(envelope.Unopened):
        envelope.unseal(flipped(key, bit), message, b"here")
    with pytest.raises(envelope.Unopened):
        envelope.unseal(key, message, flipped(b"here", bit))


@given(places, places, values)
@settings(max_examples=50)
def test_a_moved_ciphertext_is_refused(place: Place, other: Place, value: str) -> None:
    """Another variable, version, environment or workspace; also when only one of them differs."""
    elsewhere = [
        dataclasses.replace(place, name=place.name + "_"),
        dataclasses.replace(place, version=place.version + 1),
        dataclasses.replace(place, environment_id="env_b" if place.environment_id == "env_a" else "env_a"),
        dataclasses.replace(place, workspace_id="ws_c"),
        *([other] if other != place else []),
    ]

    async def story(room: Room) -> None:
        sealed = await room.vault.encrypt(place, value)
        for moved in elsewhere:
            with pytest.raises(Undecryptable) as refused:
                await room.vault.decrypt(moved, sealed)
            assert_plain(refused.value, value, sealed)

    play(story)


def assert_plain(error: TurnoutError, value: str, sealed: Sealed) -> None:
    """A sentence, without plaintext and ciphertext, and without the error of the library behind it."""
    assert error.detail.startswith("cannot ")
    assert len(value) < 8 or value not in error.detail
    assert repr(sealed.ciphertext)[2:-1] not in error.detail
    assert error.__cause__ is None
    assert error.__suppress_context__


@given(st.lists(st.tuples(names, st.integers(1, 99)), min_size=2, max_size=2, unique=True))
def test_fields_cannot_be_shifted_into_each_other(pair: list[tuple[str, int]]) -> None:
    """`A` version 11 and `A1` version 1 are bound to different bytes."""
    bound = {
        envelope.bound_to_place(dataclasses.replace(PLACE, name=name, version=version), "dek") for name, version in pair
    }
    assert len(bound) == 2


def test_nonces_are_never_used_twice() -> None:
    """Not within a key, and so much the less over several; also for the same value at the same place."""

    async def story(room: Room) -> None:
        sealed = await room.vault.encrypt_bulk([(PLACE, "same")] * 5000)
        nonces = {each.ciphertext[1:13] for each in sealed}
        assert len(nonces) == len({each.ciphertext for each in sealed}) == 5000
        assert len({each.fingerprint for each in sealed}) == 1

    play(story)


def test_a_data_key_is_replaced_after_its_messages() -> None:
    """The next value has a fresh key; what the old one sealed still opens."""

    async def story(room: Room) -> None:
        sealed = [await room.vault.encrypt(PLACE, str(number)) for number in range(25)]
        assert max(room.store.messages.values()) <= 10
        assert len({each.data_key_id for each in sealed}) == 3
        assert [await room.vault.decrypt(PLACE, each) for each in sealed] == [str(number) for number in range(25)]
        with pytest.raises(Invalid, match="at once"):
            await room.vault.encrypt_bulk([(PLACE, "x")] * 11)

    play(story, messages_per_key=10)


@given(values, values)
@settings(max_examples=30)
def test_fingerprints_compare_values_over_versions_and_keys(one: str, other: str) -> None:
    """Equal exactly when the values are, after any rotation; in another environment or under another name never."""

    async def story(room: Room) -> None:
        first = await room.vault.encrypt(PLACE, one)
        await rotate(room.vault)
        later = await room.vault.encrypt(dataclasses.replace(PLACE, version=9), other)
        assert (first.fingerprint == later.fingerprint) is (one == other)
        for moved in (dataclasses.replace(PLACE, name="X"), dataclasses.replace(PLACE, environment_id="env_b")):
            assert (await room.vault.encrypt(moved, one)).fingerprint != first.fingerprint

    play(story)


async def rotate(vault: Vault) -> None:
    """Both kinds of keys."""
    await vault.rotate_master()
    await vault.rewrap()
    await vault.create_dek(environment_id="env_a")


def test_rotation_of_both_kinds_of_keys() -> None:
    """Old values stay readable; re-encrypted they open without the old master key; a second time changes nothing."""

    async def story(room: Room) -> None:
        old = await room.vault.encrypt(PLACE, "v")
        before = room.vault.active_master()
        await rotate(room.vault)
        assert await room.vault.decrypt(PLACE, old) == await room.another().decrypt(PLACE, old) == "v"
        assert {key.master_key_id for key in room.store.keys.values()} == {room.vault.active_master()}
        fresh = await room.vault.re_encrypt(PLACE, old)
        assert fresh.data_key_id != old.data_key_id
        assert fresh.fingerprint == old.fingerprint
        assert await room.vault.re_encrypt(PLACE, fresh) == fresh
        content = json.loads(room.file.read_text())
        del content["keys"][before]
        room.file.write_text(json.dumps(content))
        assert await room.another().decrypt(PLACE, fresh) == "v"

    play(story)


class Crowd:
    """Several processes over one store, and all values that they have sealed."""

    def __init__(self, room: Room) -> None:
        self.vaults = [room.another() for _ in range(3)]
        self.held: dict[Place, tuple[Sealed, str]] = {}

    async def act(self, number: int, what: str) -> None:
        """Do one thing, in one of the processes."""
        vault = self.vaults[number % 3]
        match what:
            case "encrypt":
                place = dataclasses.replace(PLACE, version=number + 1)
                self.held[place] = (await vault.encrypt(place, f"v{number}"), f"v{number}")
            case "master":
                await vault.rotate_master()
            case "rewrap":
                await vault.rewrap()
            case "dek":
                await vault.create_dek(environment_id="env_a")
            case _:
                for place, (sealed, value) in list(self.held.items()):
                    self.held[place] = (await vault.re_encrypt(place, sealed), value)


@given(st.lists(st.sampled_from(["encrypt", "master", "rewrap", "dek", "re_encrypt"]), min_size=4, max_size=16))
@settings(max_examples=25)
def test_keys_rotate_while_values_are_sealed_and_opened(deeds: list[str]) -> None:
    """Several processes do all of it at once: every value opens, whenever it was sealed, in any process."""

    async def story(room: Room) -> None:
        crowd = Crowd(room)
        async with asyncio.TaskGroup() as tasks:
            for number, deed in enumerate(deeds):
                tasks.create_task(crowd.act(number, deed))
        for place, (sealed, value) in crowd.held.items():
            for vault in (*crowd.vaults, room.another()):
                assert await vault.decrypt(place, sealed) == value

    play(story, messages_per_key=3)


@given(st.integers(0, 10**6), st.sampled_from(KeyPurpose))
@settings(max_examples=40)
def test_a_data_key_that_was_changed_or_moved_is_refused(bit: int, purpose: KeyPurpose) -> None:
    """A flipped bit in its wrapping, another id, or the keyring of another environment."""

    async def story(room: Room) -> None:
        await room.vault.encrypt(PLACE, "v")
        await room.vault.encrypt(dataclasses.replace(PLACE, environment_id="env_b"), "v")
        mine, theirs = room.store.keyrings["env_a"], room.store.keyrings["env_b"]
        key = await room.store.newest_data_key(keyring_id=mine.id, purpose=purpose)
        for forged in (
            dataclasses.replace(key, wrapped=flipped(key.wrapped, bit)),
            dataclasses.replace(
                key,
                wrapped=(await room.store.newest_data_key(keyring_id=theirs.id, purpose=purpose)).wrapped,
            ),
        ):
            room.store.keys[key.id] = forged
            with pytest.raises(Undecryptable, match="cannot open the data key"):
                await room.another().encrypt(PLACE, "w")

    play(story)


async def test_places_that_are_not_there(tmp_path: Path) -> None:
    """No environment, somebody else's, a data key that nobody has, values of two environments at once."""
    room = Room(str(tmp_path))
    with pytest.raises(NotFound):
        await room.vault.encrypt(dataclasses.replace(PLACE, environment_id="env_x"), "v")
    sealed = await room.vault.encrypt(PLACE, "v")
    with pytest.raises(Undecryptable, match="another workspace"):
        await room.vault.encrypt(dataclasses.replace(PLACE, workspace_id="ws_c"), "v")
    with pytest.raises(Undecryptable, match="no data key"):
        await room.vault.decrypt(PLACE, dataclasses.replace(sealed, data_key_id="dek_x"))
    with pytest.raises(Invalid, match="several environments"):
        await room.vault.encrypt_bulk([(PLACE, "v"), (dataclasses.replace(PLACE, environment_id="env_b"), "v")])
    assert await room.vault.encrypt_bulk([]) == ()


def test_the_file_of_master_keys(tmp_path: Path) -> None:
    """Made once, for its owner only; refused with a sentence when it cannot be used; its keys are never shown."""
    masters = MasterKeys(tmp_path / "vault" / "keys.json")
    with pytest.raises(Undecryptable, match="TURNOUT_VAULT_KEYS_FILE"):
        masters.active()
    assert masters.make_if_missing()
    assert not masters.make_if_missing()
    assert stat.S_IMODE(masters.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(masters.file.parent.stat().st_mode) == 0o700
    secret = json.loads(masters.file.read_text())["keys"][masters.active().id]["key"]
    assert secret not in repr(masters.active())
    fresh = masters.rotate()
    assert MasterKeys(masters.file).active() == masters.active() == fresh
    assert stat.S_IMODE(masters.file.stat().st_mode) == 0o600
    with pytest.raises(Undecryptable, match="not in"):
        masters.get("mk_gone")
    good = masters.file.read_text()
    for broken in ("", "[]", "{}", '{"active": "a", "keys": {}}', good.replace(secret, secret[:8])):
        masters.file.write_text(broken)
        with pytest.raises(Undecryptable, match="not a file of master keys") as refused:
            MasterKeys(masters.file).active()
        assert secret not in refused.value.detail
    masters.file.write_text(good)
    masters.file.chmod(0o644)
    with pytest.raises(Undecryptable, match="chmod 600"):
        MasterKeys(masters.file).active()


@given(st.dictionaries(names, st.tuples(st.integers(1), st.binary(), st.binary(), st.text(max_size=30))))
def test_a_snapshot_comes_back_as_it_was(content: dict[str, tuple[int, bytes, bytes, str]]) -> None:
    """Sorted by name; nothing at all is None."""
    variables = [
        Variable(name=name, version=version, sealed=Sealed(data_key_id=key, ciphertext=text, fingerprint=mark))
        for name, (version, text, mark, key) in content.items()
    ]
    document = snapshot_to_bytes(variables)
    assert (document is None) is (not variables)
    assert list(snapshot_from_bytes(document)) == sorted(variables, key=lambda each: each.name)
