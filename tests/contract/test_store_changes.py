"""Being told of commits: soon, by everybody who waits, and never too late."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from sqlalchemy import text

from tests.contract.store_kit import Clock, Yard
from tests.faults.rows import Row
from turnout.domain.errors import Unavailable
from turnout.store import Store, open_store

LONG = 20.0
SOON = 2.0


async def settle(store: Store) -> None:
    """Let the task's first call, and what is still on its way, pass."""
    for _ in range(3):
        await store.wait_for_change(timeout=0.05)


async def took(store: Store, timeout: float) -> float:
    """How long a wait lasted."""
    began = time.monotonic()
    await store.wait_for_change(timeout=timeout)
    return time.monotonic() - began


async def test_a_wait_ends_at_its_timeout(yard: Yard) -> None:
    """When nothing happens."""
    await settle(yard.store)
    assert 0.15 < await took(yard.store, 0.2) < SOON


async def test_a_commit_of_another_process_wakes(yard: Yard, database_url: str, clock: Clock) -> None:
    """A second store on the same database stands for it."""
    async with open_store(database_url, clock=clock) as second:
        await settle(second)
        for number in range(5):
            waiting = asyncio.create_task(took(second, LONG))
            await asyncio.sleep(0.05)
            await yard.store.ensure_workspace(slug=f"w-{number}")
            assert await waiting < SOON


async def test_a_commit_between_two_calls_wakes_the_next_at_once(yard: Yard, database_url: str, clock: Clock) -> None:
    """Nothing is slept through."""
    async with open_store(database_url, clock=clock) as second:
        await settle(second)
        for number in range(10):
            await yard.store.ensure_workspace(slug=f"w-{number}")
            assert await took(second, LONG) < SOON
            await settle(second)


async def test_a_commit_of_the_own_process_wakes(yard: Yard) -> None:
    """The gateway and the API may share a store."""
    await settle(yard.store)
    await yard.store.ensure_workspace(slug="own")
    assert await took(yard.store, LONG) < SOON


async def test_waiters_do_not_take_each_others_news(yard: Yard) -> None:
    """One that is slow to come back still learns what another one has learnt already."""
    returned: list[str] = []
    going_to_wait, slow_is_there, slow_may_go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def quick() -> None:
        await settle(yard.store)
        going_to_wait.set()
        await yard.store.wait_for_change(timeout=LONG)
        returned.append("quick")
        slow_may_go_on.set()

    async def slow() -> None:
        await settle(yard.store)
        slow_is_there.set()
        await slow_may_go_on.wait()
        await yard.store.wait_for_change(timeout=LONG)
        returned.append("slow")

    both = asyncio.gather(quick(), slow())
    await going_to_wait.wait()
    await slow_is_there.wait()
    await yard.store.ensure_workspace(slug="news")
    await asyncio.wait_for(both, SOON)
    assert returned == ["quick", "slow"]


async def test_a_task_that_comes_for_the_first_time_does_not_wait(yard: Yard) -> None:
    """Nobody knows what it has seen; so it looks again."""
    await settle(yard.store)
    assert await asyncio.create_task(took(yard.store, LONG)) < SOON


async def test_what_is_refused_or_read_wakes_nobody(yard: Yard) -> None:
    """Only commits that wrote something do."""
    await settle(yard.store)
    await yard.store.gateway_feed(since=0)
    await yard.store.settle_wait(awakeable_id="nobody")
    assert await took(yard.store, 0.2) > 0.15


async def test_a_breath_lies_between_two_returns(yard: Yard) -> None:
    """Who looks at much is not told of each change, and of none too late."""
    await settle(yard.store)
    began = time.monotonic()
    for number in range(2):
        await yard.store.ensure_workspace(slug=f"w-{number}")
        await yard.store.wait_for_change(timeout=LONG, breath=0.3)
    assert 0.3 <= time.monotonic() - began < SOON


async def test_who_is_cancelled_when_news_come_ends(yard: Yard) -> None:
    """A cancellation is never lost, or the server would go on after it was told to stop."""
    going_to_wait = asyncio.Event()

    async def follow() -> None:
        await settle(yard.store)
        going_to_wait.set()
        while True:
            await yard.store.wait_for_change(timeout=LONG)

    following = asyncio.create_task(follow())
    await going_to_wait.wait()  # it runs until the next thing that it waits for: the news
    yard.store._changes._announce()
    following.cancel()
    await asyncio.wait([following], timeout=SOON)
    assert following.cancelled()


async def test_closing_the_store_wakes_whoever_waits(database_url: str, clock: Clock) -> None:
    """Nobody hangs on a store that is gone."""
    going_to_wait = asyncio.Event()

    async def wait(store: Store) -> float:
        await settle(store)
        going_to_wait.set()
        return await took(store, LONG)

    async with open_store(database_url, clock=clock) as store:
        waiting = asyncio.create_task(wait(store))
        await going_to_wait.wait()
    assert await asyncio.wait_for(waiting, SOON) < SOON


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_broken_connection_is_opened_again(yard: Yard, database_url: str) -> None:
    """PostgreSQL restarts: the next calls work, and commits are told again."""
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no connections that others can break")
    await settle(yard.store)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with contextlib.suppress(Unavailable):
        async with yard.store._db.read() as tx:
            await tx.execute(text(cut))
    await yard.store.ping()
    await settle(yard.store)
    await yard.store.ensure_workspace(slug="after")
    assert await took(yard.store, LONG) < SOON
