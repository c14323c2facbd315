"""A database that is locked, away or full is told as Unavailable, with what to do; a constraint as Conflict."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from tests.contract.store_kit import Clock, Yard
from tests.faults.rows import Row
from turnout.domain.errors import Conflict, Unavailable
from turnout.store import Store, database, migrate, open_store
from turnout.store.schema import instances, projects, routes


@pytest.fixture
async def sqlite_store(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    """A store on a file of its own that waits for locks a short time only."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    url = f"sqlite+aiosqlite:///{tmp_path / 'turnout.db'}"
    await migrate(url)
    async with open_store(url, clock=clock) as store:
        yield store


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_locked_file(sqlite_store: Store, tmp_path: Path) -> None:
    """Writers are told to come back; readers go on."""
    other = sqlite3.connect(tmp_path / "turnout.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked") as told:
        await sqlite_store.ensure_workspace(slug="acme")
    assert told.value.retryable
    await sqlite_store.ping()
    other.execute("ROLLBACK")
    await sqlite_store.ensure_workspace(slug="acme")
    other.close()


@pytest.mark.fault(Row.DISK_FULL)
async def test_a_full_disk(sqlite_store: Store) -> None:
    """Nothing is half written, and the sentence names the cause."""
    async with sqlite_store._db.engine.connect() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    async def fill() -> None:
        for number in range(2000):
            await sqlite_store.ensure_workspace(slug=f"w-{number}" * 20)

    with pytest.raises(Unavailable, match="the disk is full; free some space"):
        await fill()
    await sqlite_store.ping()


async def test_a_missing_folder(tmp_path: Path) -> None:
    """The sentence says what to check."""
    with pytest.raises(Unavailable, match="cannot be opened"):
        await migrate(f"sqlite+aiosqlite:///{tmp_path / 'nowhere' / 'turnout.db'}")
    await asyncio.sleep(0.05)  # the driver's thread ends a moment after its failed connection is told


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_server_that_is_away() -> None:
    """Nobody listens on that port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Unavailable, match="cannot be reached"):
        await migrate(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_caller_that_goes_away_leaves_nothing(yard: Yard) -> None:
    """Cancelled at any moment: the transaction is rolled back, and the next one finds no lock."""
    before = await yard.dump()
    for hops in range(0, 60, 3):
        admitting = asyncio.create_task(yard.admit())
        for _ in range(hops):
            await asyncio.sleep(0)
        admitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await admitting
    assert await yard.dump() == before
    await asyncio.wait_for(yard.admit(), 5)


async def test_the_schema_forbids_what_the_code_forgets(yard: Yard) -> None:
    """Twice one domain, another project's deployment, an unknown status: refused, nothing changed."""
    v1 = await yard.ship()
    other = await yard.ship(project="other")
    project = await yard.project()
    route = (await yard.store.routes_of(project_id=project.id))[0]
    columns = {
        "project_id": route.project_id,
        "environment_id": route.environment_id,
        "deployment_id": v1.id,
        "sticky": "live",
    }
    forbidden = (
        insert(routes).values(id="rte_1", fqdn=route.fqdn, **columns),
        insert(routes).values(id="rte_2", fqdn="Upper.example", **columns),
        insert(routes).values(id="rte_3", fqdn="x.example", **(columns | {"deployment_id": other.id})),
        insert(routes).values(id="rte_4", fqdn="x.example", **(columns | {"sticky": "branch"})),
        update(projects).where(projects.c.id == project.id).values(live_deployment_id=other.id),
        update(instances).values(status="gone"),
    )
    before = await yard.dump()
    for statement in forbidden:
        with pytest.raises(Conflict, match="nothing was changed"):
            async with yard.store._db.write() as tx:
                await tx.execute(statement)
    assert await yard.dump() == before
