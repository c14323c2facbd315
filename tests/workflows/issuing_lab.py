"""Certificates on a real Restate and a real store; the ACME server and the gateway's port 80 are played in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acme_pebble import Pebble
from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.support import patiently
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab
from turnout.acme import AcmeClient
from turnout.domain.certificates import Certificate
from turnout.domain.ids import new_id
from turnout.domain.issuing import Issuing, IssuingStatus
from turnout.domain.proofs import Finding, ProofMethod
from turnout.settings import AcmeSettings
from turnout.vault import Boxes, MasterKeys
from turnout.workflows.config import IssuingParts
from turnout.workflows.steps import Hook

APEX = "turn.example"


class Clock:
    """The clock of the store and of the ACME server. It may be set back when the test begins, and then goes on."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class IssuingLab:
    """What a test of certificates holds in its hands."""

    lab: Lab
    site: Site
    boxes: Boxes
    clock: Clock
    project_id: str = ""
    name: str = field(default_factory=lambda: f"app-{new_id('dom')[-10:]}.example.com")
    """The custom domain. All tests share one Restate, so each has another name."""

    async def ask(self, fqdn: str | None = None) -> Issuing:
        """Ask for a certificate, as the API does."""
        return await self.lab.store.ask_certificate(
            workspace_id=self.lab.workspace.id, project="p", fqdn=fqdn or self.name, actor="test"
        )

    async def issuing(self, fqdn: str | None = None) -> Issuing:
        """As it is."""
        found = await self.lab.store.find_issuing(fqdn=fqdn or self.name)
        assert found is not None
        return found

    async def until(self, true: Callable[[Issuing], bool], fqdn: str | None = None, *, within: float = 15) -> Issuing:
        """The issuing, once that is so."""
        found: Issuing | None = None
        try:
            async with patiently(within):
                while True:
                    found = await self.lab.store.find_issuing(fqdn=fqdn or self.name)
                    if found is not None and true(found):
                        return found
                    await self.lab.store.wait_for_change(timeout=0.5)
        except TimeoutError:
            pytest.fail(f"still not so: {found}")

    async def ended(self, *, turn: int, fqdn: str | None = None) -> Issuing:
        """The issuing, once the visit of that turn has ended."""
        return await self.until(lambda each: each.turn > turn, fqdn)

    async def obtain(self, fqdn: str | None = None) -> Certificate:
        """Ask, and wait for the certificate."""
        asked = await self.ask(fqdn)
        ended = await self.ended(turn=asked.turn, fqdn=fqdn)
        assert ended.status is IssuingStatus.ISSUED, ended.problem
        (certificate,) = await self.certificates(fqdn)
        return certificate

    async def visit(self, turn: int) -> str:
        """Have a visit made, and wait for its end."""
        body = {"issuing_id": (await self.issuing()).id, "turn": turn}
        answer = await self.lab.ingress.post(f"/Certificates/{self.name}/visit", json=body, timeout=60)
        return str(answer.raise_for_status().json())

    async def certificates(self, fqdn: str | None = None) -> list[Certificate]:
        """Those that are served for a name."""
        kept = await self.lab.store.list_certificates(workspace_id=self.lab.workspace.id)
        return [each for each in kept if each.names == (fqdn or self.name,)]

    async def prove(self, fqdn: str, *, project: str = "p") -> str:
        """A custom domain of a project, proved. Returns the project's id."""
        store = self.lab.store
        domain = await store.add_domain(
            workspace_id=self.lab.workspace.id, project=project, fqdn=fqdn, actor="test", proof_seconds=60, limit=9
        )
        finding = Finding(method=ProofMethod.TXT, problem=None)
        await store.record_check(domain_id=domain.id, check_round=domain.round, finding=finding, apex=APEX, again_in=60)
        return domain.project_id

    async def play_port_80(self) -> None:
        """Answer every challenge of the gateways' feed, and only then confirm its generation."""
        store = self.lab.store
        await store.gateway_connected(gateway_id="gw", region="local", at=self.clock())
        while True:
            feed = await store.gateway_feed(since=0)
            self.site.answers = {
                (each.fqdn, each.path): each.body for view in feed.projects for each in view.challenges
            }
            if self.lab.gateway_answers:
                await store.gateway_acknowledged(gateway_id="gw", generation=feed.generation, at=self.clock())
            await store.wait_for_change(timeout=1)


@asynccontextmanager
async def open_issuing_lab(
    restate: Restate,
    folder: Path,
    server: AcmeServer | Pebble,
    site: Site,
    *,
    clock: Clock | None = None,
    hook: Hook | None = None,
    play: Callable[[IssuingLab], Awaitable[None]] = IssuingLab.play_port_80,
    worker: Callable[[int], Awaitable[None]] | None = None,
) -> AsyncIterator[IssuingLab]:
    """The workflows with an ACME server, and a domain that project `p` has proved."""
    clock, masters = clock or Clock(), MasterKeys(folder / "keys.json")
    masters.make_if_missing()
    if isinstance(server, AcmeServer):
        server.clock = clock
    client = AcmeClient(server.directory, contact="ops@example.com", ca_file=server.ca_file)
    issuing = IssuingParts(acme=client, boxes=Boxes(masters), clock=clock, order_seconds=20)
    async with open_lab(
        restate,
        folder,
        hook=hook,
        limits=replace(LIMITS, step_seconds=20),
        clock=clock,
        issuing=issuing,
        acme=AcmeSettings(email="ops@example.com"),
        plays_gateway=False,
        worker=worker,
    ) as lab:
        made = IssuingLab(lab, site, Boxes(masters), clock)
        playing = asyncio.create_task(play(made))
        try:
            made.project_id = await made.prove(made.name)
            yield made
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
