"""One database, two ways in: `read()` sees one moment, `write()` is done whole or not at all.

The differences between SQLite and PostgreSQL end in this file (and in `changes`): above it there is one
SQL, spoken in one order of locks: counters last, and before them project, deployment, operation.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from turnout.domain.errors import Invalid
from turnout.store.faults import translated

Clock = Callable[[], datetime]
"""Tells the time, with its zone."""

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another one's lock before it is told to come back later."""

NOTIFY_CHANNEL: Final = "turnout"

_WRITES: Final = "turnout_writes"


def parse_url(url: str) -> URL:
    """Read a database URL. Raises Invalid for a database that Turnout does not work with."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Invalid("cannot read the database URL: write sqlite+aiosqlite:///… or postgresql+asyncpg://…") from None
    if parsed.drivername not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise Invalid(
            f"cannot use a database of the kind {parsed.drivername!r}: "
            "write sqlite+aiosqlite:///… or postgresql+asyncpg://…"
        )
    if parsed.drivername == "sqlite+aiosqlite" and parsed.database in {None, "", ":memory:"}:
        raise Invalid("cannot keep the store in memory: several connections have to see it; name a file")
    return parsed


def connect_engine(url: URL, *, pooled: bool = True) -> AsyncEngine:
    """An engine with the settings below. Nothing is opened yet."""
    if url.drivername.startswith("sqlite"):
        engine = create_async_engine(
            url,
            hide_parameters=True,
            # None: sqlite3 opens no transactions of its own; `_begin` does.
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
            **({} if pooled else {"poolclass": NullPool}),
        )
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        event.listen(engine.sync_engine, "begin", _begin)
        return engine
    return create_async_engine(
        url,
        hide_parameters=True,  # an error is logged; what was to be written is nobody's business
        connect_args={
            "timeout": 5,
            "command_timeout": 30,
            "server_settings": {
                "application_name": "turnout",
                "lock_timeout": str(int(BUSY_SECONDS * 1000)),
                # A worker that hangs in a transaction must not hold its locks against the others.
                "idle_in_transaction_session_timeout": "30000",
            },
        },
        **({"pool_pre_ping": True, "pool_timeout": 10} if pooled else {"poolclass": NullPool}),
    )


class Database:
    """An open database."""

    def __init__(self, url: URL, clock: Clock) -> None:
        self.now = clock
        self.url = url
        self.is_sqlite = url.drivername.startswith("sqlite")
        self.engine = connect_engine(url)
        self._writer = self.engine.execution_options(**{_WRITES: True})
        self._reader = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        # SQLite has one writer at a time. Those of this process queue up here, in order; only those of other
        # processes meet in SQLite's own lock, which is polled and knows no order.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Everything read inside belongs to one moment. Raises Unavailable when the database is away."""
        with translated():
            async with self._reader.connect() as tx, tx.begin():
                yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Commit at the end; roll back when anything raises.

        Raises Unavailable when the database is away, locked or full, and Conflict when a constraint says no.
        """
        with translated():
            async with AsyncExitStack() as stack:
                if self.is_sqlite:
                    await stack.enter_async_context(self._turn)
                tx = await stack.enter_async_context(self._writer.connect())
                _ = await stack.enter_async_context(tx.begin())
                yield tx
                if not self.is_sqlite:
                    await tx.execute(_NOTIFY)

    async def close(self) -> None:
        """Give the connections back."""
        await self.engine.dispose()


def insert_into(tx: AsyncConnection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT; both databases have it, in the same words but two classes."""
    return sqlite_dialect.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


# Delivered by PostgreSQL at the commit, and not at all after a rollback or when nothing was written.
_NOTIFY: Final = text(f"SELECT pg_notify('{NOTIFY_CHANNEL}', '') WHERE pg_current_xact_id_if_assigned() IS NOT NULL")


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.run_async(_prepare)


async def _prepare(driver: Any) -> None:
    await _use_wal(driver)
    # FULL: a commit is on the disk before it is told. NORMAL could forget the last switches in a power cut,
    # after the gateways have already acknowledged them. See docs/decisions/0015-store-sqlite-durability.md.
    await driver.execute("PRAGMA synchronous = FULL")
    await driver.execute("PRAGMA foreign_keys = ON")


async def _use_wal(driver: Any) -> None:
    """The file remembers it; only the very first connection changes anything, and that one may have to wait.

    SQLite does not apply the busy timeout to this change: two processes that meet a new file would wait for
    each other in a ring, so it tells one of them at once, which has to ask again.
    """
    give_up_at = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            await driver.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
        await asyncio.sleep(0.02)


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once. A plain BEGIN would take it at the first write, and fail there
    # without waiting when another process has written since the first read.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
