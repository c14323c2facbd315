"""Telling that something was committed, by this process or another one.

PostgreSQL says so itself (LISTEN). SQLite has no such call, but it can be asked: `PRAGMA data_version` on a
connection of our own changes exactly when another connection has committed. It reads shared memory and
takes no lock, so asking every 10 ms costs next to nothing (docs/decisions/0014-store-changes.md has the numbers,
and why watching the files is not enough).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from turnout.store.database import NOTIFY_CHANNEL, connect_engine

_LOG: Final = logging.getLogger(__name__)
_TICK: Final = 0.01
_RETRY: Final = 0.5
_ALIVE_EVERY: Final = 15.0


class Changes(ABC):
    """Counts commits, and remembers for each task up to which one it has been told.

    The memory is per task, not per store: two tasks that wait side by side would otherwise take each
    other's news away.
    """

    def __init__(self) -> None:
        self._count = 0
        self._told: WeakKeyDictionary[asyncio.Task[Any], tuple[int, float]] = WeakKeyDictionary()
        """Up to which commit, and when."""
        self._waiting: set[asyncio.Future[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def wait(self, *, timeout: float, breath: float = 0.0) -> None:
        """See Store.wait_for_change."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"  # noqa: S101
        if self._watch is None:
            self._watch = asyncio.create_task(self._run(), name="turnout-store-changes")
        count, at = self._told.get(task, (None, 0.0))
        if (early := at + breath - time.monotonic()) > 0:
            await asyncio.sleep(min(early, timeout))
        self._look()
        if count is None:
            # It may have read the store before: nobody knows what it has seen. Not quite at once, so that
            # a caller that starts a task for every call does not spin.
            await asyncio.sleep(min(_TICK, timeout))
        elif count == self._count:
            await self._next(timeout)
        self._told[task] = self._count, time.monotonic()

    async def close(self) -> None:
        """Stop watching; whoever waits returns."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        self._announce()

    async def _next(self, timeout: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await future
        finally:
            self._waiting.discard(future)

    def _announce(self) -> None:
        self._count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    @abstractmethod
    def _look(self) -> None:
        """Announce at once what can be noticed at once."""

    @abstractmethod
    async def _run(self) -> None:
        """Announce commits until cancelled."""


class SqliteChanges(Changes):
    """Asks SQLite every 10 ms, from the first wait on."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._file = str(url.database)
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    async def close(self) -> None:
        await super().close()
        if self._connection is not None:
            self._connection.close()

    def _look(self) -> None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._file, timeout=0, isolation_level=None)
            version: int = self._connection.execute("PRAGMA data_version").fetchall()[0][0]
        except sqlite3.Error:
            return  # no news; the caller's own queries say what is wrong
        if version != self._version:
            self._version = version
            self._announce()

    async def _run(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_TICK)


class PostgresChanges(Changes):
    """Listens on a connection of its own, and opens a new one when that breaks."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._engine: AsyncEngine = connect_engine(url, pooled=False)

    async def close(self) -> None:
        await super().close()
        await self._engine.dispose()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception:  # noqa: BLE001 - asyncpg's errors have no base in common with SQLAlchemy's
                _LOG.debug("the listening connection broke; opening a new one", exc_info=True)
            await asyncio.sleep(_RETRY)

    async def _listen(self) -> None:
        """Until the connection ends."""
        ended = asyncio.Event()
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda *_: ended.set())
            await driver.add_listener(NOTIFY_CHANNEL, lambda *_: self._announce())
            self._announce()  # whatever was committed while nobody listened
            while not ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ALIVE_EVERY):
                        await ended.wait()
                await driver.execute("SELECT 1", timeout=5)  # a connection that was cut silently raises here

    def _look(self) -> None:
        """The news come by themselves, with the next turn of the event loop."""


def watch(url: URL) -> Changes:
    """The right kind for the database."""
    return SqliteChanges(url) if url.drivername.startswith("sqlite") else PostgresChanges(url)
