"""Claims to names in the store: who may ask, whose proof counts, and how long it is looked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.domain_kit import (
    DAY,
    FQDN,
    HTTP,
    NOTHING,
    TXT,
    Another,
    add,
    ask,
    check,
    fed,
    get,
    leads_to,
    remove,
)
from tests.contract.store_kit import APEX, LIVE, Clock, Yard
from turnout.domain.custom_domains import Checked, DomainStatus, UnsentCheck
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.proofs import Claim


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


async def test_unknown_domains(yard: Yard) -> None:
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
