"""The checks of a custom domain: durable, until the proof is there or its time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.dns_kit import NameServer
from tests.faults.rows import Row
from tests.support import patiently
from tests.workflows.lab import DOMAINS, LIMITS, Lab, Restate, open_lab
from turnout.domain.custom_domains import CustomDomain, DomainStatus
from turnout.domain.errors import NotFound
from turnout.domain.proofs import Claim, Finding
from turnout.proofs import Lookups, NetProver, WebPages
from turnout.store.schema import domains

FQDN = "app.example.com"


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


class Counting(NetProver):
    """The real one, with a count of how often it looked."""

    def __init__(self, dns: NameServer) -> None:
        lookups = Lookups(resolvers=[("127.0.0.1", dns.port)], timeout=2.0)
        super().__init__(records=lookups, pages=WebPages(lookups))
        self.looks = 0

    async def look(self, claim: Claim) -> Finding:
        self.looks += 1
        return await super().look(claim)


@pytest.fixture
def prover(dns: NameServer) -> Counting:
    return Counting(dns)


async def add(lab: Lab, *, proof_seconds: float = 600, project: str = "p") -> CustomDomain:
    """As the API does."""
    return await lab.store.add_domain(
        workspace_id=lab.workspace.id,
        project=project,
        fqdn=FQDN,
        actor="alice",
        proof_seconds=proof_seconds,
        limit=10,
    )


async def ask(lab: Lab) -> CustomDomain:
    """The same, for a look at once."""
    return await lab.store.ask_check(
        workspace_id=lab.workspace.id, project="p", fqdn=FQDN, actor="alice", proof_seconds=600
    )


async def get(lab: Lab) -> CustomDomain:
    """As it is."""
    return await lab.store.get_domain(workspace_id=lab.workspace.id, project="p", fqdn=FQDN)


async def checked(lab: Lab, check_round: int = 1, *, status: DomainStatus | None = None) -> CustomDomain:
    """Once a look of that round is over, with all that follows; or once it has that status."""
    async with patiently(30):
        while True:
            found = await get(lab)
            if found.checked_round >= check_round and status in (None, found.status):
                return found
            await lab.store.wait_for_change(timeout=1)


async def looked(prover: Counting, times: int) -> None:
    """Once it has looked that often."""
    async with patiently(30):
        while prover.looks < times:
            await asyncio.sleep(0.02)


def publish(dns: NameServer, domain: CustomDomain) -> None:
    """The owner does what was said."""
    claim = Claim(fqdn=domain.fqdn, project_id=domain.project_id, token=domain.token)
    dns.say(claim.record_name, "TXT", "v=spf1 -all", claim.record_value)


async def test_a_proof_that_appears_later(restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting) -> None:
    """Looked for again and again by itself; then routed, and confirmed by the gateway before it counts as checked."""
    async with open_lab(restate, tmp_path, prover=prover) as lab:
        live = await lab.deploy()
        domain = await add(lab)
        seen = await checked(lab)
        assert seen.status is DomainStatus.PENDING
        assert "there is no TXT record _turnout.app.example.com" in (seen.problem or "")
        await looked(prover, 3)
        publish(dns, domain)
        found = await checked(lab, status=DomainStatus.VERIFIED)
        assert (found.problem, found.deployment_id) == (None, live.deployment_id)
        (gateway,) = await lab.store.gateways()
        assert gateway.acknowledged_generation >= (await lab.project()).generation
        second = await lab.deploy("app:2")
        assert (await get(lab)).deployment_id == second.deployment_id


async def test_no_proof_until_the_deadline(restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting) -> None:
    """Failed with what was seen, and nobody looks any more; asked again, it begins anew."""
    async with open_lab(restate, tmp_path, prover=prover) as lab:
        dns.say(f"_turnout.{FQDN}", "TXT", "turnout-verify=of-somebody-else")
        domain = await add(lab, proof_seconds=1.0)
        failed = await checked(lab, status=DomainStatus.FAILED)
        assert "it says 'turnout-verify=of-somebody-else'" in (failed.problem or "")
        assert domain.token in (failed.problem or "")
        assert (looks := prover.looks) > 1
        await lab.quiet()
        assert prover.looks == looks
        publish(dns, domain)
        assert (await ask(lab)).token == domain.token
        assert (await checked(lab, 2)).status is DomainStatus.VERIFIED


async def test_who_asks_need_not_wait_for_the_next_look(
    restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting
) -> None:
    """The pauses may be long by then. A name that was given up meanwhile is not looked for either."""
    slow = replace(DOMAINS, recheck_seconds=300.0, recheck_longest_seconds=300.0)
    async with open_lab(restate, tmp_path, prover=prover, domains=slow) as lab:
        domain = await add(lab)
        assert (await checked(lab)).status is DomainStatus.PENDING
        publish(dns, domain)
        await ask(lab)
        assert (await checked(lab, 2)).status is DomainStatus.VERIFIED
        assert prover.looks == 2
        await lab.store.remove_domain(workspace_id=lab.workspace.id, project="p", fqdn=FQDN, actor="alice")
        over = await lab.call(f"/Domains/{domain.id}/check", {"round": 2})
        assert over.json() == "over"
        assert prover.looks == 2
        with pytest.raises(NotFound):
            await get(lab)


async def test_a_round_that_was_lost_is_followed_by_another(
    restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting
) -> None:
    """Marked as sent and never carried out: the dispatcher finds that nobody looks any more."""
    hasty = replace(LIMITS, overdue_grace_seconds=0.5)
    async with open_lab(restate, tmp_path, prover=prover, limits=hasty) as lab:
        domain = await add(lab)
        await checked(lab)
        async with lab.store._db.write() as tx:
            await tx.execute(update(domains).values(round=7, sent_round=7))
        publish(dns, domain)
        assert (await checked(lab, 8)).status is DomainStatus.VERIFIED


@pytest.mark.fault(Row.STREAM_CUT)
async def test_a_gateway_that_does_not_follow_is_named(
    restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting
) -> None:
    """Proved is proved; but it is not said that all is well."""
    async with open_lab(restate, tmp_path, prover=prover) as lab:
        await lab.deploy()
        lab.gateway_answers = False
        publish(dns, await add(lab))
        found = await checked(lab, status=DomainStatus.VERIFIED)
        assert found.problem == "these gateways did not confirm it in time: gw"
        assert await lab.store.open_confirmations() == ()


async def test_steps_that_are_cut_off_after_their_commit(
    restate: Restate, tmp_path: Path, dns: NameServer, prover: Counting
) -> None:
    """Each is done again and finds what it did: one proof, one route, one generation."""
    stumbled: set[str] = set()

    async def stumble(step: str, moment: str) -> None:
        if moment == "after" and step not in stumbled:
            stumbled.add(step)
            raise OSError(5, "the network is gone")

    async with open_lab(restate, tmp_path, prover=prover, hook=stumble) as lab:
        await lab.deploy()
        before = await lab.store.generation()
        domain = await add(lab)
        publish(dns, domain)
        found = await checked(lab, status=DomainStatus.VERIFIED)
        assert found.problem is None
        assert {"look", "record", "ask for confirmation", "conclude"} <= stumbled
        # One for the gateways' own answer, one for the proof.
        assert await lab.store.generation() == before + 2
