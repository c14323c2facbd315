"""Keys and variables in the store: what the key store's port promises, asked of both, and what only SQL can show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.contract.store_kit import REGION, Yard
from turnout.domain.errors import Conflict, NotFound, TooLarge
from turnout.domain.ids import new_id
from turnout.domain.records import Environment
from turnout.domain.secrets import DataKey, KeyPurpose, Keyring, Place, Sealed, SealedVariable
from turnout.store import Store
from turnout.vault import KeyStore, MasterKeys, Vault
from turnout.vault.testing import MemoryKeyStore


async def production(yard: Yard, project: str = "shop") -> Environment:
    """An environment."""
    return await yard.store.open_environment(workspace_id=yard.workspace.id, project=project, environment="production")


def vault_of(store: KeyStore, folder: Path) -> Vault:
    """A vault over a key store."""
    masters = MasterKeys(folder / "keys.json")
    masters.make_if_missing()
    return Vault(store, masters, messages_per_key=10)


async def put(yard: Yard, vault: Vault, environment: Environment, **values: str) -> None:
    """Set variables as the API does."""
    versions = await yard.store.last_versions(environment_id=environment.id)
    places = [
        Place(
            workspace_id=yard.workspace.id, environment_id=environment.id, name=name, version=versions.get(name, 0) + 1
        )
        for name in values
    ]
    sealed = await vault.encrypt_bulk([(place, values[place.name]) for place in places])
    await yard.store.save_variables(
        environment_id=environment.id,
        sealed=[
            SealedVariable(name=place.name, version=place.version, sealed=each)
            for place, each in zip(places, sealed, strict=True)
        ],
        actor="alice",
    )


async def read(yard: Yard, vault: Vault, deployment_id: str, region: str | None = None) -> dict[str, str]:
    """A deployment's variables, as krane is told."""
    snapshot = await yard.store.snapshot_of(deployment_id=deployment_id, region=region)
    return {each.name: await vault.decrypt(snapshot.place(each), each.sealed) for each in snapshot.variables}


# ------------------------------------------------------------------------------ the port, on both sides


def data_key(keyring: Keyring, number: int = 1, purpose: KeyPurpose = KeyPurpose.SEALING) -> DataKey:
    """A key that nobody can open."""
    return DataKey(
        id=new_id("dek"),
        keyring_id=keyring.id,
        purpose=purpose,
        number=number,
        master_key_id="mk_1",
        wrapped=f"wrapped {number}".encode(),
    )


async def keeps_keys(store: KeyStore, workspace_id: str, environment_id: str) -> None:
    """What every key store promises."""
    assert await store.workspace_of(environment_id=environment_id) == workspace_id
    assert await store.find_keyring(environment_id=environment_id) is None
    with pytest.raises(NotFound):
        await store.find_keyring(environment_id="env_none")
    keyring = Keyring(id=new_id("krg"), workspace_id=workspace_id, environment_id=environment_id)
    first, mark = data_key(keyring), data_key(keyring, purpose=KeyPurpose.FINGERPRINT)
    assert await store.add_keyring(keyring=keyring, keys=[first, mark]) == keyring
    late = replace(keyring, id=new_id("krg"))
    assert await store.add_keyring(keyring=late, keys=[data_key(late)]) == keyring, "the first one stays"
    assert await store.find_keyring(environment_id=environment_id) == keyring
    assert await store.find_data_key(data_key_id=first.id) == (first, keyring)
    assert await store.find_data_key(data_key_id="dek_none") is None

    second = data_key(keyring, 2)
    assert await store.add_data_key(data_key=second)
    assert not await store.add_data_key(data_key=data_key(keyring, 2)), "its number is taken"
    assert await store.newest_data_key(keyring_id=keyring.id, purpose=KeyPurpose.SEALING) == second
    assert await store.newest_data_key(keyring_id=keyring.id, purpose=KeyPurpose.FINGERPRINT) == mark

    assert await store.count_messages(data_key_id=second.id, messages=7, limit=10)
    assert not await store.count_messages(data_key_id=second.id, messages=4, limit=10)
    assert await store.count_messages(data_key_id=second.id, messages=3, limit=10)

    under = await store.keys_not_under(master_key_id="mk_2", limit=10)
    assert {key.id for key, _ in under} == {first.id, second.id, mark.id}
    assert {each.id for _, each in under} == {keyring.id}
    assert len(await store.keys_not_under(master_key_id="mk_2", limit=2)) == 2
    fresh = replace(first, master_key_id="mk_2", wrapped=b"anew")
    assert await store.rewrap_data_key(before=first, after=fresh)
    assert not await store.rewrap_data_key(before=first, after=fresh), "it is not as it was"
    assert await store.find_data_key(data_key_id=first.id) == (fresh, keyring)
    assert len(await store.keys_not_under(master_key_id="mk_2", limit=10)) == 2


async def test_the_key_store_in_memory_keeps_its_promises() -> None:
    """The one that other tests work with."""
    await keeps_keys(MemoryKeyStore({"env_a": "ws_a"}), "ws_a", "env_a")


async def test_the_key_store_in_sql_keeps_its_promises(yard: Yard) -> None:
    """The real one."""
    assert not await yard.store.has_keyrings()
    await keeps_keys(yard.store, yard.workspace.id, (await production(yard)).id)
    assert await yard.store.has_keyrings()


async def test_messages_are_counted_once_each_by_many_at_once(yard: Yard, tmp_path: Path) -> None:
    """Whatever happens at once, no data key seals more than it may, and every value opens."""
    environment = await production(yard)
    vault = vault_of(yard.store, tmp_path)
    place = Place(workspace_id=yard.workspace.id, environment_id=environment.id, name="A", version=1)
    sealed = await asyncio.gather(*(vault.encrypt(place, str(number)) for number in range(24)))
    assert [await vault.decrypt(place, each) for each in sealed] == [str(number) for number in range(24)]
    async with yard.store._db.read() as tx:
        counted = (await tx.execute(text("SELECT messages FROM data_keys WHERE purpose = 'sealing'"))).scalars().all()
    assert sum(counted) == 24
    assert max(counted) <= 10


# -------------------------------------------------------------------------------------------- variables


async def test_versions_grow_for_ever(yard: Yard, tmp_path: Path) -> None:
    """Also over a removal: an old ciphertext never fits a new version."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    await put(yard, vault, environment, A="1", B="2")
    await put(yard, vault, environment, A="3")
    await yard.store.remove_variables(environment_id=environment.id, names=["A"], actor="bob")
    listed = await yard.store.list_variables(environment_id=environment.id)
    assert [(each.name, each.version) for each in listed] == [("B", 1)]
    await put(yard, vault, environment, A="4")
    listed = await yard.store.list_variables(environment_id=environment.id)
    assert [(each.name, each.version) for each in listed] == [("A", 3), ("B", 1)]


async def test_two_who_set_the_same_variable(yard: Yard, tmp_path: Path) -> None:
    """One is told, and nothing of that one's is saved."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    place = Place(workspace_id=yard.workspace.id, environment_id=environment.id, name="A", version=1)
    mine, theirs = await vault.encrypt_bulk([(place, "mine"), (place, "theirs")])

    def saving(sealed: Sealed, *more: str) -> Awaitable[None]:
        names = [SealedVariable(name=name, version=1, sealed=sealed) for name in (*more, "A")]
        return yard.store.save_variables(environment_id=environment.id, sealed=names, actor="x")

    await saving(mine)
    with pytest.raises(Conflict, match="somebody else"):
        await saving(theirs, "NEW")
    assert set(await yard.store.last_versions(environment_id=environment.id)) == {"A"}
    assert (await yard.store.sealed_variables(environment_id=environment.id))[0].sealed == mine


async def test_a_removal_of_what_is_not_there_removes_nothing(yard: Yard, tmp_path: Path) -> None:
    """All of the names or none."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    await put(yard, vault, environment, A="1")
    before = await yard.dump()
    with pytest.raises(NotFound, match="NEVER"):
        await yard.store.remove_variables(environment_id=environment.id, names=["A", "NEVER"], actor="bob")
    assert await yard.dump() == before


async def test_an_environment_holds_so_much_and_no_more(yard: Yard, tmp_path: Path) -> None:
    """In number and in size."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    place = Place(workspace_id=yard.workspace.id, environment_id=environment.id, name="A", version=1)
    sealed = await vault.encrypt(place, "x")
    many = [SealedVariable(name=f"A{number}", version=1, sealed=sealed) for number in range(501)]
    large = [replace(each, sealed=replace(sealed, ciphertext=b"x" * 65536)) for each in many[:9]]
    for too_much in (many, large):
        with pytest.raises(TooLarge):
            await yard.store.save_variables(environment_id=environment.id, sealed=too_much, actor="x")
    assert await yard.store.list_variables(environment_id=environment.id) == ()


async def test_a_deployment_keeps_the_variables_of_its_creation(yard: Yard, tmp_path: Path) -> None:
    """Set, changed and removed afterwards, and rotated: it reads the same, and says whether it has any."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    none = await yard.ship()
    await put(yard, vault, environment, A="1", B="2")
    first = await yard.ship()
    await put(yard, vault, environment, A="3")
    await yard.store.remove_variables(environment_id=environment.id, names=["B"], actor="bob")
    second = await yard.ship()
    await vault.create_dek(environment_id=environment.id)
    assert await read(yard, vault, none.id) == {}
    assert await read(yard, vault, first.id) == {"A": "1", "B": "2"}
    assert await read(yard, vault, second.id, REGION) == {"A": "3"}
    listed = await yard.store.list_deployments(project_id=environment.project_id, limit=9)
    assert [each.has_variables for each in listed] == [True, True, False]
    desired = await yard.store.desired_state(region=REGION, since=None)
    assert desired is not None
    assert {spec.deployment_id: spec.has_variables for spec in desired.deployments} == {
        none.id: False, first.id: True, second.id: True,
    }  # fmt: skip
    assert await yard.store.snapshots_in(environment_id=environment.id) == (first.id, second.id)


async def test_a_region_reads_only_what_it_shall_run(yard: Yard, tmp_path: Path) -> None:
    """Not of another region, not of a deployment that shall run nowhere any more, not of none."""
    await put(yard, vault_of(yard.store, tmp_path), await production(yard), A="1")
    shipped = await yard.ship()
    assert (await yard.store.snapshot_of(deployment_id=shipped.id, region=REGION)).variables
    with pytest.raises(NotFound):
        await yard.store.snapshot_of(deployment_id=shipped.id, region="south")
    await yard.store.unplace(deployment_id=shipped.id)
    for deployment_id, region in ((shipped.id, REGION), ("dep_none", REGION), ("dep_none", None)):
        with pytest.raises(NotFound):
            await yard.store.snapshot_of(deployment_id=deployment_id, region=region)


async def test_what_is_replaced_has_to_be_as_it_was(yard: Yard, tmp_path: Path) -> None:
    """A rotation never writes over what was set meanwhile."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    await put(yard, vault, environment, A="1")
    shipped = await yard.ship()
    (old,) = await yard.store.sealed_variables(environment_id=environment.id)
    await vault.create_dek(environment_id=environment.id)
    place = (await yard.store.snapshot_of(deployment_id=shipped.id)).place(old)
    fresh = replace(old, sealed=await vault.re_encrypt(place, old.sealed))
    for done in (True, False):
        assert done is await yard.store.replace_sealed(environment_id=environment.id, before=old, after=fresh.sealed)
        assert done is await yard.store.replace_snapshot(deployment_id=shipped.id, before=[old], after=[fresh])
    await put(yard, vault, environment, A="2")
    assert not await yard.store.replace_sealed(environment_id=environment.id, before=fresh, after=old.sealed)
    assert await read(yard, vault, shipped.id) == {"A": "1"}


async def test_names_are_found_in_the_own_workspace_only(
    yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """A project and an environment of that name elsewhere are others."""
    mine = await production(yard)
    other = await another_yard("other")
    with pytest.raises(NotFound, match="no project"):
        await find(other, "shop", "production")
    theirs = await production(other)
    assert theirs.id != mine.id
    assert (await find(yard, "shop", "production")).id == mine.id
    with pytest.raises(NotFound, match="known are: production"):
        await find(yard, "shop", "preview")


def find(yard: Yard, project: str, environment: str) -> Awaitable[Environment]:
    """An environment that has to be there."""
    return yard.store.find_environment(workspace_id=yard.workspace.id, project=project, environment=environment)


async def test_the_audit_tells_names_and_versions(yard: Yard, store: Store, tmp_path: Path) -> None:
    """Who set what, never to which value; no table holds it."""
    environment, vault = await production(yard), vault_of(yard.store, tmp_path)
    await put(yard, vault, environment, TOKEN="a-planted-value")
    await yard.ship()
    await store.remove_variables(environment_id=environment.id, names=["TOKEN"], actor="bob")
    dump = await yard.dump()
    told = [row for row in dump["audit_log"] if environment.id in row]
    assert [("variables.set" in row, "variables.removed" in row) for row in told] == [(True, False), (False, True)]
    assert all({"versions": {"TOKEN": 1}} in row for row in told)
    assert "a-planted-value" not in repr(dump)
