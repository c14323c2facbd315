"""Custom domains in the store: a proof routes a name, the switch moves it, and giving it up ends it."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.domain_kit import (
    FQDN,
    NOTHING,
    add,
    audited,
    check,
    get,
    leads_to,
    remove,
)
from tests.contract.store_kit import APEX, LIVE, Crash, Yard
from turnout.domain.custom_domains import Checked, DomainStatus
from turnout.domain.errors import NotFound, Unavailable
from turnout.domain.proofs import ProofMethod


async def test_a_proof_routes_the_name_to_what_is_live(yard: Yard) -> None:
    """Route, sentinel config and generation in one transaction; the gateways hear of it."""
    v1 = await yard.ship()
    asked = await add(yard)
    assert (asked.status, asked.round, asked.deployment_id) == (DomainStatus.PENDING, 1, None)
    before = await yard.store.gateway_feed(since=0)
    checked = await check(yard, asked)
    assert checked == Checked(status=DomainStatus.VERIFIED, generation=before.generation + 1, again_in=None)
    after = await yard.store.gateway_feed(since=before.change)
    assert after.generation == checked.generation
    assert FQDN in {route.fqdn for view in after.projects for route in view.routes}
    found = await get(yard)
    assert (found.status, found.method, found.deployment_id) == (DomainStatus.VERIFIED, ProofMethod.TXT, v1.id)
    assert (await yard.project()).generation == checked.generation
    assert await yard.store.sentinel_config(fqdn=FQDN) == await yard.store.sentinel_config(fqdn=f"{LIVE}.{APEX}")
    assert await audited(yard) == [("alice", "domain.asked"), ("domains", "domain.verified")]


async def test_the_switch_moves_it(yard: Yard) -> None:
    """Deploy, rollback, promote, and a deploy into a rolled-back project: always with the other live names."""
    v1 = await yard.ship()
    await check(yard, await add(yard))
    v2 = await yard.ship()
    assert await leads_to(yard) == v2.id
    assert (await yard.store.sentinel_config(fqdn=FQDN)) == await yard.store.sentinel_config(fqdn=f"{LIVE}.{APEX}")
    await yard.rollback()
    assert await leads_to(yard) == v1.id
    await yard.ship()
    assert await leads_to(yard) == v1.id
    await yard.promote(v2.id)
    assert await leads_to(yard) == v2.id
    await yard.ship(environment="preview")
    assert await leads_to(yard) == v2.id


async def test_a_name_that_is_proved_before_the_first_deploy(yard: Yard) -> None:
    """The project comes into being with it; the first deploy that goes live takes it along."""
    await check(yard, await add(yard))
    found = await get(yard)
    assert (found.status, found.deployment_id) == (DomainStatus.VERIFIED, None)
    preview = await yard.ship(environment="preview")
    assert await leads_to(yard) is None
    v1 = await yard.ship()
    assert await leads_to(yard) == v1.id != preview.id
    assert (await get(yard)).deployment_id == v1.id
    assert await yard.store.sentinel_config(fqdn=FQDN) is not None
    history = await yard.store.history(project_id=(await yard.project()).id)
    assert FQDN in {moved.fqdn for moved in history[0].routes}


async def test_local_names_have_no_sentinel_config(yard: Yard) -> None:
    """As the generated ones that are not under the apex."""
    await yard.ship()
    await check(yard, await add(yard, "app.shop.test"))
    assert await leads_to(yard, "app.shop.test") is not None
    assert await yard.store.sentinel_config(fqdn="app.shop.test") is None


async def test_a_race_for_one_name_has_one_winner(yard: Yard) -> None:
    """Both proofs arrive at once, over and over: never both, never none, and one route."""
    for project in ("left", "right"):
        await yard.ship(project=project)
    for turn in range(8):
        fqdn = f"race{turn}.example.com"
        claims = [await add(yard, fqdn, project=project) for project in ("left", "right")]
        async with asyncio.timeout(60):
            ended = await asyncio.gather(*(check(yard, claim) for claim in claims))
        assert sorted(each.status for each in ended) == [DomainStatus.FAILED, DomainStatus.VERIFIED]
        winner = ("left", "right")[[each.status for each in ended].index(DomainStatus.VERIFIED)]
        assert await leads_to(yard, fqdn) == (await yard.project(winner)).live_deployment_id


async def test_a_race_between_the_proof_and_the_first_deploy(yard: Yard) -> None:
    """Whichever commits first, the name is routed afterwards."""
    for turn in range(6):
        project, fqdn = f"fresh{turn}", f"fresh{turn}.example.com"
        claim, deploy = await add(yard, fqdn, project=project), await yard.admit(project=project)
        await yard.start(deploy)
        await asyncio.gather(check(yard, claim), yard.switch(deploy))
        assert await leads_to(yard, fqdn) == deploy.deployment_id


async def test_a_proof_is_all_or_nothing(yard: Yard) -> None:
    """Wherever it is cut off, nothing of it is there, and doing it again does all of it."""
    await yard.ship()
    claim = await add(yard)
    before = await yard.dump()
    number = 1
    while True:
        try:
            async with yard.failing_at(number):
                await check(yard, claim)
            break
        except (Crash, Unavailable):
            assert await yard.dump() == before
            number += 1
    assert number > 8
    assert (await get(yard)).status is DomainStatus.VERIFIED


async def test_a_repeated_check_finds_its_own_result(yard: Yard) -> None:
    """The step that wrote it may run twice; also the late one of a round that is over changes nothing."""
    await yard.ship()
    claim = await add(yard)
    first = await check(yard, claim)
    before = await yard.dump()
    assert await check(yard, claim) == first
    assert await check(yard, claim, NOTHING) == first
    assert await yard.dump() == before
    await yard.store.conclude_check(domain_id=claim.id, check_round=1, problem="gw-1 is slow")
    assert ((await get(yard)).checked_round, (await get(yard)).problem) == (1, "gw-1 is slow")


async def test_giving_a_name_up(yard: Yard) -> None:
    """Route and sentinel config go at once, the next deploy does not bring it back, and others may have it."""
    await yard.ship()
    first = await add(yard)
    await check(yard, first)
    before = await yard.store.gateway_feed(since=0)
    generation = await remove(yard)
    after = await yard.store.gateway_feed(since=before.change)
    assert after.generation == generation == before.generation + 1
    assert await leads_to(yard) is None
    assert await yard.store.sentinel_config(fqdn=FQDN) is None
    with pytest.raises(NotFound, match="known are: none yet"):
        await remove(yard)
    await yard.ship()
    assert await leads_to(yard) is None
    assert (await check(yard, first)).status is DomainStatus.REMOVED, "a late check changes nothing"
    assert await yard.store.claim_to_check(domain_id=first.id, check_round=1) is None
    await yard.ship(project="blog")
    theirs = await add(yard, project="blog")
    assert theirs.token != first.token
    await check(yard, theirs)
    assert await leads_to(yard) == (await yard.project("blog")).live_deployment_id
    assert ("alice", "domain.removed") in await audited(yard)
