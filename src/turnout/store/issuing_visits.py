"""Visits to issuings: begun, what they ordered, and how they ended. The private keys of orders come sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.certificates import Certificate, CertificateSource, SealedKey
from turnout.domain.errors import Conflict
from turnout.domain.issuing import (
    Issuing,
    IssuingStatus,
    Lifetime,
    NextVisit,
    Problem,
    UnsentVisit,
    Window,
    drops_order,
    next_try,
    next_visit,
)
from turnout.domain.issuing_ports import PendingOrder
from turnout.store.certificates import Certificates
from turnout.store.issuing_rows import NO_ORDER, NO_PROBLEM, forget_issuing, issuing_of, move_issuing, owner_of
from turnout.store.schema import issuings


class IssuingVisits(Certificates):
    """What the workflows write of issuings. It needs Certificates: what comes of a visit."""

    async def unsent_visits(self, *, lost_seconds: float) -> tuple[UnsentVisit, ...]:
        """The visits that are due and of which the workflows have not been told, the longest overdue first.

        Told again is what they were told of `lost_seconds` ago and have not ended.
        """
        now = self._db.now()
        lost = issuings.c.sent_at <= now - timedelta(seconds=lost_seconds)
        due = (issuings.c.due_at <= now, or_(issuings.c.sent_at.is_(None), lost))
        statement = select(issuings).where(*due).order_by(issuings.c.due_at, issuings.c.fqdn)
        async with self._db.read() as tx:
            return tuple(
                UnsentVisit(issuing_id=row.id, fqdn=row.fqdn, turn=row.turn, sends=row.sends)
                for row in await tx.execute(statement)
            )

    async def mark_visit_sent(self, *, visit: UnsentVisit) -> None:
        """The workflows were told."""
        mine = (issuings.c.id == visit.issuing_id, issuings.c.turn == visit.turn, issuings.c.sends == visit.sends)
        async with self._db.write() as tx:
            await tx.execute(update(issuings).where(*mine).values(sends=visit.sends + 1, sent_at=self._db.now()))

    async def begin_visit(self, *, issuing_id: str, turn: int) -> Issuing | None:
        """The issuing, if this is its newest turn. One whose name has become somebody else's is forgotten."""
        async with self._db.write() as tx:
            found = await issuing_of(tx, issuing_id, lock=True)
            if found is None or found.turn != turn:
                return None
            if await owner_of(tx, found.fqdn) != found.project_id:
                await forget_issuing(tx, found.fqdn)
                return None
            return found

    async def issued_for(self, *, fqdn: str, workspace_id: str) -> Certificate | None:
        """The certificate that an earlier visit got, if it is kept."""
        kept = await self.list_certificates(workspace_id=workspace_id)
        mine = (each for each in kept if (each.source, each.names) == (CertificateSource.ACME, (fqdn,)))
        return next(mine, None)

    # -------------------------------------------------------------------------------------------- orders

    async def begin_order(self, *, issuing: Issuing) -> PendingOrder | None:
        """An order is worked on. The one that is under way; None when it has yet to be made.

        This and what follows raise Conflict when the turn is over: somebody has asked anew, or wants it no more.
        """
        async with self._db.write() as tx:
            row = await _change(tx, issuing, status=IssuingStatus.WORKING, updated_at=self._db.now())
            return _order_from(row)

    async def keep_order_key(self, *, issuing: Issuing, key: SealedKey) -> None:
        """Keep the key of an order, before the order is made."""
        async with self._db.write() as tx:
            await _change(tx, issuing, order_url=None, master_key_id=key.master_key_id, sealed_key=key.box)

    async def keep_order(self, *, issuing: Issuing, order_url: str) -> None:
        """Remember where the order is."""
        async with self._db.write() as tx:
            await _change(tx, issuing, order_url=order_url)

    async def drop_order(self, *, issuing: Issuing) -> None:
        """Forget the order, and its key."""
        async with self._db.write() as tx:
            await _change(tx, issuing, **NO_ORDER)

    async def pending_order(self, *, issuing: Issuing) -> PendingOrder:
        """The order under way."""
        mine = select(issuings).where(issuings.c.id == issuing.id, issuings.c.turn == issuing.turn)
        async with self._db.read() as tx:
            row = (await tx.execute(mine)).one_or_none()
            order = None if row is None else _order_from(row)
            if order is None:
                raise _over(issuing.fqdn)
            return order

    # ---------------------------------------------------------------------------------------------- ends

    async def end_visit(self, *, issuing: Issuing, life: Lifetime, window: Window | None) -> NextVisit | None:
        """There is a certificate: come back when it is to be renewed. None when the issuing is gone.

        A repeat changes nothing and returns the same.
        """

        def values(_: Issuing, now: datetime) -> dict[str, Any]:
            due_at = next_visit(issuing.fqdn, life, window, now=now)
            done = {"status": IssuingStatus.ISSUED, "due_at": due_at, "asked": False, "failures": 0}
            return done | NO_ORDER | NO_PROBLEM

        return await self._end(issuing, values)

    async def fail_visit(self, *, issuing: Issuing, problem: Problem) -> NextVisit | None:
        """There was a problem: come back when that is of use. As above."""

        def values(found: Issuing, now: datetime) -> dict[str, Any]:
            failures = found.failures + 1
            return {
                "status": IssuingStatus.FAILED,
                "due_at": next_try(issuing.fqdn, problem, failures=failures, now=now),
                "failures": failures,
                "problem": problem.detail,
                "problem_kind": problem.kind,
                **(NO_ORDER if drops_order(problem) else {}),
            }

        return await self._end(issuing, values)

    async def _end(self, issuing: Issuing, values: Callable[[Issuing, datetime], dict[str, Any]]) -> NextVisit | None:
        async with self._db.write() as tx:
            found, now = await issuing_of(tx, issuing.id, lock=True), self._db.now()
            if found is not None and found.turn == issuing.turn:
                await move_issuing(tx, found, now, **values(found, now))
                found = await issuing_of(tx, issuing.id)
            if found is None:
                return None
            left = None if found.due_at is None else max(0.0, (found.due_at - now).total_seconds())
            return NextVisit(issuing_id=found.id, turn=found.turn, in_seconds=left)


async def _change(tx: AsyncConnection, issuing: Issuing, **values: Any) -> Row[Any]:
    mine = update(issuings).where(issuings.c.id == issuing.id, issuings.c.turn == issuing.turn).values(values)
    row: Row[Any] | None = (await tx.execute(mine.returning(issuings))).one_or_none()
    if row is None:
        raise _over(issuing.fqdn)
    return row


def _over(fqdn: str) -> Conflict:
    return Conflict(f"cannot go on with the certificate of {fqdn}: it was asked for anew, or is wanted no more")


def _order_from(row: Row[Any]) -> PendingOrder | None:
    if row.sealed_key is None:
        return None
    key = SealedKey(master_key_id=row.master_key_id, box=row.sealed_key)
    return PendingOrder(key=key, order_url=row.order_url)
