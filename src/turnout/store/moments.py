"""The order of what happens in a project, whatever happens to the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.store.schema import operations, switches

_TICK: Final = timedelta(microseconds=1)


async def next_moment(tx: AsyncConnection, project_id: str, now: datetime) -> datetime:
    """`now`, unless the clock was set back: then the moment after what the project has newest.

    Which of two deploys is newer, and what happened after a switch, is told by these times. Without this, every
    deploy of the minutes after a clock was set back would be superseded by what was deployed before.
    """
    asked = select(func.max(operations.c.created_at)).where(operations.c.project_id == project_id)
    switched = (
        select(switches.c.committed_at)
        .where(switches.c.project_id == project_id)
        .order_by(switches.c.generation.desc())
        .limit(1)
    )
    moments = [now]
    for newest in (asked, switched):
        moment: datetime | None = (await tx.execute(newest)).scalar_one_or_none()
        if moment is not None:
            moments.append(moment + _TICK)
    return max(moments)
