"""The migrations make exactly the tables that the code speaks of."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from turnout.domain.errors import Invalid, Unavailable
from turnout.store import migrate, open_store
from turnout.store.database import connect_engine, parse_url
from turnout.store.schema import metadata


async def with_connection(url: str, work: Any) -> Any:
    """Do synchronous work in a transaction of its own that is rolled back."""
    engine = connect_engine(parse_url(url), pooled=False)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def test_alembic_finds_no_difference(database_url: str) -> None:
    """Columns, types, indexes, unique and foreign keys."""

    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await with_connection(database_url, differences) == []


async def test_every_definition_is_the_same(database_url: str) -> None:
    """Also the checks and the partial indexes, which Alembic does not compare."""

    def both(connection: Connection) -> tuple[set[str], set[str]]:
        migrated = definitions(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        metadata.drop_all(connection)
        metadata.create_all(connection)
        return migrated, definitions(connection)

    migrated, created = await with_connection(database_url, both)
    assert migrated == created
    assert len(migrated) > 30


def definitions(connection: Connection) -> set[str]:
    """Every table, constraint and index as the database itself tells it."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        return {in_one_order(sql) for sql in found if "alembic" not in sql}
    columns = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable"
    queries = (
        f"{columns} FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    )
    told = {line for query in queries for line in connection.execute(text(query)).scalars()}
    return {line for line in told if "alembic" not in line}


def in_one_order(sql: str) -> str:
    """The lines of a CREATE TABLE, sorted: constraints may be written in any order.

    SQLite writes the columns that a later migration adds behind the last of the first ones, in its line.
    """
    sql = re.sub(r'^CREATE TABLE "(\w+)"', r"CREATE TABLE \1", sql)  # one that was renamed has it in quotes
    lines = [line.strip() for line in sql.splitlines()]
    parts = [part for line in lines for part in ([line] if "(" in line else line.split(", "))]
    return "\n".join(sorted(re.sub(r",$", "", part.strip()) for part in parts))


async def test_migrating_again_and_at_once_is_harmless(tmp_path: Path) -> None:
    """Server and worker may start together."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    await migrate(url)
    async with open_store(url) as store:
        assert await store.generation() == 0


async def test_a_store_that_was_not_migrated_is_not_opened(tmp_path: Path) -> None:
    """The error says what to do."""
    with pytest.raises(Unavailable, match="migrate it first"):
        async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"):
            pass


async def test_a_newer_store_is_opened(database_url: str) -> None:
    """Old workers go on beside a new server."""
    engine = connect_engine(parse_url(database_url), pooled=False)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    async with open_store(database_url) as store:
        await store.ping()


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "nonsense", "sqlite:///x.db"]
)
async def test_databases_that_turnout_does_not_work_with(url: str) -> None:
    """Told before anything is opened."""
    with pytest.raises(Invalid, match="cannot"):
        await migrate(url)
