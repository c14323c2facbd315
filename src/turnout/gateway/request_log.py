"""Looks after the access log: counts what comes, and moves it aside when it is large. Envoy never waits for it.

While a part of this is away, lines go on into whatever file Envoy has open, and are counted afterwards.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.domain.requests import older
from turnout.gateway.admin import Admin
from turnout.gateway.tally import Tally
from turnout.tail import Position, Tail

log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 0.25
"""Seconds. Envoy writes as often."""


class RequestLog:
    """One access log of one Envoy."""

    def __init__(self, path: Path, *, limit_bytes: int, admin: Admin, tally: Tally) -> None:
        """The log and its older half have `limit_bytes` together, but for what comes between two looks."""
        self._path = path
        self._note = path.with_name(f"{path.name}.counted")
        self._limit = limit_bytes // 2
        self._admin = admin
        self._tally = tally
        self._tail = Tail(path, older(path), after=_read_note(self._note))
        self._noted: Position | None = None

    async def run(self) -> None:
        """Count and rotate until cancelled; what was counted is remembered for whoever comes next."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            await self._count()
            self._tail.close()

    async def look(self) -> None:
        """Count what is new, then move the file aside if it is large."""
        try:
            await self._count()
            await self._rotate()
        except OSError as error:
            log.error("cannot look after %s: %s", self._path, error)  # noqa: TRY400  # the message is enough
        except Unavailable as error:
            log.warning("the access log is opened anew later: %s", error.detail)

    async def _count(self) -> None:
        while lines := self._tail.lines():
            self._tally.count(lines)
            await asyncio.sleep(0)  # whoever else is served by this process comes first
        position = self._tail.position
        if position is not None and position != self._noted:
            # Not synced: after a power cut some lines are counted twice, and the disk is spared four times a second.
            beside = self._note.with_suffix(".new")
            beside.write_text(json.dumps(asdict(position)))
            beside.replace(self._note)
            self._noted = position

    async def _rotate(self) -> None:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            # Moved aside, by us or by whoever was here before, and Envoy still writes into it.
            if older(self._path).exists():
                await self._admin.reopen_logs()
            return
        if size > self._limit:
            self._path.replace(older(self._path))
            await self._admin.reopen_logs()


def _read_note(note: Path) -> Position | None:
    try:
        position = json.loads(note.read_bytes())
        return Position(str(position["file"]), int(position["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
