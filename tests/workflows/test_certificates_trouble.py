"""What goes wrong on the way to a certificate, on a real Restate: told, and tried again when it may help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.workflows.issuing_lab import Clock, IssuingLab, open_issuing_lab
from tests.workflows.lab import Restate
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.issuing import Issuing, IssuingStatus, ProblemKind

HOUR = timedelta(hours=1)


def failed(kind: ProblemKind) -> Callable[[Issuing], bool]:
    """Whether an issuing has met that."""
    return lambda each: each.status is IssuingStatus.FAILED and each.problem is not None and each.problem.kind is kind


def left(lab: IssuingLab, issuing: Issuing) -> timedelta:
    """Until the next visit."""
    assert issuing.due_at is not None
    return issuing.due_at - lab.clock()


async def issued(lab: IssuingLab) -> Issuing:
    """The issuing, once there is a certificate."""
    return await lab.until(lambda each: each.status is IssuingStatus.ISSUED)


async def test_a_rate_limit_is_waited_out(restate: Restate, tmp_path: Path, server: AcmeServer, site: Site) -> None:
    """For as long as the server says, and without asking it anything meanwhile."""
    server.trouble("new-order", "rateLimited", status=429, retry_after="10800")
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        issuing = await lab.until(failed(ProblemKind.RATE_LIMITED))
        assert 2.9 * HOUR < left(lab, issuing) < 3.4 * HOUR
        assert "injected rateLimited" in issuing.problem.detail  # type: ignore[union-attr]  # it has one
        asked = server.asked.copy()
        lab.clock.offset += 2.8 * HOUR
        await asyncio.sleep(1)  # the dispatcher looks twice
        assert server.asked == asked
        lab.clock.offset += 0.6 * HOUR
        await issued(lab)


@pytest.mark.full
async def test_a_name_that_leads_elsewhere_is_tried_hourly(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """What the server saw is told; then DNS is set right, and a new order succeeds."""
    clock = Clock()
    async with open_issuing_lab(restate, tmp_path, server, site, clock=clock) as lab:
        await issued(lab)
        server.unknown_names.add(lab.name)
        asked = await lab.ask()
        issuing = await lab.ended(turn=asked.turn)
        assert failed(ProblemKind.UNPROVED)(issuing)
        assert "NXDOMAIN" in issuing.problem.detail  # type: ignore[union-attr]
        assert HOUR <= left(lab, issuing) + timedelta(minutes=1) < 1.2 * HOUR
        assert issuing.order_url is None  # an invalid order is of no more use
        assert len(await lab.certificates()) == 1  # what was served is served on
        clock.offset += 1.2 * HOUR
        again = await lab.ended(turn=issuing.turn)
        assert again.failures == 2
        assert 2 * HOUR <= left(lab, again) + timedelta(minutes=1) < 2.4 * HOUR
        server.unknown_names.clear()
        assert (await lab.obtain()).names == (lab.name,)
        assert (await lab.issuing()).failures == 0


@pytest.mark.full
async def test_no_server_is_asked_before_every_gateway_answers(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """It could fail the proof. The gateway is named, and the order is taken up again once it is back."""

    async def silent(lab: IssuingLab) -> None:
        lab.lab.gateway_answers = False
        await lab.play_port_80()

    async with open_issuing_lab(restate, tmp_path, server, site, play=silent) as lab:
        issuing = await lab.until(failed(ProblemKind.TROUBLE))
        assert "gw" in issuing.problem.detail  # type: ignore[union-attr]
        assert (server.asked["challenge"], site.asked) == (0, [])
        assert left(lab, issuing) < timedelta(minutes=2)
        feed = await lab.lab.store.gateway_feed(since=0)
        assert [view.challenges for view in feed.projects if view.challenges] == []  # undone
        lab.lab.gateway_answers = True
        lab.clock.offset += timedelta(minutes=2)
        await issued(lab)
        assert len(server.orders) == 1


@pytest.mark.parametrize("resource", ["order", "finalize", "certificate"])
async def test_an_order_is_taken_up_where_it_was_left(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site, resource: str
) -> None:
    """When the server is in trouble for a while: the same order, and the key that is kept with it."""
    server.trouble(resource, "serverInternal", status=500)
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        issuing = await lab.until(failed(ProblemKind.UNREACHABLE))
        assert issuing.order_url is not None
        lab.clock.offset += timedelta(minutes=2)
        await issued(lab)
        assert (len(server.orders), len(server.issued)) == (1, 1)


@pytest.mark.full
async def test_an_order_that_is_gone_is_replaced(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """In the same visit that finds out."""
    server.trouble("finalize", "serverInternal", status=500)
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        await lab.until(failed(ProblemKind.UNREACHABLE))
        server.orders.clear()
        lab.clock.offset += timedelta(minutes=2)
        await issued(lab)


@pytest.mark.full
async def test_an_account_that_the_server_has_lost_is_made_again(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """With the key that it had."""
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        await issued(lab)
        (before,) = server.accounts.values()
        server.accounts.clear()
        server.orders.clear()
        await lab.ended(turn=(await lab.ask()).turn)
        assert failed(ProblemKind.ACCOUNT_LOST)(await lab.issuing())
        lab.clock.offset += timedelta(minutes=2)
        await issued(lab)
        (after,) = server.accounts.values()
        assert before.jwk == after.jwk


async def test_what_is_refused_is_not_tried_again(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """Before somebody asks: then it is, at once."""
    server.trouble("new-order", "rejectedIdentifier")
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        issuing = await lab.until(failed(ProblemKind.REFUSED))
        assert issuing.due_at is None
        assert await lab.lab.store.unsent_visits(lost_seconds=0) == ()
        await lab.obtain()


async def test_a_name_of_somebody_else_gets_nothing(
    restate: Restate, tmp_path: Path, server: AcmeServer, site: Site
) -> None:
    """Nor does one that nobody has proved; and nothing is left behind."""
    async with open_issuing_lab(restate, tmp_path, server, site) as lab:
        other = f"other.{lab.name}"
        await lab.prove(other, project="q")
        for fqdn in (other, "unproved.example.com"):
            with pytest.raises(Conflict, match="not this project's"):
                await lab.ask(fqdn)
        ask = lab.lab.store.ask_certificate
        with pytest.raises(NotFound):
            await ask(workspace_id=lab.lab.workspace.id, project="none", fqdn=lab.name, actor="test")
        assert await lab.lab.store.find_issuing(fqdn="unproved.example.com") is None
