"""Tokens in the store: who is let in, until when, and who has said so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.contract.domain_kit import Another
from tests.contract.store_kit import Clock, Yard
from turnout.domain.errors import Conflict, Invalid, NotFound
from turnout.domain.tokens import TokenAccess, TokenRecord
from turnout.store.schema import audit_log


async def create(yard: Yard, name: str, *, ends_in: timedelta | None = None, now: Clock | None = None) -> TokenRecord:
    """A token whose hash is its name's."""
    return await yard.store.create_token(
        workspace_id=yard.workspace.id,
        name=name,
        access=TokenAccess.DEPLOY,
        token_hash=f"hash of {name}",
        expires_at=None if ends_in is None or now is None else now.now + ends_in,
        actor="alice",
    )


async def names(yard: Yard) -> list[str]:
    """Whose tokens let in."""
    return [each.name for each in await yard.store.list_tokens(workspace_id=yard.workspace.id)]


async def test_those_that_start_an_installation_are_known_once(yard: Yard) -> None:
    """A hash that is known keeps its first record."""
    wanted = {"access": "krane", "workspace_id": yard.workspace.id, "region": "north", "token_hash": "hash"}
    token = await yard.store.add_token(name="krane north", **wanted)
    assert await yard.store.add_token(name="another name", **wanted) == token
    assert await yard.store.find_token(token_hash="hash") == token
    assert (token.access, token.region, token.expires_at) == ("krane", "north", None)
    assert await yard.store.find_token(token_hash="another") is None


async def test_one_is_good_until_it_is_revoked(yard: Yard) -> None:
    """And its name is free again; the audit log says who made and who revoked it."""
    root, ci = await create(yard, "root"), await create(yard, "ci")
    assert await names(yard) == ["ci", "root"]
    assert await yard.store.find_token(token_hash="hash of ci") == ci
    assert await yard.store.revoke_token(token_id=ci.id, by=root) == ci
    assert await yard.store.find_token(token_hash="hash of ci") is None
    assert await names(yard) == ["root"]
    with pytest.raises(NotFound, match="there is no token"):
        await yard.store.revoke_token(token_id=ci.id, by=root)
    async with yard.store._db.read() as tx:
        told = (await tx.execute(select(audit_log.c.actor, audit_log.c.action, audit_log.c.detail))).all()
    assert [tuple(each) for each in told if each.detail["name"] == "ci"] == [
        ("alice", "token.created", {"name": "ci", "access": "deploy"}),
        ("root", "token.revoked", {"name": "ci", "access": "deploy"}),
    ]


async def test_one_ends_by_itself(yard: Yard, clock: Clock) -> None:
    """From its end on it is nobody's; and none is made that has ended already."""
    await create(yard, "ci", ends_in=timedelta(days=1), now=clock)
    clock.now += timedelta(days=1, seconds=-1)
    assert await yard.store.find_token(token_hash="hash of ci") is not None
    clock.now += timedelta(seconds=1)
    assert await yard.store.find_token(token_hash="hash of ci") is None
    assert await names(yard) == []
    with pytest.raises(Invalid, match="in the past"):
        await create(yard, "late", ends_in=timedelta(0), now=clock)


async def test_a_name_is_one_tokens(yard: Yard) -> None:
    """Also when two ask for it at once: what is done under it could be told of neither."""
    outcomes = await asyncio.gather(
        *(
            yard.store.create_token(
                workspace_id=yard.workspace.id,
                name="ci",
                access=TokenAccess.READ,
                token_hash=f"hash {number}",
                expires_at=None,
                actor="alice",
            )
            for number in range(4)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, TokenRecord) for each in outcomes) == 1
    assert all(isinstance(each, TokenRecord | Conflict) for each in outcomes), outcomes
    assert await names(yard) == ["ci"]


async def test_whom_nobody_can_revoke(yard: Yard, another_yard: Another) -> None:
    """The token that asks, a krane's, and another workspace's; nothing changes."""
    root = await create(yard, "root")
    krane = await yard.store.add_token(
        name="krane-here", access="krane", workspace_id=yard.workspace.id, region="here", token_hash="k"
    )
    foreign = await create(await another_yard("foreign"), "theirs")
    before = await yard.dump()
    for token, refusal, sentence in (
        (root, Conflict, "the one you sign in with"),
        (krane, Conflict, "the krane of region here signs in with it"),
        (foreign, NotFound, "there is no token"),
    ):
        with pytest.raises(refusal, match=sentence):
            await yard.store.revoke_token(token_id=token.id, by=root)
    assert await yard.dump() == before
