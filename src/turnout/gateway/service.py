"""The gateway's control plane in one object: reads the store, serves Envoys, writes down their answers.

One of these runs next to each Envoy, in a process apart from the rest of the control plane (see the decision
page on the snapshot). Its Envoy then always finds it, whatever became of the store, the API or the network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from turnout.domain.errors import Unavailable
from turnout.domain.views import GatewayFeed, GatewayJournal, GatewaySource
from turnout.gateway.ads import AdsServer, GatewayStatus
from turnout.gateway.checks import Checks
from turnout.gateway.policies.https import Redirect
from turnout.gateway.scribe import Scribe
from turnout.gateway.secrets import Opener, Secrets
from turnout.gateway.snapshot import SnapshotKeeper, load_snapshot
from turnout.gateway.state import State

log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = 5.0
"""Seconds after which the store is read even though it announced no change."""

_FIRST_READ: Final = 3.0
"""Seconds after which a store that does not answer counts as away, as long as nothing is served yet."""

_READ: Final = 30.0
"""The same, once something is served."""

_HEARTBEAT: Final = 5.0
"""Seconds between two signs of life. Whoever watches counts three of them."""

_CERTIFICATES: Final = 60.0
"""Seconds after which it is looked at whether a certificate has ended, or is about to."""

_LONGEST_PAUSE: Final = 1.0
"""Seconds between two attempts while the store is away, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceStatus:
    """How the service is doing."""

    generation: int
    """The newest routing transaction it knows of."""
    store_away: bool
    """It serves the last thing it knew, and goes on trying."""
    gateways: tuple[GatewayStatus, ...]


class GatewayService:
    """Follows the store and keeps every connected Envoy at its newest state.

    Use `async with` to have it run in the background of a test or a bigger program, or `run()` to be it.
    """

    def __init__(
        self,
        *,
        source: GatewaySource,
        journal: GatewayJournal,
        home: Path,
        listen: str = "127.0.0.1:0",
        authorise: Callable[[str], bool] | None = None,
        keys: Opener | None = None,
        redirect: Redirect | None = None,
        checks: Checks | None = None,
    ) -> None:
        """`home`/gateway holds the snapshot. `listen` and `authorise` are the ADS server's.

        `keys` opens the private keys of certificates; without it nothing is served over HTTPS. `redirect` says
        which domains' plain requests are sent there; None leaves all of them alone. Without `checks` the routes
        whose requests are to be checked answer 503.
        """
        self._source = source
        self._state = State(redirect.complete) if redirect is not None else State()
        self._journal = journal
        self._scribe = Scribe(journal)
        self._snapshot_path = home / "gateway" / "snapshot.jsonl"
        self._keeper = SnapshotKeeper(self._snapshot_path, self._state)
        self._tasks: list[asyncio.Task[None]] = []
        self._store_away = False
        self._checks = checks
        secrets = Secrets(self._state, keys)
        self.ads = AdsServer(
            state=self._state, scribe=self._scribe, secrets=secrets, listen=listen, authorise=authorise
        )

    async def start(self) -> None:
        """Begin to serve: what the store says, or the snapshot until the store can be read."""
        await self.ads.start()
        for work in (self._follow(), self._scribe.run(), self._keeper.run(), self._renew(), self._beat()):
            self._tasks.append(asyncio.create_task(work))
        if self._checks is not None:
            self._tasks.append(asyncio.create_task(self._checks.run()))

    async def stop(self) -> None:
        """Close the streams, write down what they still said, and leave the newest snapshot behind."""
        await self.ads.stop()
        await self._scribe.written(timeout=1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._keeper.flush()

    async def run(self) -> None:
        """Serve until cancelled. Ends with the error when a part of it fails in a way nobody foresaw."""
        async with self:
            await self.watch()

    async def watch(self) -> None:
        """Wait for a part to fail in a way nobody foresaw, and raise its error.

        Whoever uses `async with` in a process of its own awaits this beside its other work: a gateway
        that no longer follows the store must end and be started again, not look alive.
        """
        await asyncio.gather(*self._tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def status(self) -> ServiceStatus:
        """What it knows, and which gateways follow."""
        return ServiceStatus(generation=self._state.generation, store_away=self._store_away, gateways=self.ads.status())

    async def _follow(self) -> None:
        # Everything is read once at every start, the snapshot notwithstanding: the store may have been
        # restored from a backup since.
        since, pause = 0, 0.05
        while True:
            try:
                feed = await self._read(since)
                await self._take(feed, whole=since == 0)
                since, pause, self._store_away = feed.change, 0.05, False
                await self._source.wait_for_change(timeout=_LOOK_AGAIN)
            except Unavailable as error:
                if not self._store_away:
                    log.warning("the store is away, what was last known is served: %s", error.detail)
                self._store_away = True
                if not self._state.loaded:
                    await self._load_snapshot()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _beat(self) -> None:
        """Say that the connected gateways are. A process that is killed cannot say that they are not any more."""
        while True:
            await asyncio.sleep(_HEARTBEAT)
            connected = sorted({each.gateway_id for each in self.ads.status()})
            if connected:
                # Away: then nobody can tell whether we are, either.
                with suppress(Unavailable):
                    await self._journal.gateways_seen(gateway_ids=connected, at=datetime.now(UTC))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_CERTIFICATES)
            self.ads.look_again()

    async def _read(self, since: int) -> GatewayFeed:
        limit = _READ if self._state.loaded else _FIRST_READ
        try:
            async with asyncio.timeout(limit):
                return await self._source.gateway_feed(since=since)
        except TimeoutError:
            raise Unavailable(f"the store did not answer within {limit:.0f} seconds") from None

    async def _load_snapshot(self) -> None:
        feed = await asyncio.to_thread(load_snapshot, self._snapshot_path)
        if feed is None:
            log.warning("there is no snapshot either: gateways keep what they have")
            return
        await self._take(feed, whole=True, insist=False)

    async def _take(self, feed: GatewayFeed, *, whole: bool, insist: bool = True) -> None:
        """What a route needs is there before Envoy hears of the route, and goes after it."""
        if self._checks is not None:
            await self._checks.prepare(feed.projects, insist=insist)
        self._apply(feed, whole=whole)
        if self._checks is not None:
            await self._checks.settle(self._state.views.values())

    def _apply(self, feed: GatewayFeed, *, whole: bool) -> None:
        changes = self._state.apply(feed, whole=whole)
        for project_id, error in changes.unplannable.items():
            log.error("project %s keeps its old configuration: %s", project_id, error)
        self.ads.publish(changes)
        self._keeper.changed()
