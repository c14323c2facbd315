"""Keyspaces and keys in the store: whose they are, what becomes of them, and what gateways hear of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.contract.store_kit import APEX, LIVE, Clock, Yard
from turnout.domain.errors import Conflict, Invalid, NotFound, TooLarge
from turnout.domain.keyspaces import Key, Keyspace, NewKey, RateLimit, new_key
from turnout.domain.statuses import DeploymentStatus, InstanceStatus
from turnout.domain.views import KeyView, ProjectView
from turnout.store import keyspace_keys
from turnout.store.schema import audit_log

AnotherYard = Callable[[str], Awaitable[Yard]]
TEN = RateLimit(requests=10, seconds=60)
FIVE = RateLimit(requests=5, seconds=1)


async def keyspace(yard: Yard, slug: str = "customers", limit: RateLimit | None = None) -> Keyspace:
    """A new one."""
    return await yard.store.create_keyspace(workspace_id=yard.workspace.id, slug=slug, limit=limit, actor="alice")


async def add(yard: Yard, name: str, *, to: str = "customers", new: NewKey | None = None, **more: object) -> Key:
    """A new key."""
    wanted = {"limit": None, "expires_at": None} | more
    key, _ = await yard.store.add_key(
        workspace_id=yard.workspace.id, reference=to, new=new or new_key(), name=name, actor="alice", **wanted
    )
    return key


async def revoke(yard: Yard, key: Key) -> int:
    """End it; returns the generation."""
    return (await yard.store.revoke_key(workspace_id=yard.workspace.id, key_id=key.id, actor="bob"))[2]


async def fed(yard: Yard, since: int = 0) -> dict[str, ProjectView]:
    """What a gateway is told, by the project's name."""
    names = {each.id: each.slug for each in await yard.store.list_projects(workspace_id=yard.workspace.id)}
    return {names[view.project_id]: view for view in (await yard.store.gateway_feed(since=since)).projects}


async def fed_keys(yard: Yard, project: str = "shop") -> dict[str, KeyView]:
    """The keys of a project as a gateway has them, by id."""
    return {key.id: key for key in (await fed(yard))[project].keys}


async def test_a_keyspace_is_found_by_id_and_by_name(yard: Yard) -> None:
    """And listed with how many good keys it has."""
    made = await keyspace(yard, limit=TEN)
    for reference in (made.id, "customers"):
        found = await yard.store.find_keyspace(workspace_id=yard.workspace.id, reference=reference)
        assert found == made
    first = await add(yard, "first")
    await add(yard, "second")
    await revoke(yard, first)
    assert await yard.store.list_keyspaces(workspace_id=yard.workspace.id) == ((made, 1),)
    with pytest.raises(Conflict, match="one of that name"):
        await keyspace(yard)


async def test_nothing_of_the_secret_is_written_but_its_hash(yard: Yard) -> None:
    """In no table, the audit included."""
    await keyspace(yard)
    new = new_key()
    key = await add(yard, "first", new=new, limit=FIVE)
    await yard.ship(key_auth_id="customers")
    await revoke(yard, key)
    dump = repr(await yard.dump())
    assert new.secret not in dump
    assert new.secret[4:] not in dump
    assert new.sha256 in dump
    assert key.start == new.secret[:10]


async def test_another_workspace_sees_and_changes_nothing(yard: Yard, another_yard: AnotherYard) -> None:
    """Told as what does not exist is told; and a name can be used by both."""
    mine, other = await keyspace(yard), await another_yard("rival")
    key = await add(yard, "first")
    before = await yard.dump()
    whose = {"workspace_id": other.workspace.id, "actor": "mallory"}
    attempts = (
        other.store.find_keyspace(workspace_id=other.workspace.id, reference=mine.id),
        other.store.list_keys(workspace_id=other.workspace.id, reference="customers"),
        other.store.limit_keyspace(reference=mine.id, limit=TEN, **whose),
        other.store.remove_keyspace(reference=mine.id, **whose),
        other.store.revoke_key(key_id=key.id, **whose),
        other.store.expire_key(key_id=key.id, expires_at=None, **whose),
        other.store.limit_key(key_id=key.id, limit=TEN, **whose),
        add(other, "mine", to=mine.id),
        other.admit(key_auth_id=mine.id),
    )
    for attempt in attempts:
        with pytest.raises(NotFound):
            await attempt
    assert await other.store.list_keyspaces(workspace_id=other.workspace.id) == ()
    assert await yard.dump() == before
    await keyspace(other)


async def test_what_is_no_keyspace_is_not_repeated_if_it_may_be_a_key(yard: Yard) -> None:
    """Somebody mixes up the two; the answer may end up in a log."""
    await keyspace(yard)
    secret = new_key().secret
    for ask in (yard.admit(key_auth_id=secret), yard.store.list_keys(workspace_id=yard.workspace.id, reference=secret)):
        with pytest.raises(NotFound, match="known are: customers") as refused:
            await ask
        assert "tnk_" not in refused.value.detail
    with pytest.raises(NotFound) as refused:
        await yard.store.revoke_key(workspace_id=yard.workspace.id, key_id=secret, actor="bob")
    assert "tnk_" not in refused.value.detail


async def test_a_name_is_free_again_once_its_key_is_revoked(yard: Yard) -> None:
    """So a lost answer to a creation is mended: revoke, make again."""
    await keyspace(yard)
    first = await add(yard, "ci")
    with pytest.raises(Conflict, match="revoke that first"):
        await add(yard, "ci")
    await revoke(yard, first)
    again = await add(yard, "ci")
    _, listed = await yard.store.list_keys(workspace_id=yard.workspace.id, reference="customers")
    assert [(each.id, each.revoked_at is None) for each in listed] == [(again.id, True), (first.id, False)]


async def test_a_revoked_key_stays_revoked(yard: Yard) -> None:
    """Revoking again is no change, and nothing brings it back."""
    await keyspace(yard)
    key = await add(yard, "first")
    await revoke(yard, key)
    _, (revoked,) = await yard.store.list_keys(workspace_id=yard.workspace.id, reference="customers")
    await revoke(yard, key)
    whose = {"workspace_id": yard.workspace.id, "key_id": key.id, "actor": "bob"}
    for attempt in (yard.store.limit_key(limit=TEN, **whose), yard.store.expire_key(expires_at=None, **whose)):
        with pytest.raises(Conflict, match="revoked"):
            await attempt
    assert await yard.store.list_keys(workspace_id=yard.workspace.id, reference="customers") == (
        await yard.store.find_keyspace(workspace_id=yard.workspace.id, reference="customers"),
        (revoked,),
    )


async def test_an_end_is_in_the_future(yard: Yard, clock: Clock) -> None:
    """It is moved as long as the key is not revoked, also when it was over already."""
    await keyspace(yard)
    with pytest.raises(Invalid, match="past"):
        await add(yard, "late", expires_at=clock() - timedelta(seconds=1))
    key = await add(yard, "first", expires_at=clock() + timedelta(hours=1))
    whose = {"workspace_id": yard.workspace.id, "key_id": key.id, "actor": "bob"}
    with pytest.raises(Invalid, match="past"):
        await yard.store.expire_key(expires_at=clock() - timedelta(seconds=1), **whose)
    clock.advance(7200)
    assert key.state(clock()) == "expired"
    _, moved, _ = await yard.store.expire_key(expires_at=clock() + timedelta(hours=1), **whose)
    assert moved.state(clock()) == "good"
    _, endless, _ = await yard.store.expire_key(expires_at=None, **whose)
    assert endless.expires_at is None


async def test_a_keyspace_has_an_end_of_room(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its keys travel with each switch; what is revoked or over takes no room."""
    monkeypatch.setattr(keyspace_keys, "KEYS_MAX", 2)
    await keyspace(yard)
    first = await add(yard, "first")
    await add(yard, "second")
    with pytest.raises(TooLarge, match="revoke some"):
        await add(yard, "third")
    await revoke(yard, first)
    await add(yard, "third")


async def test_gateways_hear_of_the_keys_with_the_routes(yard: Yard, clock: Clock) -> None:
    """Good ones of the keyspaces that domains ask for, with their own limit or their keyspace's."""
    await keyspace(yard, limit=TEN)
    await keyspace(yard, "partners")
    await keyspace(yard, "unused")
    plain = await add(yard, "plain")
    limited = await add(yard, "limited", limit=FIVE, expires_at=clock() + timedelta(hours=1))
    partner = await add(yard, "partner", to="partners")
    await add(yard, "nobody", to="unused")
    await revoke(yard, await add(yard, "revoked"))
    await yard.ship(key_auth_id="customers")
    await yard.ship(project="open")
    view = await fed_keys(yard)
    assert {each: view[each].limit for each in view} == {plain.id: TEN, limited.id: FIVE}
    assert view[limited.id].expires_at == limited.expires_at
    assert (await fed(yard))["open"].keys == ()
    await yard.ship(key_auth_id="partners")
    assert (await fed_keys(yard)).keys() == {plain.id, limited.id, partner.id}, "the first one's own domain is there"
    clock.advance(7200)
    assert (await fed_keys(yard)).keys() == {plain.id, partner.id}


async def test_every_change_of_keys_is_told_to_whom_it_concerns(yard: Yard) -> None:
    """The projects that ask for them and no others, with a generation to wait for."""
    await keyspace(yard)
    await keyspace(yard, "partners")
    await yard.ship(key_auth_id="customers")
    await yard.ship(project="second", key_auth_id="customers")
    await yard.ship(project="third", key_auth_id="partners")
    await yard.ship(project="open")
    whose = {"workspace_id": yard.workspace.id, "actor": "bob"}

    async def told(change: Awaitable[tuple[object, ...]]) -> set[str]:
        before = await yard.store.gateway_feed(since=0)
        generation = (await change)[-1]
        after = await yard.store.gateway_feed(since=before.change)
        assert after.generation == generation == before.generation + 1
        return set(await fed(yard, since=before.change))

    new = {"new": new_key(), "name": "a", "limit": None, "expires_at": None}
    assert await told(yard.store.add_key(reference="customers", **new, **whose)) == {"shop", "second"}
    _, (key,) = await yard.store.list_keys(workspace_id=yard.workspace.id, reference="customers")
    assert await told(yard.store.limit_key(key_id=key.id, limit=FIVE, **whose)) == {"shop", "second"}
    assert await told(yard.store.expire_key(key_id=key.id, expires_at=None, **whose)) == {"shop", "second"}
    assert await told(yard.store.limit_keyspace(reference="partners", limit=TEN, **whose)) == {"third"}
    assert await told(yard.store.revoke_key(key_id=key.id, **whose)) == {"shop", "second"}
    assert (await fed(yard))["shop"].keys == ()


async def test_no_revocation_is_lost_between_a_switch_and_a_feed(yard: Yard) -> None:
    """Switches to keyspaces while their keys are revoked: what a gateway read last has none of them."""
    await keyspace(yard)
    keys = [await add(yard, f"key-{n}") for n in range(12)]
    deploys = [await yard.admit(project=f"shop-{n}", key_auth_id="customers") for n in range(12)]
    for deploy in deploys:
        await yard.start(deploy)
    seen: dict[str, ProjectView] = {}
    since, done = 0, asyncio.Event()

    async def follow() -> None:
        nonlocal since
        while True:
            over = done.is_set()
            feed = await yard.store.gateway_feed(since=since)
            seen.update({view.project_id: view for view in feed.projects})
            since = feed.change
            if over:
                return

    async def all_at_once() -> None:
        moves = [work for pair in zip(deploys, keys, strict=True) for work in pair]
        await asyncio.gather(*(revoke(yard, each) if isinstance(each, Key) else yard.switch(each) for each in moves))
        done.set()

    await asyncio.gather(follow(), all_at_once())
    assert len(seen) == 12
    assert [view.keys for view in seen.values()] == [()] * 12


async def test_a_switch_carries_the_policy_of_its_target(yard: Yard) -> None:
    """One view holds both; the sentinel config names the keyspace by its id, however it was given."""
    customers, partners = await keyspace(yard), await keyspace(yard, "partners")
    v1 = await yard.ship(key_auth_id="customers")
    v2 = await yard.ship(key_auth_id=partners.id)
    asks = {v1.id: customers.id, v2.id: partners.id}

    async def whole() -> str:
        view = (await fed(yard))["shop"]
        for route in view.routes:
            assert route.guard is not None
            assert route.guard.key_auth_id == asks[route.deployment_id]
        return next(route.deployment_id for route in view.routes if route.fqdn.startswith(LIVE))

    assert await whole() == v2.id
    await yard.rollback()
    assert await whole() == v1.id
    await yard.promote(v2.id)
    assert await whole() == v2.id
    config = await yard.store.sentinel_config(fqdn=f"{LIVE}.{APEX}")
    assert config is not None
    assert config.key_auth_id == partners.id


async def test_a_keyspace_that_is_asked_for_stays(yard: Yard) -> None:
    """Until nothing is left that would be closed to everybody; then its name is free."""
    await keyspace(yard)
    key = await add(yard, "first")
    v1 = await yard.ship(key_auth_id="customers")
    remove = {"workspace_id": yard.workspace.id, "reference": "customers", "actor": "bob"}
    with pytest.raises(Conflict, match=v1.id):
        await yard.store.remove_keyspace(**remove)
    failed = await yard.admit(project="other", key_auth_id="customers")
    with pytest.raises(Conflict, match=failed.deployment_id):
        await yard.store.remove_keyspace(**remove)
    await keyspace(yard, "unused")
    await add(yard, "x", to="unused")
    removed = await yard.store.remove_keyspace(**remove | {"reference": "unused"})
    assert removed.slug == "unused"
    with pytest.raises(NotFound):
        await yard.store.list_keys(workspace_id=yard.workspace.id, reference="unused")
    with pytest.raises(NotFound):
        await yard.admit(key_auth_id="unused")
    await keyspace(yard, "unused")
    assert key.id in await fed_keys(yard)


async def test_a_workflow_may_name_the_keyspace(yard: Yard) -> None:
    """Again and again, as long as the version has not started."""
    customers, partners = await keyspace(yard), await keyspace(yard, "partners")
    deploy = await yard.admit()
    for reference in ("customers", customers.id, "customers"):
        await yard.store.ask_for_keys(deployment_id=deploy.deployment_id, reference=reference)
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    assert plan.deployment.key_auth_id == customers.id
    with pytest.raises(NotFound):
        await yard.store.ask_for_keys(deployment_id=deploy.deployment_id, reference="nobody-has-this")
    with pytest.raises(NotFound):
        await yard.store.ask_for_keys(deployment_id="dep_nobody", reference="customers")
    await yard.start(deploy)
    await yard.store.ask_for_keys(deployment_id=deploy.deployment_id, reference="customers")
    with pytest.raises(Conflict):
        await yard.store.ask_for_keys(deployment_id=deploy.deployment_id, reference=partners.id)


async def test_every_deed_is_in_the_audit(yard: Yard, clock: Clock) -> None:
    """Who, what, to which key."""
    await keyspace(yard, limit=TEN)
    key = await add(yard, "first", limit=FIVE)
    whose = {"workspace_id": yard.workspace.id, "key_id": key.id, "actor": "bob"}
    await yard.store.limit_key(limit=None, **whose)
    await yard.store.expire_key(expires_at=clock() + timedelta(days=1), **whose)
    await revoke(yard, key)
    await yard.store.limit_keyspace(workspace_id=yard.workspace.id, reference="customers", limit=None, actor="bob")
    await yard.store.remove_keyspace(workspace_id=yard.workspace.id, reference="customers", actor="bob")
    async with yard.store._db.read() as tx:
        lines = (await tx.execute(select(audit_log).order_by(audit_log.c.id))).all()
    assert [(line.actor, line.action) for line in lines] == [
        ("alice", "keyspace.created"),
        ("alice", "key.created"),
        ("bob", "key.limited"),
        ("bob", "key.expires"),
        ("bob", "key.revoked"),
        ("bob", "keyspace.limited"),
        ("bob", "keyspace.removed"),
    ]
    assert lines[1].detail["limit"] == "5/second"
    assert json.dumps([line.detail for line in lines])


async def test_a_removed_or_failed_deployment_keeps_no_keyspace(yard: Yard) -> None:
    """Nothing of it will ever be served."""
    await keyspace(yard)
    deploy = await yard.admit(key_auth_id="customers")
    await yard.start(deploy)
    await yard.report(deploy.deployment_id, InstanceStatus.FAILED)
    await yard.store.advance_deployment(deployment_id=deploy.deployment_id, status=DeploymentStatus.FAILED)
    await yard.store.remove_keyspace(workspace_id=yard.workspace.id, reference="customers", actor="bob")
