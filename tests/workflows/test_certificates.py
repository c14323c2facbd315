"""Certificates by ACME on a real Restate: got, renewed, shared, and given up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from tests.acme_pebble import Pebble
from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.workflows.issuing_lab import Clock, IssuingLab, open_issuing_lab
from tests.workflows.lab import Restate
from turnout.domain.certificates import Certificate
from turnout.domain.issuing import IssuingStatus
from turnout.domain.issuing_keys import load_key


def has_its_key(lab: IssuingLab, certificate: Certificate) -> bool:
    """Whether the sealed key that is kept is the certificate's."""
    key = load_key(lab.boxes.open(certificate.place, certificate.key))
    leaf = x509.load_pem_x509_certificates(certificate.chain_pem.encode())[0]
    return bool(key.public_key() == leaf.public_key())


async def test_a_proved_domain_gets_a_certificate(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """By itself, with everything cleared away: the order, its key, and what the gateway answered."""
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        issuing = await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        (certificate,) = await lab.certificates()
        assert has_its_key(lab, certificate)
        assert (issuing.order_url, issuing.problem, issuing.failures) == (None, None, 0)
        assert issuing.due_at is not None
        life = certificate.not_after - certificate.not_before
        assert certificate.not_after - life * 0.4 < issuing.due_at < certificate.not_after - life * 0.3
        assert [name for name, _ in site.asked] == [lab.name]
        feed = await lab.lab.store.gateway_feed(since=0)
        assert [view.challenges for view in feed.projects if view.challenges] == []
        assert len(server.orders) == len(server.issued) == len(server.accounts) == 1


async def test_pebble_issues_too(restate: Restate, tmp_path: Path, site: Site) -> None:
    """The server that the protocol's authors test with."""
    with Pebble(tmp_path, challenge_port=site.port) as pebble:
        async with open_issuing_lab(restate, tmp_path, pebble, site) as lab:
            await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
            (certificate,) = await lab.certificates()
            assert has_its_key(lab, certificate)


async def test_a_certificate_is_renewed_before_its_end(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """When a third of its life is left, and not a day before; the new one takes the place of the old."""
    clock = Clock()
    clock.offset = timedelta(days=-61)
    async with open_issuing_lab(restate, tmp_path, server, site, clock=clock) as lab:
        await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        (first,) = await lab.certificates()
        clock.offset += timedelta(days=50)
        assert await lab.visit((await lab.issuing()).turn) == "issued"
        assert await lab.certificates() == [first]
        turn = (await lab.issuing()).turn
        clock.offset = timedelta()
        ended = await lab.ended(turn=turn)
        (second,) = await lab.certificates()
        assert (ended.status, len(server.issued)) == (IssuingStatus.ISSUED, 2)
        assert first.not_after > clock()  # it was in time
        assert second.not_after > first.not_after + timedelta(days=50)
        assert has_its_key(lab, second)
        assert second.key != first.key
        assert len(server.accounts) == 1


async def test_an_authority_may_ask_for_an_earlier_renewal(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """It is asked once a day; a window that has begun renews, also of a certificate that is one day old."""
    clock = Clock()
    clock.offset = timedelta(days=-3)
    server.window = (clock() + timedelta(days=55), clock() + timedelta(days=60))
    async with open_issuing_lab(restate, tmp_path, server, site, clock=clock) as lab:
        issuing = await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        assert issuing.due_at is not None
        assert issuing.due_at - clock() < timedelta(days=6)
        clock.offset += timedelta(days=1.1)
        issuing = await lab.ended(turn=issuing.turn)
        assert len(server.issued) == 1
        server.window = (clock(), clock() + timedelta(hours=1))
        clock.offset = timedelta()
        issuing = await lab.ended(turn=issuing.turn)
        assert (issuing.status, len(server.issued)) == (IssuingStatus.ISSUED, 2)
        assert issuing.due_at is not None
        assert issuing.due_at - clock() > timedelta(hours=12)  # although the window says: now


async def test_somebody_may_ask_for_a_new_one(restate: Restate, tmp_path: Path, server: AcmeServer, site: Site) -> None:
    """At any time. What was to come later is void then."""
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        first = await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        (old,) = await lab.certificates()
        new = await lab.obtain()
        assert (new.id, len(server.issued)) != (old.id, 1)
        assert await lab.visit(first.turn) == "over"
        assert len(server.issued) == 2


async def test_domains_are_worked_on_beside_each_other(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """They share one account, which is made once; a name that an account has proved need not be proved again."""
    server.reuse_proofs = True
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        names = [f"{label}.{lab.name}" for label in ("a", "b", "c")]
        for name in names:
            await lab.prove(name)
        await asyncio.gather(*(lab.until(lambda each: each.status is IssuingStatus.ISSUED, name) for name in names))
        await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        assert (len(server.accounts), len(server.issued)) == (1, 4)
        await lab.obtain(names[0])
        assert (server.asked["challenge"], len(server.issued)) == (4, 5)


async def test_a_domain_that_is_given_up_is_not_renewed(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """Its issuing is forgotten when its turn comes, and not shown before."""
    clock = Clock()
    clock.offset = timedelta(days=-61)
    async with open_issuing_lab(restate, tmp_path, server, site, clock=clock) as lab:
        await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        store, workspace = lab.lab.store, lab.lab.workspace
        await store.remove_domain(workspace_id=workspace.id, project="p", fqdn=lab.name, actor="test")
        assert await store.list_issuings(workspace_id=workspace.id) == ()
        clock.offset = timedelta()
        while await store.find_issuing(fqdn=lab.name) is not None:
            await store.wait_for_change(timeout=1)
        assert len(server.orders) == 1
