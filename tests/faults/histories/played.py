"""krane and the gateway of a history, played: as the real ones they follow the store, and may be away for a while."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from tests.faults.histories.choices import App
from turnout.domain.documents import InstanceReport, RegionReport
from turnout.domain.errors import TurnoutError
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, RunSpec
from turnout.domain.statuses import InstanceStatus
from turnout.domain.views import ProjectView
from turnout.store import Store

REGION: Final = "local"
GATEWAY: Final = "gw"
REASON: Final = "exited with code 3; it printed: no database"
_SLOW_SECONDS: Final = 0.3
_GLANCE: Final = 0.1


class Krane:
    """Runs what shall run. An image is named after what becomes of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.there = asyncio.Event()
        self.there.set()
        self.runs: dict[str, InstanceReport] = {}
        self._began: dict[str, float] = {}
        self._started: set[str] = set()

    async def work(self) -> None:
        """Until cancelled."""
        revision: int | None = None
        await self._store.krane_connected(region=REGION, backends=[Backend.DOCKER])
        while True:
            await self.there.wait()
            with suppress(TurnoutError):
                state = await self._store.desired_state(region=REGION, since=revision)
                if state is not None:
                    for spec in state.deployments:
                        self._start(spec)
                    for gone in state.removed:
                        self.runs.pop(gone, None)
                    revision = state.revision
                self._let_pass()
                report = RegionReport(complete=True, backends=(Backend.DOCKER,), instances=tuple(self.runs.values()))
                await self._store.apply_region_report(region=REGION, report=report)
            await self._store.wait_for_change(timeout=_GLANCE if self._began else 1.0)

    def _start(self, spec: RunSpec) -> None:
        name = spec.deployment_id
        if name in self.runs:
            return
        app = app_of(spec.image)
        again = name in self._started
        self._started.add(name)
        if app is App.EXITS or (app is App.ONCE and again):
            self.runs[name] = _report(name, InstanceStatus.FAILED, reason=REASON)
            return
        self.runs[name] = _report(name, InstanceStatus.STARTING, reason="connection refused")
        if app is not App.NEVER:
            self._began[name] = time.monotonic() + (_SLOW_SECONDS if app is App.SLOW else 0.0)

    def _let_pass(self) -> None:
        """Those whose time has come pass their check."""
        for name, at in list(self._began.items()):
            if at <= time.monotonic() or name not in self.runs:
                del self._began[name]
                if name in self.runs:
                    said = {"status": InstanceStatus.RUNNING, "reason": None, "address": f"{name}.internal:80"}
                    self.runs[name] = self.runs[name].model_copy(update=said)


class Gateway:
    """Serves what it read last, and confirms it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.there = asyncio.Event()
        self.there.set()
        self.rejects = False
        self.projects: dict[str, ProjectView] = {}
        self.confirmed: dict[int, datetime] = {}
        """When it confirmed which generation. It confirms several at once."""
        self.rejected: set[int] = set()
        self.went_dark: list[tuple[str, str]] = []
        """Domains, each with its deployment, that had somewhere to go, and then had not although nothing moved them."""
        self._change = 0
        self._generation = 0
        self._lock = asyncio.Lock()

    async def work(self) -> None:
        """Until cancelled."""
        await self.connect()
        while True:
            await self.there.wait()
            async with self._lock:
                with suppress(TurnoutError):
                    await self._follow()
            await self._store.wait_for_change(timeout=1.0)

    async def connect(self) -> None:
        """Its stream begins, maybe anew."""
        await self._store.gateway_connected(gateway_id=GATEWAY, region=REGION, at=datetime.now(UTC))
        self._generation = 0

    async def reconnect(self, *, away: float) -> None:
        """Its stream ends, and begins anew."""
        async with self._lock:
            with suppress(TurnoutError):
                await self._store.gateway_disconnected(gateway_id=GATEWAY, at=datetime.now(UTC))
            await asyncio.sleep(away)
            await self.connect()

    async def _follow(self) -> None:
        feed = await self._store.gateway_feed(since=self._change)
        if feed.generation > self._generation and self.rejects:
            self.rejects = False
            self.rejected.add(feed.generation)
            self._generation = feed.generation
            await self._store.gateway_rejected(
                gateway_id=GATEWAY, generation=feed.generation, error="planted", at=datetime.now(UTC)
            )
            return
        for view in feed.projects:
            self._watch(view)
            self.projects[view.project_id] = view
        self._change = feed.change
        if feed.generation > self._generation:
            at = datetime.now(UTC)
            await self._store.gateway_acknowledged(gateway_id=GATEWAY, generation=feed.generation, at=at)
            self._generation = feed.generation
            self.confirmed[feed.generation] = at

    def _watch(self, view: ProjectView) -> None:
        before = self.projects.get(view.project_id)
        if before is None:
            return
        had = {target.deployment_id for target in before.targets if target.addresses}
        led = {route.fqdn for route in before.routes if route.deployment_id in had}
        has = {target.deployment_id for target in view.targets if target.addresses}
        self.went_dark += [
            (route.fqdn, route.deployment_id)
            for route in view.routes
            if route.fqdn in led and route.deployment_id not in has
        ]


def image_of(app: App, number: int) -> str:
    """An image that becomes what the app is."""
    return f"{app}:{number}"


def app_of(image: str) -> App:
    """What an image becomes."""
    return App(image.partition(":")[0])


def _report(deployment_id: str, status: InstanceStatus, *, reason: str | None) -> InstanceReport:
    return InstanceReport(id=new_id("ins"), deployment_id=deployment_id, slot=0, status=status, reason=reason)
