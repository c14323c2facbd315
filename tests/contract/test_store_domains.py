"""Custom domains in the store: who gets a name, where it leads, and what the gateways are told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.store_kit import APEX, LIVE, Clock, Crash, Yard
from turnout.domain.custom_domains import Checked, CustomDomain, DomainStatus, UnsentCheck
from turnout.domain.errors import Conflict, NotFound, Unavailable
from turnout.domain.proofs import Claim, Finding, ProofMethod
from turnout.domain.views import ProjectView
from turnout.store.schema import audit_log

FQDN = "app.example.com"
TXT = Finding(method=ProofMethod.TXT, problem=None)
HTTP = Finding(method=ProofMethod.HTTP, problem=None)
NOTHING = Finding(method=None, problem="DNS: there is no TXT record.")
DAY = 86_400.0
Another = Callable[[str], Awaitable[Yard]]


async def add(yard: Yard, fqdn: str = FQDN, *, project: str = "shop", limit: int = 10) -> CustomDomain:
    """Ask for a name."""
    return await yard.store.add_domain(
        workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="alice", proof_seconds=DAY, limit=limit
    )


async def ask(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> CustomDomain:
    """Ask for a check."""
    return await yard.store.ask_check(
        workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="bob", proof_seconds=DAY
    )


async def check(yard: Yard, domain: CustomDomain, finding: Finding = TXT, *, again_in: float = 5.0) -> Checked:
    """What a look showed."""
    return await yard.store.record_check(
        domain_id=domain.id, check_round=domain.round, finding=finding, apex=APEX, again_in=again_in
    )


async def get(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> CustomDomain:
    """As it now is."""
    return await yard.store.get_domain(workspace_id=yard.workspace.id, project=project, fqdn=fqdn)


async def remove(yard: Yard, fqdn: str = FQDN, *, project: str = "shop") -> int:
    """Give it up."""
    return await yard.store.remove_domain(workspace_id=yard.workspace.id, project=project, fqdn=fqdn, actor="alice")


async def fed(yard: Yard, project: str = "shop") -> ProjectView:
    """What a gateway that starts now is told of a project."""
    project_id = (await yard.project(project)).id
    views = (await yard.store.gateway_feed(since=0)).projects
    empty = ProjectView(project_id=project_id, routes=(), targets=())
    return next((view for view in views if view.project_id == project_id), empty)


async def leads_to(yard: Yard, fqdn: str = FQDN) -> str | None:
    """The deployment that the gateways send a name's requests to."""
    views = (await yard.store.gateway_feed(since=0)).projects
    return next((route.deployment_id for view in views for route in view.routes if route.fqdn == fqdn), None)


async def audited(yard: Yard) -> list[tuple[str, str]]:
    """Who did what to domains."""
    async with yard.store._db.read() as tx:
        found = await tx.execute(select(audit_log.c.actor, audit_log.c.action).order_by(audit_log.c.id))
        return [(row.actor, row.action) for row in found if row.action.startswith("domain.")]


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


async def test_asking_again_changes_nothing(yard: Yard) -> None:
    """Neither while it is pending nor when it is proved: same token, same row."""
    first = await add(yard)
    assert await add(yard) == first
    await check(yard, first)
    assert (await add(yard)).token == first.token
    assert len(await yard.store.domains_of(project_id=first.project_id)) == 1
    assert (await ask(yard)).round == first.round, "there is nothing left to check"


async def test_the_first_proof_wins(yard: Yard, another_yard: Another) -> None:
    """Two may ask; whoever comes second with the proof is told, and may not even ask any more."""
    other = await another_yard("umbrella")
    await yard.ship()
    await other.ship(project="theirs")
    mine, theirs = await add(yard), await add(other, project="theirs")
    assert mine.token != theirs.token
    assert (await check(other, theirs)).status is DomainStatus.VERIFIED
    assert (await check(yard, mine)).status is DomainStatus.FAILED
    assert "another project has the name" in ((await get(yard)).problem or "")
    for again in (add(yard), ask(yard)):
        with pytest.raises(Conflict, match="somebody else has proved it already"):
            await again
    with pytest.raises(Conflict, match="the project theirs has proved it"):
        await add(other, project="second")
    with pytest.raises(NotFound):
        await other.project("second")
    assert await leads_to(yard) == (await other.project("theirs")).live_deployment_id


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


async def test_no_proof_until_the_deadline(yard: Yard, clock: Clock) -> None:
    """Checked again and again, then failed with what was seen; asking once more begins anew, with the same token."""
    claim = await add(yard)
    assert await check(yard, claim, NOTHING) == Checked(status=DomainStatus.PENDING, generation=None, again_in=5.0)
    found = await get(yard)
    assert (found.status, found.problem, found.checked_round) == (DomainStatus.PENDING, NOTHING.problem, 1)
    clock.advance(DAY - 2)
    last = await check(yard, claim, NOTHING)
    assert last.again_in is not None
    assert 0 < last.again_in < 2, "the last look happens at the deadline"
    clock.advance(3)
    assert (await check(yard, claim, NOTHING)).status is DomainStatus.FAILED
    assert (await get(yard)).problem == NOTHING.problem
    again = await add(yard)
    assert (again.status, again.token, again.round) == (DomainStatus.PENDING, claim.token, 2)
    assert again.deadline_at > clock.now
    assert (await check(yard, claim, TXT)).status is DomainStatus.PENDING, "the old round is over"
    assert (await check(yard, again, TXT)).status is DomainStatus.VERIFIED


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


async def test_names_that_turnout_made_are_not_given_away(yard: Yard) -> None:
    """Under an apex of an earlier time they are no longer under the apex, and still somebody's."""
    await yard.ship()
    with pytest.raises(Conflict, match="Turnout made this name"):
        await add(yard, f"{LIVE}.{APEX}", project="blog")


async def test_a_project_has_so_many_and_no_more(yard: Yard) -> None:
    """Those that were given up do not count, and nothing comes of the one too many."""
    for number in range(3):
        await add(yard, f"a{number}.example.com", limit=3)
    with pytest.raises(Conflict, match="no more than 3"):
        await add(yard, "a3.example.com", limit=3)
    await remove(yard, "a0.example.com")
    await add(yard, "a3.example.com", limit=3)
    listed = await yard.store.domains_of(project_id=(await yard.project()).id)
    assert [each.fqdn for each in listed] == ["a1.example.com", "a2.example.com", "a3.example.com"]


async def test_other_workspaces_domains_are_not_found(yard: Yard, another_yard: Another) -> None:
    """Nor are those of another project."""
    other = await another_yard("umbrella")
    await add(yard)
    await add(other, "b.example.com")
    for work in (get(other), ask(other), remove(other)):
        with pytest.raises(NotFound):
            await work


async def test_rounds_are_sent_once_and_lost_ones_again(yard: Yard, clock: Clock) -> None:
    """What the workflows have not heard of is unsent; what should have been checked long ago begins anew."""
    claim = await add(yard)
    (unsent,) = await yard.store.unsent_checks(overdue_seconds=60)
    assert unsent == UnsentCheck(domain_id=claim.id, round=1)
    assert await yard.store.claim_to_check(domain_id=claim.id, check_round=1) == Claim(
        fqdn=FQDN, project_id=claim.project_id, token=claim.token
    )
    await yard.store.mark_check_sent(check=unsent)
    assert await yard.store.unsent_checks(overdue_seconds=60) == ()
    await check(yard, claim, NOTHING, again_in=300)
    clock.advance(350)
    assert await yard.store.unsent_checks(overdue_seconds=60) == ()
    clock.advance(20)
    assert await yard.store.unsent_checks(overdue_seconds=60) == ()
    (again,) = await yard.store.unsent_checks(overdue_seconds=60)
    assert again.round == 2
    await yard.store.mark_check_sent(check=again)
    assert await yard.store.unsent_checks(overdue_seconds=60) == (), "once in a while, not all the time"
    assert (await ask(yard)).round == 3
    assert len(await yard.store.unsent_checks(overdue_seconds=60)) == 1
    await check(yard, await get(yard))
    assert await yard.store.unsent_checks(overdue_seconds=0) == ()


async def test_gateways_answer_the_proof_for_a_single_tenant(yard: Yard, another_yard: Another) -> None:
    """While a second workspace could point a name here too, their answer would prove nothing: it is not given."""
    mine = await add(yard)
    claim = Claim(fqdn=FQDN, project_id=mine.project_id, token=mine.token)
    assert mine.gateway_answers
    (answer,) = (await fed(yard)).challenges
    assert (answer.fqdn, answer.path, answer.body) == (FQDN, claim.http_path, claim.http_answer)
    assert (await check(yard, mine, HTTP)).status is DomainStatus.VERIFIED
    assert (await fed(yard)).challenges == ()
    await another_yard("umbrella")
    second = await add(yard, "b.example.com")
    assert not second.gateway_answers
    assert (await fed(yard)).challenges == ()
    assert (await check(yard, second, HTTP)).status is DomainStatus.VERIFIED, "answered by the owner's own server"


async def test_an_answer_of_the_gateways_counts_no_more_once_there_is_a_second_tenant(
    yard: Yard, another_yard: Another
) -> None:
    """It was published when there was one; the TXT record proves it as before."""
    mine = await add(yard)
    await another_yard("umbrella")
    assert (await check(yard, mine, HTTP)).status is DomainStatus.PENDING
    assert "publish the TXT record" in ((await get(yard)).problem or "")
    assert (await check(yard, mine, TXT)).status is DomainStatus.VERIFIED


async def test_the_answer_goes_with_the_claim(yard: Yard, clock: Clock) -> None:
    """When it fails, and when it is given up."""
    for end in ("fail", "remove"):
        mine = await add(yard)
        assert len((await fed(yard)).challenges) == 1
        if end == "fail":
            clock.advance(DAY + 1)
            await check(yard, mine, NOTHING)
        else:
            await remove(yard)
        assert (await fed(yard)).challenges == ()


@pytest.mark.parametrize("overdue", [0.0])
async def test_unknown_domains(yard: Yard, overdue: float) -> None:
    """A check of something that never was."""
    assert await yard.store.claim_to_check(domain_id="dom_none", check_round=1) is None
    with pytest.raises(NotFound):
        await yard.store.record_check(domain_id="dom_none", check_round=1, finding=TXT, apex=APEX, again_in=1)


async def test_deadlines_are_the_stores(yard: Yard, clock: Clock) -> None:
    """Asked, checked and verified at the times of one clock."""
    asked = await add(yard)
    assert asked.deadline_at - asked.asked_at == timedelta(seconds=DAY)
    clock.advance(10)
    await check(yard, asked)
    found: Any = await get(yard)
    assert asked.asked_at < found.checked_at == found.verified_at <= clock.now
