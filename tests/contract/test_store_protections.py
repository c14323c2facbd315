"""Protections in the store: what a change writes, what it refuses, and what the gateways are fed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.contract.store_kit import APEX, ENVIRONMENT, Yard
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.passwords import credential
from turnout.domain.protection import Maintenance, Protection, from_json
from turnout.domain.views import RouteView
from turnout.store.protections import ProtectionRecord
from turnout.store.schema import audit_log, protections

CLOSED = Protection(allow=("10.0.0.0/8",), maintenance=Maintenance(page="<h1>Soon</h1>"))


async def protect(
    yard: Yard, after: Protection, *, environment: str = "production", project: str = "shop"
) -> ProtectionRecord:
    """Have it so, whatever it was."""
    return await yard.store.change_protection(
        workspace_id=yard.workspace.id,
        project=project,
        environment=environment,
        change=lambda _: after,
        actor="alice",
    )


async def routes(yard: Yard) -> dict[str, RouteView]:
    """What the gateways are fed of the shop, by name without the apex."""
    feed = await yard.store.gateway_feed(since=0)
    project_id = (await yard.project()).id
    view = next(view for view in feed.projects if view.project_id == project_id)
    return {route.fqdn.removesuffix(f".{APEX}"): route for route in view.routes}


async def test_a_change_is_a_routing_transaction(yard: Yard) -> None:
    """Generation, project, audit and feed, all at once; the JSON in the row reads well."""
    shipped = await yard.ship()
    before = await yard.store.gateway_feed(since=0)
    record = await protect(yard, CLOSED)
    assert record.protection == CLOSED
    assert record.generation == shipped.result.generation + 1
    assert (await yard.project()).generation == record.generation
    feed = await yard.store.gateway_feed(since=before.change)
    assert (feed.generation, len(feed.projects)) == (record.generation, 1)
    assert all(route.protection == CLOSED for route in feed.projects[0].routes)
    async with yard.store._db.read() as tx:
        row = (await tx.execute(select(protections))).one()
        line = (await tx.execute(select(audit_log).where(audit_log.c.action == "protection.changed"))).one()
    assert (row.generation, row.changed_by, row.changed_at) == (record.generation, "alice", record.changed_at)
    assert json.loads(row.config) == {
        "version": 1,
        "maintenance": {"retryAfterSeconds": 300, "page": "<h1>Soon</h1>"},
        "allow": ["10.0.0.0/8"],
    }
    assert "\n" in row.config, "a person reads it"
    assert from_json(row.config) == CLOSED
    assert (line.actor, line.subject, line.detail["generation"]) == ("alice", row.environment_id, record.generation)
    assert line.detail["before"]["allow"] == []
    assert line.detail["after"]["allow"] == ["10.0.0.0/8"]


async def test_what_is_so_already_is_not_changed(yard: Yard) -> None:
    """No generation, no audit, no feed: the same request may be sent twice."""
    await yard.ship()
    first = await protect(yard, CLOSED)
    before = await yard.dump()
    again = await protect(yard, replace(CLOSED, allow=("10.0.0.0/8", "10.0.0.0/255.0.0.0")))
    assert again == first
    assert await yard.dump() == before


async def test_it_stands_before_the_domains_of_one_environment(yard: Yard) -> None:
    """And of those that come later, without a further change; other environments are open."""
    await protect(yard, CLOSED, environment="preview")
    await yard.ship()
    await yard.ship(environment="preview")
    found = await routes(yard)
    assert found["shop-preview-acme"].protection == CLOSED
    assert found[ENVIRONMENT].protection is None
    assert {name for name, route in found.items() if route.protection} >= {"shop-preview-acme"}
    await protect(yard, Protection(), environment="preview")
    assert not any(route.protection for route in (await routes(yard)).values())


async def test_a_switch_takes_the_protection_along(yard: Yard) -> None:
    """It belongs to the environment, so a rollback does not open what was closed."""
    await yard.ship()
    await yard.ship()
    await protect(yard, CLOSED)
    await yard.rollback()
    assert (await routes(yard))[ENVIRONMENT].protection == CLOSED


async def test_an_environment_can_be_closed_before_it_is_open(yard: Yard) -> None:
    """It comes into being with its protection; switching something off there is a slip."""
    record = await protect(yard, CLOSED, environment="preview", project="fresh")
    assert record.generation == 1
    found = await yard.store.find_environment(workspace_id=yard.workspace.id, project="fresh", environment="preview")
    assert (await yard.store.find_protection(environment_id=found.id)).protection == CLOSED
    before = await yard.dump()
    for project, environment in (("fresh", "previwe"), ("frehs", "preview")):
        with pytest.raises(NotFound, match="known are"):
            await protect(yard, Protection(), environment=environment, project=project)
    assert await yard.dump() == before


async def test_an_environment_that_was_never_protected_is_open(yard: Yard) -> None:
    """It has no row."""
    await yard.ship()
    found = await yard.store.find_environment(workspace_id=yard.workspace.id, project="shop", environment="production")
    assert await yard.store.find_protection(environment_id=found.id) == ProtectionRecord()


async def test_a_refused_change_changes_nothing(yard: Yard) -> None:
    """Whoever refuses it: the rules, the change itself, or a reserved name."""
    await yard.ship()
    before = await yard.dump()

    def refuse(_: Protection) -> Protection:
        raise NotFound("nobody of that name")

    with pytest.raises(Invalid, match="as an address range"):
        await protect(yard, Protection(allow=("everywhere",)))
    with pytest.raises(Invalid):
        await protect(yard, CLOSED, environment="git-main")
    with pytest.raises(NotFound, match="nobody"):
        await yard.store.change_protection(
            workspace_id=yard.workspace.id, project="shop", environment="production", change=refuse, actor="alice"
        )
    assert await yard.dump() == before


async def test_changes_at_one_moment_do_not_lose_each_other(yard: Yard) -> None:
    """Each sees what the one before has written: all names are there in the end, and every change has a generation."""
    await yard.ship()

    async def add(user: str) -> int:
        added = credential(user, "correct horse", salt=bytes(16))
        record = await yard.store.change_protection(
            workspace_id=yard.workspace.id,
            project="shop",
            environment="production",
            change=lambda before: replace(before, basic_auth=(*before.basic_auth, added)),
            actor=user,
        )
        return record.generation

    generations = await asyncio.gather(*(add(f"user{n}") for n in range(8)))
    assert sorted(generations) == list(range(2, 10))
    protection = (await routes(yard))[ENVIRONMENT].protection
    assert protection is not None
    assert {each.user for each in protection.basic_auth} == {f"user{n}" for n in range(8)}


async def test_no_hash_and_no_value_is_in_the_audit(yard: Yard) -> None:
    """It says who changed what, and is read by more people than the store."""
    made = credential("alice", "correct horse", salt=bytes(16))
    await protect(yard, Protection(basic_auth=(made,)))
    dump = await yard.dump()
    assert "pbkdf2" not in repr(dump["audit_log"])
    assert "alice" in repr(dump["audit_log"])
    assert not [name for name, table in dump.items() if "correct horse" in repr(table)]


async def test_a_protection_is_its_workspaces_own(yard: Yard, another_yard: Callable[[str], Awaitable[Yard]]) -> None:
    """Two shops of the same name have nothing to do with each other."""
    other = await another_yard("globex")
    await yard.ship()
    await other.ship()
    await protect(yard, CLOSED)
    assert (await routes(yard))["shop-production-acme"].protection == CLOSED
    assert not any(route.protection for route in (await routes(other)).values())
