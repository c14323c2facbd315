"""Who waits for the gateways without being an operation (domain.confirmations)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from turnout.domain.confirmations import Confirmation
from turnout.store.database import insert_into
from turnout.store.part import Part
from turnout.store.schema import confirmations

_SLACK: Final = timedelta(minutes=10)
"""Whoever waits has a timer of its own. This only sweeps out what nobody waits for, whatever happens to the clock."""


class Confirmations(Part):
    """Open waits for a generation. Those of operations are `waits`: a switch writes its own."""

    async def await_generation(self, *, awakeable_id: str, generation: int, deadline_seconds: float) -> None:
        """Have the awakeable resolved once every connected gateway serves that generation. Idempotent.

        It may be asked for after the fact: whether it has come true is read from the gateways' rows, so no
        signal is lost. With no gateway connected it stays open: the caller's own timer ends its waiting.
        """
        async with self._db.write() as tx:
            now = self._db.now()
            statement = insert_into(tx, confirmations).values(
                awakeable_id=awakeable_id,
                generation=generation,
                created_at=now,
                deadline_at=now + timedelta(seconds=deadline_seconds),
            )
            await tx.execute(statement.on_conflict_do_nothing(index_elements=["awakeable_id"]))

    async def open_confirmations(self) -> tuple[Confirmation, ...]:
        """Those that nobody has settled and whose deadline is not long over, oldest first."""
        statement = (
            select(confirmations)
            .where(confirmations.c.settled_at.is_(None), confirmations.c.deadline_at > self._db.now() - _SLACK)
            .order_by(confirmations.c.created_at)
        )
        async with self._db.read() as tx:
            return tuple(
                Confirmation(
                    awakeable_id=row.awakeable_id,
                    generation=row.generation,
                    created_at=row.created_at,
                    deadline_at=row.deadline_at,
                )
                for row in await tx.execute(statement)
            )

    async def settle_confirmation(self, *, awakeable_id: str) -> None:
        """Whoever waited has been told, or waits no longer."""
        statement = update(confirmations).where(
            confirmations.c.awakeable_id == awakeable_id, confirmations.c.settled_at.is_(None)
        )
        async with self._db.write() as tx:
            await tx.execute(statement.values(settled_at=self._db.now()))
