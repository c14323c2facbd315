"""Certificates in the store, on both databases: what is kept, replaced, forgotten, and told to gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tests.certificates_kit import DAY, Authority, Pair, boxes
from tests.contract.store_kit import Clock, Yard
from turnout.api.authority import ensure_authority
from turnout.domain.certificate_pairs import check_pair
from turnout.domain.certificates import Certificate, CertificateSource, NewCertificate
from turnout.domain.errors import Conflict, NotFound, Undecryptable
from turnout.domain.local_authority import make_root
from turnout.store import Store
from turnout.store.schema import certificates
from turnout.vault import Boxes, MasterKeys

AUTHORITY = Authority(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def keys(tmp_path: Path) -> Boxes:
    """A vault."""
    return boxes(tmp_path)


class Silent:
    """A logger."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **_: Any) -> None: ...

    def warning(self, event: str, *, error: str) -> None:
        self.said.append(error)


def fresh(
    keys: Boxes, yard: Yard, pair: Pair, source: CertificateSource = CertificateSource.UPLOADED
) -> NewCertificate:
    """A certificate as it comes to the store."""
    checked = check_pair(pair.chain, pair.key, now=AUTHORITY.now)
    return keys.certificate(checked, workspace_id=yard.workspace.id, source=source)


async def save(yard: Yard, certificate: NewCertificate) -> Certificate:
    """Keep it."""
    return await yard.store.save_certificate(certificate=certificate, actor="alice")


async def ids(yard: Yard) -> list[str]:
    """What the workspace has."""
    return [each.id for each in await yard.store.list_certificates(workspace_id=yard.workspace.id)]


async def test_saving_the_same_chain_again_changes_nothing(yard: Yard, keys: Boxes) -> None:
    """Whoever repeats a step gets what the first attempt has made."""
    pair = AUTHORITY.pair("shop.example")
    first = await save(yard, fresh(keys, yard, pair))
    before = await yard.dump()
    again = await save(yard, fresh(keys, yard, pair))
    assert again == first
    assert await yard.dump() == before
    assert keys.open(first.place, first.key) == check_pair(pair.chain, pair.key, now=AUTHORITY.now).key_pem


async def test_ten_savings_at_once_make_one_certificate(yard: Yard, keys: Boxes) -> None:
    """Two workers may carry on one operation for a moment."""
    pair = AUTHORITY.pair("shop.example")
    saved = await asyncio.gather(*(save(yard, fresh(keys, yard, pair)) for _ in range(10)))
    assert len({each.id for each in saved}) == 1
    assert len(await ids(yard)) == 1


async def test_a_new_one_for_the_same_names_takes_the_place_of_the_old_one(yard: Yard, keys: Boxes) -> None:
    """Of its own source; the old one's key is gone from the database. Other names and sources are left alone."""
    old = await save(yard, fresh(keys, yard, AUTHORITY.pair("a.example", "b.example")))
    other = await save(yard, fresh(keys, yard, AUTHORITY.pair("a.example")))
    acme = await save(yard, fresh(keys, yard, AUTHORITY.pair("a.example", "b.example"), CertificateSource.ACME))
    new = await save(yard, fresh(keys, yard, AUTHORITY.pair("b.example", "a.example")))
    assert await ids(yard) == [new.id, acme.id, other.id]
    (row,) = [row for row in (await yard.dump())["certificates"] if row[0] == old.id]
    assert new.id in row
    assert old.key.box not in row


async def test_no_key_is_in_the_clear_in_any_table(yard: Yard, keys: Boxes) -> None:
    """Nor in the audit log, which names the certificate."""
    pair = AUTHORITY.pair("shop.example")
    saved = await save(yard, fresh(keys, yard, pair))
    await yard.store.remove_certificate(workspace_id=yard.workspace.id, certificate_id=saved.id, actor="bob")
    everything = repr(await yard.dump())
    assert "PRIVATE" not in everything
    assert pair.key.splitlines()[1] not in everything
    assert "certificate.saved" in everything
    assert "certificate.removed" in everything


async def test_a_removed_one_is_gone_and_another_workspace_has_none_of_it(
    yard: Yard, another_yard: Callable[[str], Awaitable[Yard]], keys: Boxes
) -> None:
    """Neither can it remove what is not its own."""
    saved = await save(yard, fresh(keys, yard, AUTHORITY.pair("shop.example")))
    rival = await another_yard("rival")
    assert await ids(rival) == []
    with pytest.raises(NotFound):
        await rival.store.remove_certificate(workspace_id=rival.workspace.id, certificate_id=saved.id, actor="eve")
    removed = await yard.store.remove_certificate(
        workspace_id=yard.workspace.id, certificate_id=saved.id, actor="alice"
    )
    assert removed == saved
    assert await ids(yard) == []
    with pytest.raises(NotFound):
        await yard.store.remove_certificate(workspace_id=yard.workspace.id, certificate_id=saved.id, actor="alice")
    assert (await save(yard, fresh(keys, yard, AUTHORITY.pair("shop.example")))).id != saved.id


async def test_what_is_due_is_of_one_source_and_soonest_first(yard: Yard, keys: Boxes) -> None:
    """For whoever renews."""
    acme = CertificateSource.ACME
    late = await save(yard, fresh(keys, yard, AUTHORITY.pair("late.example", ends=20 * DAY), acme))
    soon = await save(yard, fresh(keys, yard, AUTHORITY.pair("soon.example", ends=10 * DAY), acme))
    await save(yard, fresh(keys, yard, AUTHORITY.pair("far.example", ends=90 * DAY), acme))
    uploaded = await save(yard, fresh(keys, yard, AUTHORITY.pair("uploaded.example", ends=1 * DAY)))
    before = AUTHORITY.now + 30 * DAY
    assert await yard.store.certificates_due(before=before) == (soon, late)
    assert await yard.store.certificates_due(before=before, source=CertificateSource.UPLOADED) == (uploaded,)


async def test_a_gateway_is_told_what_changed_and_nothing_else(yard: Yard, keys: Boxes) -> None:
    """A certificate's change brings no project, a project's no certificate; one that is gone comes without its key."""
    await yard.ship()
    begin = await yard.store.gateway_feed(since=0)
    assert [view.workspace_id for view in begin.projects] == [yard.workspace.id]
    first = await save(yard, fresh(keys, yard, AUTHORITY.pair("a.example")))
    second = await save(yard, fresh(keys, yard, AUTHORITY.pair("b.example")))
    feed = await yard.store.gateway_feed(since=begin.change)
    assert feed.projects == ()
    assert [(each.id, each.names, each.key) for each in feed.certificates] == [
        (first.id, ("a.example",), first.key),
        (second.id, ("b.example",), second.key),
    ]
    await yard.store.remove_certificate(workspace_id=yard.workspace.id, certificate_id=first.id, actor="alice")
    later = await yard.store.gateway_feed(since=feed.change)
    assert [(each.id, each.key) for each in later.certificates] == [(first.id, None)]
    await yard.ship()
    assert (await yard.store.gateway_feed(since=later.change)).certificates == ()
    whole = await yard.store.gateway_feed(since=0)
    assert [each.id for each in whole.certificates] == [second.id]


async def test_after_a_rotation_every_box_opens_with_the_new_master_key_alone(
    yard: Yard, keys: Boxes, tmp_path: Path
) -> None:
    """Gateways read each of them again; one that was replaced meanwhile is left alone."""
    saved = [await save(yard, fresh(keys, yard, AUTHORITY.pair(f"h{number}.example"))) for number in range(3)]
    since = (await yard.store.gateway_feed(since=0)).change
    masters = MasterKeys(tmp_path / "keys.json")
    old = keys.active_master()
    fresh_master = masters.rotate()
    found = await yard.store.certificates_not_under(master_key_id=fresh_master.id, limit=2)
    assert [each.id for each in found] == sorted(each.id for each in saved)[:2]
    for each in await yard.store.certificates_not_under(master_key_id=fresh_master.id, limit=10):
        assert await yard.store.rewrap_certificate(before=each, after=keys.rewrap(each.place, each.key))
        assert not await yard.store.rewrap_certificate(before=each, after=each.key)
    assert await yard.store.certificates_not_under(master_key_id=fresh_master.id, limit=10) == ()
    feed = await yard.store.gateway_feed(since=since)
    assert {each.id for each in feed.certificates} == {each.id for each in saved}
    (tmp_path / "keys.json").write_text((tmp_path / "keys.json").read_text().replace(old, "mk_elsewhere"))
    for each in await yard.store.list_certificates(workspace_id=yard.workspace.id):
        assert "PRIVATE KEY" in Boxes(masters).open(each.place, each.key)


async def test_there_is_one_local_authority_however_many_servers_begin_at_once(store: Store, keys: Boxes) -> None:
    """It is made once, kept over restarts, and is nobody's certificate."""
    yard = Yard(store, Clock(), await store.ensure_workspace(slug="acme"))
    await asyncio.gather(*(ensure_authority(store, keys, Silent()) for _ in range(5)))
    root = await store.find_authority()
    assert root is not None
    await ensure_authority(store, keys, Silent())
    assert await store.find_authority() == root
    assert await ids(yard) == []
    assert not await store.keeps_private_keys()
    (view,) = (await store.gateway_feed(since=0)).certificates
    assert (view.id, view.workspace_id, view.source) == (root.id, None, CertificateSource.LOCAL)


async def test_a_root_that_ends_soon_or_does_not_open_is_replaced(store: Store, keys: Boxes, tmp_path: Path) -> None:
    """A lost file of master keys costs a new trust, and no more; without any there is a line in the log."""
    await store.ensure_workspace(slug="acme")
    short = make_root(datetime.now(UTC) - timedelta(days=3600))
    ending = keys.certificate(short, workspace_id=None, source=CertificateSource.LOCAL)
    await store.save_authority(certificate=ending, instead_of=None)
    await ensure_authority(store, keys, Silent())
    second = await store.find_authority()
    assert second is not None
    assert second.id != ending.id
    (tmp_path / "other").mkdir()
    await ensure_authority(store, boxes(tmp_path / "other"), Silent())
    third = await store.find_authority()
    assert third is not None
    assert third.id != second.id
    nothing = Silent()
    await ensure_authority(store, Boxes(MasterKeys(tmp_path / "nowhere.json")), nothing)
    assert await store.find_authority() == third
    assert "cannot read the master keys" in nothing.said[0]


async def test_the_database_itself_refuses_what_must_not_be(yard: Yard, keys: Boxes) -> None:
    """Two roots, a certificate that is nobody's, a removed one that keeps its key."""
    saved = await save(yard, fresh(keys, yard, AUTHORITY.pair("shop.example")))
    row = {
        "id": "crt_x", "workspace_id": yard.workspace.id, "source": "uploaded", "names": ["x.example"],
        "fingerprint": "f", "chain_pem": "", "master_key_id": "mk", "sealed_key": "s", "not_before": AUTHORITY.now,
        "not_after": AUTHORITY.now, "created_at": AUTHORITY.now, "change": 1,
    }  # fmt: skip
    for wrong in (
        {"workspace_id": None},
        {"source": "local"},
        {"removed_at": AUTHORITY.now},
        {"sealed_key": None},
        {"fingerprint": saved.fingerprint},
    ):
        with pytest.raises(Conflict):
            async with yard.store._db.write() as tx:
                await tx.execute(insert(certificates).values({**row, **wrong}))


# ------------------------------------------------------------------------------------------------ boxes


async def test_a_box_opens_at_its_own_place_and_nowhere_else(yard: Yard, keys: Boxes) -> None:
    """Whoever can write to the database can lose a key, and cannot have it served in another's place."""
    one = fresh(keys, yard, AUTHORITY.pair("shop.example"))
    other = fresh(keys, yard, AUTHORITY.pair("bank.example"))
    for place in (other.place, replace(one.place, workspace_id="ws_other"), replace(one.place, fingerprint="0")):
        with pytest.raises(Undecryptable, match="belongs to another certificate"):
            keys.open(place, one.key)
    for box in (one.key.box[:-8] + "AAAAAAA=", other.key.box, "", "a.b.c", one.key.box.replace(".", "")):
        with pytest.raises(Undecryptable):
            keys.open(one.place, replace(one.key, box=box))
    assert one.key.box not in repr(one)
