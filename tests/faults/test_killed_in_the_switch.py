"""`kill -9` between the statements of the switch and before its commit: it leaves nothing, on either database."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store, yard
from tests.contract.store_kit import LIVE, Clock, Yard
from tests.faults.rows import Row
from tests.support import PATIENCE
from turnout.domain.plans import SwitchRequest, UnsentOperation
from turnout.store import open_store

__all__ = ["clock", "database_url", "postgres_template", "sqlite_template", "store", "yard"]  # fixtures

pytestmark = pytest.mark.fault(Row.STORE_AWAY)

_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(["turnout.store", "aiosqlite", "asyncpg"])


@dataclass(frozen=True)
class Doomed:
    """A process that is killed in its switch: in place of the statement of that number, or of the commit."""

    url: str
    request: SwitchRequest
    number: int | None = None
    """None: the commit."""

    def lives(self) -> bool:
        """Whether it came through, because the switch has fewer statements than that."""
        process = _SPAWN.Process(target=self._run)
        process.start()
        process.join(60 * PATIENCE)
        assert process.exitcode in (0, -signal.SIGKILL), f"it ended with {process.exitcode}"
        return process.exitcode == 0

    def _run(self) -> None:
        asyncio.run(self._switch())

    async def _switch(self) -> None:
        async with open_store(self.url, clock=Clock()) as opened:
            engine, seen = opened._db.engine.sync_engine, count(1)

            def on_statement(*_: Any) -> None:
                if next(seen) == self.number:
                    os.kill(os.getpid(), signal.SIGKILL)

            def on_commit(*_: Any) -> None:
                if self.number is None:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(engine, "before_cursor_execute", on_statement)
            event.listen(engine, "commit", on_commit)
            await opened.switch(self.request)


async def begin(yard: Yard, kind: str) -> UnsentOperation:
    """An operation that has only to switch."""
    first = await yard.ship()
    if kind == "deploy":
        deploy = await yard.admit()
        await yard.start(deploy)
        return deploy
    second = await yard.ship()
    if kind == "rollback":
        return await yard.ask_rollback(to=first.id)
    await yard.rollback(to=first.id)
    return await yard.ask_promote(second.id)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["deploy", "rollback", "promote"])
async def test_at_every_statement(yard: Yard, database_url: str, kind: str, subtests: pytest.Subtests) -> None:
    """Nothing of it is there afterwards, nothing stays locked, and whoever comes next switches once."""
    asked = await begin(yard, kind)
    before, generation = await yard.dump(), await yard.store.generation()
    for number in count(1):
        with subtests.test(msg=f"killed at statement {number}"):
            doomed = Doomed(database_url, yard.request(asked), number)
            if await asyncio.to_thread(doomed.lives):
                break
            assert await yard.dump() == before, f"the switch that was killed at statement {number} left something"
    assert number > 10, "a switch has more statements than that"
    assert await yard.store.generation() == generation + 1
    again = await yard.switch(asked)
    assert again.generation == generation + 1, "a repeat finds what was done"
    assert (await yard.serves())[LIVE] == asked.deployment_id


async def test_before_the_commit(yard: Yard, database_url: str) -> None:
    """The last moment at which it has not happened: every row is written, and none is there."""
    asked = await begin(yard, "deploy")
    before = await yard.dump()
    assert not await asyncio.to_thread(Doomed(database_url, yard.request(asked)).lives)
    assert await yard.dump() == before
    result = await asyncio.wait_for(yard.switch(asked), 30)
    assert (await yard.serves())[LIVE] == asked.deployment_id
    assert result.generation == 2
