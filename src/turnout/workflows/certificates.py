"""Visit: one look at the certificate of one domain, which gets or renews it when it is time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import restate
from restate import TerminalError

from turnout.domain.issuing import (
    Issuing,
    Lifetime,
    NextVisit,
    Problem,
    ProblemKind,
    Window,
    renew_at,
    visit_key,
)
from turnout.domain.issuing_ports import NotIssued
from turnout.workflows.config import IssuingParts
from turnout.workflows.ordering import Ordering, Stumbled
from turnout.workflows.parts import Parts
from turnout.workflows.requests import VisitCall
from turnout.workflows.serde import JsonOf, optional
from turnout.workflows.steps import Steps, was_cancelled

_WINDOW_SECONDS: Final = 10.0
_ISSUED, _FAILED, _OVER = "issued", "failed", "over"


class Certificates:
    """The handler of `Certificates`, an object keyed by domain: its orders never run beside each other.

    No invocation waits from one visit to the next: each sends the next one, with a delay. A newer turn (somebody asked
    for a certificate) ends the messages of the older ones as they arrive. The dispatcher sends what is overdue.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db

    async def visit(self, ctx: restate.ObjectContext, call: VisitCall) -> str:
        """Renew the certificate if it is time, and say when to come back.

        Returns `issued`, `failed`, or `over` for a turn that is over. A failure is written down with the issuing; what
        was served before is served on.
        """
        steps, with_parts = self._parts.steps(ctx, operation_id=""), self._parts.issuing
        if with_parts is None:
            return _OVER  # switched off since it was sent; it stays due

        async def begin() -> Issuing | None:
            return await self._db.begin_visit(issuing_id=call.issuing_id, turn=call.turn)

        issuing = await steps.quietly("begin visit", begin, optional(Issuing))
        if issuing is None:
            return _OVER
        ordering = Ordering(self._parts, with_parts, ctx, steps, issuing)
        try:
            if await self._is_due(steps, with_parts, issuing):
                await ordering.obtain()
            steps.shield()
            await ordering.withdraw()
            self._send_next(ctx, await self._end(steps, with_parts, issuing))
        except (Stumbled, TerminalError) as error:
            steps.shield()
            await ordering.withdraw()
            self._send_next(ctx, await self._fail(steps, with_parts, issuing, _problem(error)))
            if isinstance(error, TerminalError) and was_cancelled(error):
                raise
            return _FAILED
        return _ISSUED

    async def _is_due(self, steps: Steps, with_parts: IssuingParts, issuing: Issuing) -> bool:
        async def is_due() -> bool:
            if issuing.asked:
                return True
            kept = await self._db.issued_for(fqdn=issuing.fqdn, workspace_id=issuing.workspace_id)
            if kept is None:
                return True
            life = Lifetime(begins=kept.not_before, ends=kept.not_after)
            window = await _window(with_parts, issuing, life, kept.chain_pem)
            return renew_at(issuing.fqdn, life, window) <= with_parts.clock()

        return await steps.quietly("is it due", is_due, bool)

    async def _end(self, steps: Steps, with_parts: IssuingParts, issuing: Issuing) -> NextVisit | None:
        async def end() -> NextVisit | None:
            kept = await self._db.issued_for(fqdn=issuing.fqdn, workspace_id=issuing.workspace_id)
            if kept is None:
                gone = Problem(kind=ProblemKind.TROUBLE, detail="the certificate was removed as soon as it was there")
                return await self._db.fail_visit(issuing=issuing, problem=gone)
            life = Lifetime(begins=kept.not_before, ends=kept.not_after)
            window = await _window(with_parts, issuing, life, kept.chain_pem)
            return await self._db.end_visit(issuing=issuing, life=life, window=window)

        return await steps.quietly("end visit", end, optional(NextVisit))

    async def _fail(
        self, steps: Steps, with_parts: IssuingParts, issuing: Issuing, problem: Problem
    ) -> NextVisit | None:
        async def fail() -> NextVisit | None:
            if problem.kind is ProblemKind.ACCOUNT_LOST:
                await self._db.set_acme_account(directory=with_parts.acme.directory, url=None)
            return await self._db.fail_visit(issuing=issuing, problem=problem)

        return await steps.quietly("fail visit", fail, optional(NextVisit))

    def _send_next(self, ctx: restate.ObjectContext, following: NextVisit | None) -> None:
        """The dispatcher sends it at that time too: whoever comes second finds the turn to be over."""
        if following is None or following.in_seconds is None:
            return
        ctx.generic_send(
            "Certificates",
            "visit",
            JsonOf(VisitCall).serialize(VisitCall(issuing_id=following.issuing_id, turn=following.turn)),
            key=ctx.key(),
            send_delay=timedelta(seconds=following.in_seconds),
            idempotency_key=visit_key(following.issuing_id, following.turn, "later"),
        )


async def _window(with_parts: IssuingParts, issuing: Issuing, life: Lifetime, chain_pem: str) -> Window | None:
    """When the authority wants it renewed. One that cannot be asked now gets our own time, and is asked tomorrow."""
    try:
        async with asyncio.timeout(_WINDOW_SECONDS):
            return await with_parts.acme.window(chain_pem)
    except (NotIssued, TimeoutError):
        own = renew_at(issuing.fqdn, life, None)
        return Window(begins=own, ends=own)


def _problem(error: Stumbled | TerminalError) -> Problem:
    """Our own trouble passes, but for what somebody has to change first."""
    if isinstance(error, Stumbled):
        return error.problem
    passes = error.status_code >= 500 or was_cancelled(error)
    return Problem(kind=ProblemKind.TROUBLE if passes else ProblemKind.REFUSED, detail=error.message)
