"""Stores that earlier versions have left, with what a user had done in them, are brought up to date whole.

`tests/data/stores` holds one for some of the revisions: two versions of an app, a preview, a rollback, a version that
was deployed after it, and a deploy that failed. Each was made by the version of that time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, inspect, text

from tests.contract.conftest import empty_postgres
from tests.contract.store_kit import REGION, Clock, Yard
from turnout.domain.records import Backend
from turnout.domain.statuses import DeploymentStatus
from turnout.store import migrate, open_store
from turnout.store import migrate as migrating
from turnout.store.database import connect_engine, parse_url

OLD = sorted((Path(__file__).parents[1] / "data" / "stores").glob("*.sql"))
SAME = (
    "SELECT slug, live_deployment_id, rolled_back FROM projects ORDER BY slug",
    "SELECT id, status, reason, git_commit_sha FROM deployments ORDER BY id",
    "SELECT fqdn, deployment_id FROM routes ORDER BY fqdn",
    "SELECT generation, kind FROM switches ORDER BY generation",
    "SELECT id, kind, status, reason FROM operations ORDER BY id",
    "SELECT hash, access FROM tokens ORDER BY id",
    "SELECT count(*) FROM operation_steps",
    "SELECT count(*) FROM audit_log",
)
"""What is told as before."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/turnout.db"
    else:
        with empty_postgres() as url:
            yield url


@pytest.mark.parametrize("old", OLD, ids=lambda file: file.stem)
async def test_an_old_store_is_brought_up_to_date(old: Path, empty_url: str, tmp_path: Path) -> None:
    """Nothing is lost, what was live is live, and everything that can be asked for works in it."""
    await _put(old, empty_url, tmp_path / "old.db")
    before = await _within(empty_url, _told)
    await migrate(empty_url)
    assert await _within(empty_url, _told) == before
    await migrate(empty_url)

    clock = Clock()
    async with open_store(empty_url, clock=clock) as store:
        yard = Yard(store, clock, await store.ensure_workspace(slug="default"))
        await store.krane_connected(region=REGION, backends=(Backend.DOCKER, Backend.PROCESS))
        project = await yard.project("shop")
        assert project.rolled_back
        listed = await store.list_deployments(project_id=project.id, limit=100)
        assert [each.status for each in listed].count(DeploymentStatus.READY) == 4
        history = await store.history(project_id=project.id)
        assert [each.generation for each in history] == sorted((each.generation for each in history), reverse=True)
        shipped = await yard.ship(project="shop")
        await yard.promote(shipped.id)
        assert (await yard.project("shop")).live_deployment_id == shipped.id


async def _put(old: Path, url: str, copy: Path) -> None:
    """Make the database what the file says: SQLite reads it, PostgreSQL gets the rows in tables of that revision."""
    file = Path(url.removeprefix("sqlite+aiosqlite:///")) if url.startswith("sqlite") else copy
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(old.read_text())
    if file == copy:
        await _within(url, lambda connection: _copy(copy, old.stem, connection))


def _copy(source: Path, revision: str, target: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__code__.co_filename).parent / "migrations"))
    config.attributes["connection"] = target
    command.upgrade(config, revision)
    tables = MetaData()
    tables.reflect(target)
    engine = create_engine(f"sqlite:///{source}")
    with engine.connect() as reading:
        held = MetaData()
        held.reflect(reading)
        target.execute(text("SET session_replication_role = replica"))  # rows in any order
        for table in tables.tables.values():
            rows = [
                {name: _value(value) for name, value in row.items()}
                for row in reading.execute(held.tables[table.name].select()).mappings()
            ]
            if table.name != "alembic_version":
                target.execute(table.delete())
                if rows:
                    target.execute(table.insert(), rows)
        target.execute(text("SET session_replication_role = DEFAULT"))
        _follow(target, tables)
    engine.dispose()


def _value(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _follow(target: Connection, tables: MetaData) -> None:
    """Let sequences go on behind the rows."""
    for table in tables.tables.values():
        for column in inspect(target).get_columns(table.name):
            sequence = target.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column["name"]}
            ).scalar_one_or_none()
            if sequence is not None:
                target.execute(
                    text(f"SELECT setval('{sequence}', (SELECT coalesce(max({column['name']}), 1) FROM {table.name}))")
                )


def _told(connection: Connection) -> list[list[tuple[Any, ...]]]:
    return [[tuple(row) for row in connection.execute(text(query))] for query in SAME]


async def _within(url: str, work: Any) -> Any:
    """Do synchronous work in one transaction."""
    engine = connect_engine(parse_url(url), pooled=False).execution_options(turnout_writes=True)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
        await asyncio.sleep(0)
