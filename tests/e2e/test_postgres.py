"""The main job with PostgreSQL as the store, as a team would run it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.kit import App, Traffic, Turnout
from tests.support import require


@pytest.fixture
def database_url() -> Iterator[str]:
    """A database of its own on the server that the tests were given."""
    require("postgres")
    server = os.environ["TURNOUT_TEST_POSTGRES_URL"]
    name = f"turnout_e2e_{secrets.token_hex(4)}"
    asyncio.run(_execute(server, f'CREATE DATABASE "{name}"'))
    yield server.rpartition("/")[0] + f"/{name}"
    asyncio.run(_execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.mark.postgres
def test_the_main_job_on_postgresql(database_url: str, tmp_path: Path) -> None:
    """Deploy twice, roll back, promote: the same as on SQLite, and no request fails."""
    turnout = Turnout(tmp_path / "home", TURNOUT_DATABASE_URL=database_url)
    turnout.up("--backend", "process")
    try:
        app = App(turnout, tmp_path, "pg", replicas=2)
        first = app.deploy("v1")
        with Traffic(turnout, app.live_domain) as traffic:
            second = app.deploy("v2")
            assert app.rollback()["live_deployment_id"] == first["deployment_id"]
            assert app.serves() == "v1"
            assert app.promote(second["deployment_id"])["live_deployment_id"] == second["deployment_id"]
            assert app.serves() == "v2"
        assert traffic.failures == []
        assert not (turnout.home / "turnout.db").exists()
    finally:
        turnout.down()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
