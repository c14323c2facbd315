"""Writes down what gateways say, in order, however long the journal is away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.domain.views import GatewayJournal
from turnout.gateway.verdicts import Acknowledged, Verdict

log = logging.getLogger(__name__)

_LONGEST_PAUSE: Final = 1.0
"""Seconds between two attempts while the journal is away, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connected:
    """A gateway opened its first stream."""

    region: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Disconnected:
    """Its last stream ended."""


Event = Connected | Disconnected | Verdict


class Scribe:
    """A queue in front of the journal: `note` never waits and never fails, `run` writes.

    One queue for all gateways keeps the order, which is part of what an entry means. An acknowledgement
    that is still waiting is replaced by a later one of the same gateway, so the queue stays short while
    the journal is away.
    """

    def __init__(self, journal: GatewayJournal) -> None:
        self._journal = journal
        self._waiting: deque[tuple[str, Event, datetime]] = deque()
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def note(self, gateway_id: str, event: Event, at: datetime) -> None:
        """Have this written after everything noted before."""
        if isinstance(event, Acknowledged) and self._waiting:
            last_gateway, last, _ = self._waiting[-1]
            if last_gateway == gateway_id and isinstance(last, Acknowledged):
                self._waiting.pop()
        self._waiting.append((gateway_id, event, at))
        self._idle.clear()
        self._something.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._write_one(*self._waiting.popleft())
            self._idle.set()

    async def written(self, *, timeout: float) -> bool:
        """Wait until everything noted so far is written; False when that takes longer."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _write_one(self, gateway_id: str, event: Event, at: datetime) -> None:
        pause = 0.05
        while True:
            try:
                await self._write(gateway_id, event, at)
            except Unavailable as error:
                log.warning("cannot write down what gateway %s said yet: %s", gateway_id, error.detail)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def _write(self, gateway_id: str, event: Event, at: datetime) -> None:
        match event:
            case Connected(region=region):
                await self._journal.gateway_connected(gateway_id=gateway_id, region=region, at=at)
            case Disconnected():
                await self._journal.gateway_disconnected(gateway_id=gateway_id, at=at)
            case Acknowledged(generation=generation, whole=whole):
                await self._journal.gateway_acknowledged(
                    gateway_id=gateway_id, generation=generation, whole=whole, at=at
                )
            case _:
                await self._journal.gateway_rejected(
                    gateway_id=gateway_id, generation=event.generation, error=event.error, at=at
                )
