"""The three numbers that only grow, and who is told what by them.

| counter | grows with | read by |
|---|---|---|
| generation | each routing transaction, each change of keys | whoever waits for the gateways |
| change | each commit that a gateway can see | the gateway's feed |
| revision | each change of what shall run | the kranes' feeds |

A number is taken as the last thing before the rows that carry it are written. The counter's row stays
locked from there to the commit: whoever takes the next number waits, so numbers are committed in their
order and without gaps, and a reader that has seen 7 never finds a 6 afterwards. Taken last, the lock is
held for a few statements, and projects wait for each other no longer than that. A transaction that needs
several takes them in the order of the table, so that no two can wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.store.database import insert_into
from turnout.store.schema import counters, project_changes

Counter = Literal["generation", "change", "revision"]


async def take_number(tx: AsyncConnection, counter: Counter) -> int:
    """The next number; nobody else gets one of this counter before this transaction ends."""
    statement = (
        update(counters)
        .where(counters.c.name == counter)
        .values(value=counters.c.value + 1)
        .returning(counters.c.value)
    )
    number: int = (await tx.execute(statement)).scalar_one()
    return number


async def read_number(tx: AsyncConnection, counter: Counter) -> int:
    """The newest number of this transaction's moment."""
    statement = select(counters.c.value).where(counters.c.name == counter)
    number: int = (await tx.execute(statement)).scalar_one()
    return number


async def mark_changed(tx: AsyncConnection, project_ids: Iterable[str]) -> None:
    """Have the gateways read these projects again. Last in its transaction."""
    changed = sorted(set(project_ids))
    if not changed:
        return
    change = await take_number(tx, "change")
    statement = insert_into(tx, project_changes).values(
        [{"project_id": project_id, "change": change} for project_id in changed]
    )
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["project_id"], set_={"change": statement.excluded.change})
    )
