"""The store of the contract tests: on SQLite always, on PostgreSQL when TURNOUT_TEST_POSTGRES_URL names one.

Each test has a database of its own, copied from one that was migrated once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import URL, make_url

from tests.contract.store_kit import Clock, Yard
from tests.support import require
from turnout.store import Store, migrate, open_store

_POSTGRES = "TURNOUT_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file."""
    file = tmp_path_factory.mktemp("store") / "template.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[URL]:
    """A migrated database."""
    require("postgres")
    url = make_url(os.environ[_POSTGRES]).set(database=_fresh_name())
    asyncio.run(_administer(f'CREATE DATABASE "{url.database}"'))
    asyncio.run(migrate(_text(url)))
    yield url
    asyncio.run(_administer(f'DROP DATABASE "{url.database}"'))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    if request.param == "sqlite":
        file = tmp_path / "turnout.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite+aiosqlite:///{file}"
        return
    template: URL = request.getfixturevalue("postgres_template")
    url = template.set(database=_fresh_name())
    asyncio.run(_administer(f'CREATE DATABASE "{url.database}" TEMPLATE "{template.database}" STRATEGY FILE_COPY'))
    yield _text(url)
    asyncio.run(_administer(f'DROP DATABASE "{url.database}" WITH (FORCE)'))


@contextmanager
def empty_postgres() -> Iterator[str]:
    """A database of the test's own, without any table."""
    require("postgres")
    url = make_url(os.environ[_POSTGRES]).set(database=_fresh_name())
    asyncio.run(_administer(f'CREATE DATABASE "{url.database}"'))
    yield _text(url)
    asyncio.run(_administer(f'DROP DATABASE "{url.database}" WITH (FORCE)'))


@pytest.fixture
def clock() -> Clock:
    """The store's clock."""
    return Clock()


@pytest.fixture
async def store(database_url: str, clock: Clock) -> AsyncIterator[Store]:
    """An open store."""
    async with open_store(database_url, clock=clock) as opened:
        yield opened


@pytest.fixture
async def yard(store: Store, clock: Clock) -> Yard:
    """The workspace `acme` in that store."""
    return Yard(store, clock, await store.ensure_workspace(slug="acme"))


@pytest.fixture
def another_yard(store: Store, clock: Clock) -> Callable[[str], Awaitable[Yard]]:
    """A second workspace in the same store."""

    async def make(slug: str) -> Yard:
        return Yard(store, clock, await store.ensure_workspace(slug=slug))

    return make


def _fresh_name() -> str:
    return f"turnout_test_{uuid.uuid4().hex[:12]}"


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


async def _administer(statement: str) -> None:
    connection = await asyncpg.connect(_text(make_url(os.environ[_POSTGRES]).set(drivername="postgresql")))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
