"""Breaks what a fault says, and has it whole again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.faults.histories import mishaps as m
from tests.faults.histories.world import World, ended
from tests.support import eventually


async def breaks(world: World, fault: m.Fault) -> None:  # noqa: C901 - a table: one case for each fault
    """Returns when it is whole again."""
    match fault:
        case m.WorkerKilled(step=None):
            world.worker.kill()
        case m.WorkerKilled(step=str(step), moment=moment):
            world.worker.doom("kill", step, moment)
        case m.StepStumbles(step=step, moment=moment):
            world.worker.doom("stumble", step, moment)
        case m.RestateKilled(away=away):
            await _kill_restate(world, away)
        case m.ServerRestarted(away=away):
            await world.stop_server()
            await asyncio.sleep(away)
            await world.start_server()
        case m.TwoServers(seconds=seconds):
            second = asyncio.create_task(world.dispatcher().run())
            await asyncio.sleep(seconds)
            await ended(second)
        case m.GatewayRejects():
            world.gateway.rejects = True
        case m.GatewayReconnects():
            await world.gateway.reconnect(away=0.1)
        case m.GatewaySilent(seconds=seconds):
            await _away(world.gateway.there, seconds)
        case m.KraneAway(seconds=seconds):
            await _away(world.krane.there, seconds)
        case m.StoreLocked(seconds=seconds):
            async with _locked(world.settings.database_url):
                await asyncio.sleep(seconds)


def heal(world: World) -> None:
    """What was to happen and has not, because nothing came to it, does not happen any more."""
    world.worker.forgive()
    world.gateway.rejects = False


async def _away(there: asyncio.Event, seconds: float) -> None:
    there.clear()
    await asyncio.sleep(seconds)
    there.set()


async def _kill_restate(world: World, away: float) -> None:
    world.restate.stop(kill=True)
    await asyncio.sleep(away)
    world.restate.start()
    await eventually(world.dispatcher().restate_is_up, within=30, what="Restate is back")


@contextlib.asynccontextmanager
async def _locked(url: str) -> AsyncIterator[None]:
    """Hold what every writer needs."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    is_sqlite = url.startswith("sqlite")
    async with engine.connect() as connection:
        for statement in ("BEGIN IMMEDIATE",) if is_sqlite else ("BEGIN", "LOCK TABLE operations IN EXCLUSIVE MODE"):
            await connection.execute(text(statement))
        try:
            yield
        finally:
            await connection.execute(text("ROLLBACK"))
    await engine.dispose()
