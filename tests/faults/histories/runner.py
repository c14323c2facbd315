"""Carries a history out, batch after batch, and looks after each of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from sqlalchemy import func, select

from tests.faults.histories import choices as c
from tests.faults.histories import mishaps as m
from tests.faults.histories.asking import Asking
from tests.faults.histories.breaking import breaks, heal
from tests.faults.histories.generation import PROJECTS
from tests.faults.histories.invariants import broken, unrest
from tests.faults.histories.judge import Judge
from tests.faults.histories.picture import Picture
from tests.faults.histories.record import Record
from tests.faults.histories.telling import told_secrets
from tests.faults.histories.world import PROPAGATION_SECONDS, World
from tests.support import PATIENCE
from turnout.store.schema import operations

_SETTLE_SECONDS: Final = 30.0
_GLANCE: Final = 0.05


@dataclass
class Ran:
    """How a history went."""

    operations: int = 0
    faults: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    """What did not hold; the batch it was seen after stands in front."""
    ends: dict[str, int] = field(default_factory=dict)
    """How many operations ended how."""


async def run(world: World, history: c.History, say: Callable[[str], None] = lambda _: None) -> Ran:
    """All of it, or up to the first batch after which something does not hold."""
    ran, began = Ran(), time.monotonic()
    judge, asking = Judge(PROJECTS), Asking(world, history.seed)
    picture: Picture | None = None
    for number, batch in enumerate(history.batches, 1):
        record = Record(number=number, warm=history.warm, propagation_seconds=PROPAGATION_SECONDS)
        await _happen(world, asking, batch, record)
        picture, left = await _rest(world)
        heal(world)
        record.confirmed = dict(world.gateway.confirmed)
        found = [*left, *broken(picture), *judge.judge(record, picture)]
        ran.operations += len(batch.choices)
        ran.faults += len(batch.faults)
        ran.broken += [f"batch {number}: {each}" for each in found]
        say(f"batch {number}: {len(batch.choices)} operations, {len(batch.faults)} faults")
        if ran.broken:
            break
    if picture is not None:
        ran.broken += [f"I6: {each}" for each in await told_secrets(world, asking.secrets, picture)]
        for row in picture["operations"]:
            ran.ends[f"{row.kind} {row.status}"] = ran.ends.get(f"{row.kind} {row.status}", 0) + 1
    ran.seconds = time.monotonic() - began
    return ran


async def _happen(world: World, asking: Asking, batch: c.Batch, record: Record) -> None:
    """The projects beside each other, each in its order; the faults in the midst of them."""
    by_project = groupby(sorted(batch.choices, key=lambda each: each.project), key=lambda each: each.project)
    record.faults += batch.faults
    async with asyncio.TaskGroup() as all_of_it:
        for project, chosen in by_project:
            all_of_it.create_task(_ask_all(asking, tuple(chosen), record.requests.setdefault(project, [])))
        all_of_it.create_task(_break_all(world, batch.faults))


async def _ask_all(asking: Asking, chosen: Iterable[c.Choice], requests: list[Any]) -> None:
    for choice in chosen:
        await asyncio.sleep(choice.after)
        requests += await asking.ask(choice)


async def _break_all(world: World, faults: Iterable[m.Fault]) -> None:
    """One after the other: of two that overlap nobody could say which one was healed."""
    for fault in faults:
        await asyncio.sleep(fault.after)
        await breaks(world, fault)


async def _rest(world: World) -> tuple[Picture, list[str]]:
    """Wait until nothing is under way any more. Returns what there is then, and what has not come to its end."""
    deadline = time.monotonic() + _SETTLE_SECONDS * PATIENCE
    while True:
        in_time = time.monotonic() < deadline
        if not in_time or not await _anything_open(world):
            picture = await world.picture(with_restate=True)
            left = unrest(picture)
            if not left or not in_time:
                return picture, left
        await asyncio.sleep(_GLANCE)
        await world.store.wait_for_change(timeout=0.2)


async def _anything_open(world: World) -> bool:
    async with world.store._db.read() as tx:
        open_ones = select(func.count()).select_from(operations).where(operations.c.ended_at.is_(None))
        return bool((await tx.execute(open_ones)).scalar_one())
