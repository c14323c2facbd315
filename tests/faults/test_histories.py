"""Random histories of operations and faults, on a real Restate, a real store and a worker that is killed.

Which one failed, what happened in it and how to have it again is printed; `make soak` runs more of them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.faults.histories.generation import history
from tests.faults.histories.runner import run
from tests.faults.histories.world import open_world
from tests.faults.rows import Row
from tests.support import require
from tests.workflows.lab import Restate

pytestmark = pytest.mark.fault(Row.HISTORIES)
_POSTGRES = "TURNOUT_TEST_POSTGRES_URL"


@pytest.fixture(scope="module")
def server(restate_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restate]:
    """A server that the histories kill and start again."""
    server = Restate(restate_binary, tmp_path_factory.mktemp("restate"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def postgres() -> AsyncIterator[str]:
    """An empty database of the test's own."""
    require("postgres")
    url = make_url(os.environ[_POSTGRES]).set(database=f"turnout_test_{uuid.uuid4().hex[:12]}")
    await _administer(f'CREATE DATABASE "{url.database}"')
    yield url.render_as_string(hide_password=False)
    await _administer(f'DROP DATABASE "{url.database}" WITH (FORCE)')


async def _holds(server: Restate, folder: Path, seed: int, operations: int, database_url: str | None = None) -> None:
    made = history(seed, operations)
    async with open_world(server, folder, warm=made.warm, database_url=database_url) as world:
        ran = await run(world, made)
    assert not ran.broken, "\n".join([made.told(), "", "what did not hold:", *ran.broken])
    assert ran.operations == operations


# Two hundred operations in every run: one history whose replaced versions stay warm, one whose do not.
@pytest.mark.sample
@pytest.mark.parametrize("seed", [4, 10])
async def test_a_hundred_operations(server: Restate, tmp_path: Path, seed: int) -> None:
    """After every batch the store, krane, the gateway, Restate and the model agree, and no secret was told."""
    await _holds(server, tmp_path, seed, 100)


@pytest.mark.full
@pytest.mark.parametrize("seed", [101])
async def test_two_hundred_operations(server: Restate, tmp_path: Path, seed: int) -> None:
    """The same, and longer."""
    await _holds(server, tmp_path, seed, 200)


@pytest.mark.full
@pytest.mark.postgres
async def test_two_hundred_operations_on_postgresql(server: Restate, tmp_path: Path, postgres: str) -> None:
    """The same, with the other database."""
    await _holds(server, tmp_path, 105, 200, postgres)


async def _administer(statement: str) -> None:
    engine = create_async_engine(os.environ[_POSTGRES], poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()
