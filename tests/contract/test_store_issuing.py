"""Issuings in the store, on both databases: wanted, asked for, visited, ordered, ended, and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from tests.certificates_kit import Authority, boxes
from tests.contract.domain_kit import add, check, remove
from tests.contract.store_kit import Clock, Yard
from turnout.domain.certificates import CertificateSource
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.issuing import Issuing, IssuingStatus, Lifetime, Problem, ProblemKind
from turnout.domain.issuing_ports import account_place, order_place
from turnout.store import Store
from turnout.vault import Boxes

NAME = "app.example.com"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIFE = Lifetime(begins=NOW, ends=NOW + timedelta(days=90))
AWAY = Problem(kind=ProblemKind.UNREACHABLE, detail="the ACME server is away")
REFUSED = Problem(kind=ProblemKind.REFUSED, detail="the ACME server said no")


@pytest.fixture
def keys(tmp_path: Path) -> Boxes:
    """A vault."""
    return boxes(tmp_path)


async def prove(yard: Yard, fqdn: str = NAME, *, project: str = "shop") -> None:
    """A custom domain."""
    await check(yard, await add(yard, fqdn, project=project))


async def ask(yard: Yard, fqdn: str = NAME, *, project: str = "shop") -> Issuing:
    """Ask for a certificate."""
    return await yard.store.ask_certificate(workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="alice")


async def wanted(yard: Yard, fqdn: str = NAME) -> Issuing:
    """A proved name whose certificate is wanted."""
    await prove(yard, fqdn)
    await yard.store.want_certificates()
    return await get(yard, fqdn)


async def get(yard: Yard, fqdn: str = NAME) -> Issuing:
    """As it is."""
    return await yard.store.get_issuing(workspace_id=yard.workspace.id, project="shop", fqdn=fqdn)


async def due(store: Store) -> list[tuple[str, int]]:
    """What is to be visited."""
    return [(each.fqdn, each.turn) for each in await store.unsent_visits(lost_seconds=3600)]


async def test_proved_domains_without_a_certificate_want_one(yard: Yard) -> None:
    """Once, also when everybody looks at once; local names and names that are not proved want none."""
    for fqdn in (NAME, "b.example.com", "shop.test"):
        await prove(yard, fqdn)
    await add(yard, "unproved.example.com")
    await asyncio.gather(*(yard.store.want_certificates() for _ in range(4)))
    assert await due(yard.store) == [(NAME, 1), ("b.example.com", 1)]
    before = await yard.dump()
    await yard.store.want_certificates()
    assert await yard.dump() == before


async def test_a_domain_that_a_certificate_serves_wants_none(yard: Yard, keys: Boxes, clock: Clock) -> None:
    """An uploaded one, also a wildcard, until it has expired; another workspace's counts for nothing."""
    pair = Authority(NOW - timedelta(days=1)).checked("*.example.com")
    uploaded = keys.certificate(pair, workspace_id=yard.workspace.id, source=CertificateSource.UPLOADED)
    await yard.store.save_certificate(certificate=uploaded, actor="alice")
    await prove(yard)
    await yard.store.want_certificates()
    assert await due(yard.store) == []
    clock.now = uploaded.not_after
    await yard.store.want_certificates()
    assert await due(yard.store) == [(NAME, 1)]


async def test_a_visit_is_told_once_and_once_more_when_it_is_lost(yard: Yard, clock: Clock) -> None:
    """Under another key, since the first one may be remembered."""
    await wanted(yard)
    (visit,) = await yard.store.unsent_visits(lost_seconds=60)
    await yard.store.mark_visit_sent(visit=visit)
    await yard.store.mark_visit_sent(visit=visit)
    assert await yard.store.unsent_visits(lost_seconds=60) == ()
    clock.advance(61)
    (again,) = await yard.store.unsent_visits(lost_seconds=60)
    assert (again.turn, again.key != visit.key) == (visit.turn, True)


async def test_a_visit_that_got_a_certificate_is_followed_by_the_renewal(yard: Yard, clock: Clock) -> None:
    """A repeat changes nothing and says the same; the turn that is over begins no visit any more."""
    issuing = await wanted(yard)
    assert await yard.store.begin_visit(issuing_id=issuing.id, turn=1) == issuing
    ended = await yard.store.end_visit(issuing=issuing, life=LIFE, window=None)
    assert ended is not None
    assert (ended.turn, ended.in_seconds is not None) == (2, True)
    before = await yard.dump()
    again = await yard.store.end_visit(issuing=issuing, life=LIFE, window=None)
    assert again is not None
    assert again.turn == 2
    assert await yard.store.fail_visit(issuing=issuing, problem=AWAY) is not None
    assert await yard.dump() == before
    assert await yard.store.begin_visit(issuing_id=issuing.id, turn=1) is None
    assert await due(yard.store) == []
    clock.advance(ended.in_seconds or 0)
    assert await due(yard.store) == [(NAME, 2)]


async def test_failures_are_counted_and_come_back_later(yard: Yard, clock: Clock) -> None:
    """One that is final does not come back; a certificate clears the count."""
    issuing = await wanted(yard)
    pauses = []
    for _ in range(3):
        following = await yard.store.fail_visit(issuing=issuing, problem=AWAY)
        assert following is not None
        pauses.append(following.in_seconds or 0)
        clock.advance(pauses[-1])
        issuing = await get(yard)
    assert (issuing.status, issuing.failures, issuing.problem) == (IssuingStatus.FAILED, 3, AWAY)
    assert pauses == sorted(pauses)
    following = await yard.store.fail_visit(issuing=issuing, problem=REFUSED)
    assert following is not None
    assert following.in_seconds is None
    clock.advance(1e7)
    assert await due(yard.store) == []
    asked = await ask(yard)
    assert (asked.failures, asked.problem, asked.asked) == (0, None, True)
    await yard.store.end_visit(issuing=asked, life=LIFE, window=None)
    assert (await get(yard)).asked is False


async def test_who_asks_twice_asks_once_while_it_is_worked_on(yard: Yard, keys: Boxes) -> None:
    """A later turn ends what an earlier one still does."""
    issuing = await wanted(yard)
    asked = await ask(yard)
    assert (asked.turn, asked.asked) == (2, True)
    with pytest.raises(Conflict, match="asked for anew"):
        await yard.store.begin_order(issuing=issuing)
    assert await yard.store.begin_order(issuing=asked) is None
    working = await ask(yard)
    assert (working.turn, working.status) == (2, IssuingStatus.WORKING)


async def test_an_order_is_kept_with_its_key_and_forgotten_with_it(yard: Yard, keys: Boxes) -> None:
    """The key first: the schema refuses an order without one. An interrupted order stays for the next visit."""
    issuing = await wanted(yard)
    with pytest.raises((Conflict, IntegrityError)):
        await yard.store.keep_order(issuing=issuing, order_url="https://ca.example/order/1")
    key = keys.seal(order_place(yard.workspace.id, issuing.id), "a private key")
    await yard.store.keep_order_key(issuing=issuing, key=key)
    await yard.store.keep_order(issuing=issuing, order_url="https://ca.example/order/1")
    pending = await yard.store.pending_order(issuing=issuing)
    assert (pending.key, pending.order_url) == (key, "https://ca.example/order/1")
    await yard.store.fail_visit(issuing=issuing, problem=AWAY)
    issuing = await get(yard)
    assert await yard.store.begin_order(issuing=issuing) == pending
    await yard.store.fail_visit(issuing=issuing, problem=REFUSED)
    issuing = await get(yard)
    assert issuing.order_url is None
    with pytest.raises(Conflict):
        await yard.store.pending_order(issuing=issuing)


async def test_only_the_names_of_a_project_get_certificates(
    yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """Not those of another one, nor of another workspace; a routed name of its own does."""
    await prove(yard)
    other = await another_yard("other")
    await prove(other, "b.example.com")
    for asking, fqdn in ((yard, "b.example.com"), (other, NAME), (yard, "nobody.example.com")):
        with pytest.raises(Conflict, match="not this project's"):
            await ask(asking, fqdn)
    with pytest.raises(NotFound):
        await ask(yard, project="none")
    await yard.ship()
    assert (await ask(yard, "shop-acme.turn.example")).status is IssuingStatus.WAITING
    assert [each.fqdn for each in await other.store.list_issuings(workspace_id=other.workspace.id)] == []


async def test_a_name_that_changes_hands_begins_anew(yard: Yard) -> None:
    """The old issuing is shown to nobody, its visits are over, and the new project's is another one."""
    old = await wanted(yard)
    await remove(yard)
    assert await yard.store.list_issuings(workspace_id=yard.workspace.id) == ()
    await prove(yard, project="blog")
    await yard.store.want_certificates()
    (new,) = await yard.store.list_issuings(workspace_id=yard.workspace.id)
    assert (new.project, new.turn, new.id != old.id) == ("blog", 1, True)
    assert await yard.store.begin_visit(issuing_id=old.id, turn=1) is None
    with pytest.raises(NotFound, match="has not asked"):
        await get(yard)


async def test_a_visit_to_a_name_that_was_given_up_forgets_it(yard: Yard) -> None:
    """And whatever it would have written."""
    issuing = await wanted(yard)
    await remove(yard)
    assert await yard.store.begin_visit(issuing_id=issuing.id, turn=1) is None
    assert await yard.store.find_issuing(fqdn=NAME) is None
    assert await yard.store.end_visit(issuing=issuing, life=LIFE, window=None) is None


async def test_one_account_is_kept_for_each_server(yard: Yard, keys: Boxes) -> None:
    """The first key stays, whoever comes second; its address may be lost and found."""
    store, directory = yard.store, "https://ca.example/directory"
    assert await store.find_acme_account(directory=directory) is None
    first, second = (keys.seal(account_place(directory), text) for text in ("one", "two"))
    for key in (first, second):
        await store.add_acme_account(directory=directory, key=key)
    for url in ("https://ca.example/account/1", None):
        await store.set_acme_account(directory=directory, url=url)
        kept = await store.find_acme_account(directory=directory)
        assert kept is not None
        assert (kept.url, keys.open(kept.place, kept.key)) == (url, "one")


async def test_keys_follow_the_master_key(yard: Yard, keys: Boxes) -> None:
    """Of accounts and of orders; each opens in its own place afterwards, and nothing is left under the old one."""
    issuing, directory = await wanted(yard), "https://ca.example/directory"
    account, order = account_place(directory), order_place(yard.workspace.id, issuing.id)
    await yard.store.add_acme_account(directory=directory, key=keys.seal(account, "one"))
    await yard.store.keep_order_key(issuing=issuing, key=keys.seal(order, "two"))
    keys._masters.rotate()
    found = await yard.store.issuing_keys_not_under(master_key_id=keys.active_master())
    assert {place for place, _ in found} == {account, order}
    for place, sealed in found:
        assert await yard.store.rewrap_issuing_key(before=sealed, after=keys.rewrap(place, sealed))
        assert not await yard.store.rewrap_issuing_key(before=sealed, after=sealed)
    assert await yard.store.issuing_keys_not_under(master_key_id=keys.active_master()) == ()
    assert keys.open(order, (await yard.store.pending_order(issuing=issuing)).key) == "two"
