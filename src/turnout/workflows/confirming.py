"""Waiting until the gateways serve a change that no operation asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import restate

from turnout.domain.confirmations import not_served_by
from turnout.domain.waits import Outcome, generation_acknowledged
from turnout.workflows.parts import Parts
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Steps


async def until_served(
    parts: Parts, ctx: restate.Context, steps: Steps, *, generation: int, seconds: float | None = None
) -> Outcome:
    """Wait until every connected gateway has acknowledged the generation, and `seconds` at the most.

    None of `seconds` is what a switch waits. An outcome that is not ok says who refused it or is behind; what was
    changed stays changed, and is served by them as soon as they follow.
    """
    seconds = parts.limits.propagation_seconds if seconds is None else seconds
    signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))

    async def ask() -> None:
        await parts.db.await_generation(awakeable_id=signal_id, generation=generation, deadline_seconds=seconds)

    async def give_up() -> Outcome:
        await parts.db.settle_confirmation(awakeable_id=signal_id)
        gateways = await parts.db.gateways()
        served = generation_acknowledged(gateways, generation=generation, committed_at=datetime.now(UTC))
        return served or Outcome(ok=False, reason=not_served_by(gateways, generation=generation))

    await steps.quietly("ask for confirmation", ask, type(None))
    outcome = await steps.wait("confirmation", signal, seconds=seconds)
    return await steps.quietly("who is behind", give_up, Outcome) if outcome is None else outcome
