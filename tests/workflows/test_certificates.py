"""Certificates by ACME on a real Restate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.acme_pebble import Pebble
from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.workflows.issuing_lab import NAME, Clock, IssuingLab, open_issuing_lab
from tests.workflows.lab import Restate
from turnout.domain.errors import Conflict, Unavailable
from turnout.domain.issuing import IssuingStatus, ProblemKind
from turnout.domain.issuing_keys import load_key

STEPS = ("begin visit", "is it due", "account", "order", "read challenge", "publish challenge", "ask for confirmation",
         "tell server", "look at order", "finalize", "save certificate", "withdraw challenges", "end visit")  # fmt: skip


@pytest.fixture
def site() -> Iterator[Site]:
    """Port 80 of every name."""
    with Site() as site:
        yield site


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[AcmeServer]:
    """The ACME server of the kit."""
    with AcmeServer(tmp_path, challenge_port=site.port) as server:
        yield server


def key_opens(lab: IssuingLab, certificate: object) -> bool:
    """Whether the sealed key that is kept is the certificate's."""
    key = load_key(lab.boxes.open(certificate.place, certificate.key))  # type: ignore[attr-defined]
    leaf = x509.load_pem_x509_certificates(certificate.chain_pem.encode())[0]  # type: ignore[attr-defined]
    return key.public_key() == leaf.public_key()


async def test_a_proved_domain_gets_a_certificate(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """By itself, with everything cleared away: the order, its key, and what the gateway answered."""
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        issuing = await lab.until(lambda each: each.status is IssuingStatus.ISSUED)
        (certificate,) = await lab.certificates()
        assert key_opens(lab, certificate)
        assert (issuing.order_url, issuing.problem, issuing.failures) == (None, None, 0)
        assert issuing.due_at is not None
        life = certificate.not_after - certificate.not_before
        assert certificate.not_after - life * 0.4 < issuing.due_at < certificate.not_after - life * 0.3
        assert site.asked == [(NAME, site.asked[0][1])]
        feed = await lab.lab.store.gateway_feed(since=0)
        assert [view.challenges for view in feed.projects if view.challenges] == []
        assert len(server.orders) == len(server.issued) == len(server.accounts) == 1
