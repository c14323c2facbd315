"""The wait for instances: what a deploy and a start have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from restate import TerminalError

from turnout.domain.plans import DeployPlan
from turnout.domain.records import Deployment
from turnout.domain.statuses import StepStatus
from turnout.domain.waits import Outcome, instances_running
from turnout.workflows.parts import Parts
from turnout.workflows.steps import Note, Steps


async def become_ready(
    parts: Parts, steps: Steps, signal_id: str, signal: Any, plan: DeployPlan, *, seconds: float
) -> None:
    """Wait until every instance runs and passes its checks. Raises TerminalError (422) with the reason if not."""
    outcome = await steps.wait("readiness", signal, seconds=seconds)
    if outcome is None:
        outcome = await steps.quietly("why not ready", lambda: _why_not_ready(parts, plan, seconds), Outcome)
    note = Note() if outcome.ok else Note(status=StepStatus.FAILED, detail=outcome.reason)
    await steps.close("readiness", note, lambda: parts.db.settle_wait(awakeable_id=signal_id))
    if not outcome.ok:
        raise TerminalError(outcome.reason or "an instance failed", 422)


async def _why_not_ready(parts: Parts, plan: DeployPlan, seconds: float) -> Outcome:
    """The sentence of a deadline: what krane saw last, or that nobody looks after a region.

    Unless they run, or one has failed, and only the news of it was late.
    """
    waited = f"not ready within {seconds:g} s"
    instances = await parts.krane.instances_of(deployment_id=plan.deployment.id)
    if (over := instances_running(instances, wanted=wanted(plan.deployment))) is not None:
        return over
    for region in await parts.db.regions():
        if region.name in plan.deployment.regions and not region.connected:
            return Outcome(ok=False, reason=f"{waited}: no krane is connected for region {region.name}")
    seen = "; ".join(f"{each.id} is {each.status}: {each.reason or 'no answer yet'}" for each in instances)
    return Outcome(ok=False, reason=f"{waited}: {seen or 'no instance was started'}")


def wanted(deployment: Deployment) -> int:
    """How many instances it is to have."""
    return deployment.resources.replicas * len(deployment.regions)


def counted(deployment: Deployment) -> Callable[[int], Note]:
    """How many instances were asked for, and where."""
    return lambda count: Note(detail=f"{count} instance{'s' if count != 1 else ''} in {', '.join(deployment.regions)}")
