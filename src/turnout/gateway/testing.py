"""A store for tests of whoever uses the gateway: in memory, with the two ports and a switch to break it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from turnout.domain.errors import Unavailable
from turnout.domain.views import CertificateView, GatewayFeed, ProjectView, RouteView, TargetView


@dataclass(kw_only=True)
class MemoryStore:
    """Implements `GatewaySource` and `GatewayJournal`. `put` is the routing transaction."""

    away: bool = False
    """While set, everything raises Unavailable."""
    connected: set[str] = field(default_factory=set)
    seen: dict[str, datetime] = field(default_factory=dict)
    """The last heartbeats."""
    acknowledged: dict[str, list[int]] = field(default_factory=dict)
    rejected: list[tuple[str, int, str]] = field(default_factory=list)
    change: int = 0
    generation: int = 0

    def __post_init__(self) -> None:
        self._projects: dict[str, tuple[int, ProjectView]] = {}
        self._certificates: dict[str, tuple[int, CertificateView]] = {}
        self._told: asyncio.Condition = asyncio.Condition()
        self._waited_for = 0

    async def put(self, *views: ProjectView, routing: bool = True) -> int:
        """Replace these projects and return the generation. Not `routing`: only instances changed."""
        self.change += 1
        self.generation += routing
        for view in views:
            self._projects[view.project_id] = (self.change, view)
        await self._tell()
        return self.generation

    async def certify(self, *views: CertificateView) -> None:
        """Replace these certificates; one without a key is gone."""
        self.change += 1
        for view in views:
            self._certificates[view.id] = (self.change, view)
        await self._tell()

    async def until_acknowledged(self, generation: int, *, by: str, timeout: float = 10) -> None:
        """Return when that gateway has acknowledged that generation or a later one."""
        async with asyncio.timeout(timeout), self._told:
            await self._told.wait_for(lambda: max(self.acknowledged.get(by, [-1])) >= generation)

    async def until_rejected(self, generation: int, *, timeout: float = 10) -> str:
        """Return the error with which any gateway rejected that generation."""

        def errors() -> list[str]:
            return [error for _, rejected, error in self.rejected if rejected == generation]

        async with asyncio.timeout(timeout), self._told:
            await self._told.wait_for(errors)
        return errors()[0]

    async def until_disconnected(self, gateway_id: str, *, timeout: float = 10) -> None:
        """Return when that gateway is known to be gone."""
        async with asyncio.timeout(timeout), self._told:
            await self._told.wait_for(lambda: gateway_id not in self.connected)

    async def gateway_feed(self, *, since: int) -> GatewayFeed:
        """See `GatewaySource`."""
        self._check()
        views = tuple(view for change, view in self._projects.values() if change > since)
        certificates = tuple(view for change, view in self._certificates.values() if change > since)
        return GatewayFeed(change=self.change, generation=self.generation, projects=views, certificates=certificates)

    async def wait_for_change(self, *, timeout: float) -> None:
        """See `GatewaySource`."""
        try:
            async with asyncio.timeout(timeout), self._told:
                await self._told.wait_for(lambda: self.change != self._waited_for)
        except TimeoutError:
            return
        finally:
            self._waited_for = self.change

    async def gateway_connected(self, *, gateway_id: str, region: str, at: datetime) -> None:
        """See `GatewayJournal`."""
        self._check()
        self.connected.add(gateway_id)
        await self._tell()

    async def gateway_disconnected(self, *, gateway_id: str, at: datetime) -> None:
        """See `GatewayJournal`."""
        self._check()
        self.connected.discard(gateway_id)
        await self._tell()

    async def gateways_seen(self, *, gateway_ids: Sequence[str], at: datetime) -> None:
        """See `GatewayJournal`."""
        self._check()
        self.seen.update(dict.fromkeys(gateway_ids, at))

    async def gateway_acknowledged(
        self, *, gateway_id: str, generation: int, at: datetime, whole: bool = False
    ) -> None:
        """See `GatewayJournal`."""
        self._check()
        self.acknowledged.setdefault(gateway_id, []).append(generation)
        await self._tell()

    async def gateway_rejected(self, *, gateway_id: str, generation: int, error: str, at: datetime) -> None:
        """See `GatewayJournal`."""
        self._check()
        self.rejected.append((gateway_id, generation, error))
        await self._tell()

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the store is away, as the test asked")

    async def _tell(self) -> None:
        async with self._told:
            self._told.notify_all()


def project(
    project_id: str, routes: dict[str, str], targets: dict[str, list[str]], *, workspace_id: str = "ws_1"
) -> ProjectView:
    """A project view: domain to deployment, deployment to addresses."""
    return ProjectView(
        project_id=project_id,
        workspace_id=workspace_id,
        routes=tuple(RouteView(fqdn=fqdn, deployment_id=routes[fqdn]) for fqdn in sorted(routes)),
        targets=tuple(
            TargetView(deployment_id=name, addresses=tuple(sorted(targets[name]))) for name in sorted(targets)
        ),
    )
