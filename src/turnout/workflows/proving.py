"""Check: look for the proof of a custom domain, now and then until it is there or its time is over."""

from __future__ import annotations

from datetime import timedelta

import restate

from turnout.domain.custom_domains import Checked, DomainStatus, pause_after
from turnout.domain.errors import NotBuilt
from turnout.domain.proofs import Finding
from turnout.workflows.confirming import until_served
from turnout.workflows.parts import Parts
from turnout.workflows.requests import CheckCall
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Steps

_OVER = "over"


class Proving:
    """The handler of `Domains`, an object keyed by domain: its checks never run beside each other.

    No invocation waits from one check to the next. Each check that finds nothing sends the next one, with a delay.
    A newer round (somebody asked for a check) ends the messages of the older ones as they arrive.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db

    async def check(self, ctx: restate.ObjectContext, call: CheckCall) -> str:
        """One look and what follows from it. Returns the claim's status, or `over` for a round that is over."""
        steps = self._parts.steps(ctx, operation_id="")
        domain_id = ctx.key()
        finding = await self._look(steps, domain_id, call)
        if finding is None:
            return _OVER
        checked = await self._record(steps, domain_id, call, finding)
        if checked.again_in is not None:
            self._send_next(ctx, call, checked.again_in)
        if checked.status is DomainStatus.VERIFIED and checked.generation is not None:
            await self._conclude(ctx, steps, call, checked.generation)
        return str(checked.status)

    async def _look(self, steps: Steps, domain_id: str, call: CheckCall) -> Finding | None:
        async def look() -> Finding | None:
            claim = await self._db.claim_to_check(domain_id=domain_id, check_round=call.round)
            if claim is None:
                return None
            if self._parts.prover is None:
                raise NotBuilt("cannot check a domain: this worker was not given anything to look with")
            return await self._parts.prover.look(claim)

        return await steps.quietly("look", look, Finding | None)  # type: ignore[arg-type]  # a union is no class

    async def _record(self, steps: Steps, domain_id: str, call: CheckCall, finding: Finding) -> Checked:
        settings = self._parts.domains
        again_in = pause_after(call.check, first=settings.recheck_seconds, longest=settings.recheck_longest_seconds)

        async def record() -> Checked:
            return await self._db.record_check(
                domain_id=domain_id,
                check_round=call.round,
                finding=finding,
                apex=self._parts.apex,
                again_in=again_in,
            )

        return await steps.quietly("record", record, Checked)

    def _send_next(self, ctx: restate.ObjectContext, call: CheckCall, again_in: float) -> None:
        ctx.generic_send(
            "Domains",
            "check",
            JsonOf(CheckCall).serialize(CheckCall(round=call.round, check=call.check + 1)),
            key=ctx.key(),
            send_delay=timedelta(seconds=again_in),
        )

    async def _conclude(self, ctx: restate.ObjectContext, steps: Steps, call: CheckCall, generation: int) -> None:
        """Proved is committed; whoever asked is told once the gateways serve it, or who of them does not."""
        domain_id = ctx.key()
        served = await until_served(self._parts, ctx, steps, generation=generation)

        async def conclude() -> None:
            await self._db.conclude_check(domain_id=domain_id, check_round=call.round, problem=served.reason)

        await steps.quietly("conclude", conclude, type(None))
