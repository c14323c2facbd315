"""Release: a command that runs once in the new version, before its instances start."""

from __future__ import annotations

import restate
from restate import TerminalError

from turnout.domain.errors import DeploymentFailed
from turnout.domain.jobs import job_ended
from turnout.domain.plans import DeployPlan
from turnout.domain.statuses import DeploymentStatus, StepStatus
from turnout.domain.waits import Outcome, WaitKind
from turnout.workflows.parts import Parts
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note, Steps, new_wait


class Releasing:
    """The part of a deploy that runs the release command. Its undo is the deploy's: what is given up is stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db
        self._limits = parts.limits

    async def release(self, ctx: restate.ObjectContext, steps: Steps, plan: DeployPlan) -> None:
        """Run the command, if there is one, and wait for its end. Raises TerminalError when it fails."""
        if not plan.deployment.release.command:
            return
        seconds = plan.deployment.release.timeout + self._limits.ready_grace_seconds
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))
        deployment_id = plan.deployment.id

        async def begin() -> str:
            await self._db.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.DEPLOYING)
            await self._db.begin_step(operation_id=steps.operation_id, name="release")
            return await self._parts.krane.place_job(
                spec=plan.release_spec(),
                region=plan.deployment.regions[0],
                timeout=plan.deployment.release.timeout,
                wait=new_wait(steps, signal_id, WaitKind.RELEASE, deployment_id, seconds),
            )

        job_id = await steps.quietly("release begun", begin, str)
        outcome = await steps.wait("release", signal, seconds=seconds)
        if outcome is None:
            outcome = await steps.quietly("why not released", lambda: self._why_not(plan, seconds), Outcome)
        note = Note(detail=job_id) if outcome.ok else Note(status=StepStatus.FAILED, detail=outcome.reason)
        await steps.close("release", note, lambda: self._db.settle_wait(awakeable_id=signal_id))
        if not outcome.ok:
            raise TerminalError(outcome.reason or "the release command failed", DeploymentFailed.status)

    async def _why_not(self, plan: DeployPlan, seconds: float) -> Outcome:
        """The sentence of a deadline that krane itself should have kept, unless only the news of its end was late."""
        job = await self._db.job_of(deployment_id=plan.deployment.id)
        if (ended := job_ended(job)) is not None:
            return ended
        first = plan.deployment.regions[0]
        waited = f"the release command did not end within {seconds:g} s"
        for region in await self._db.regions():
            if region.name == first and not region.connected:
                return Outcome(ok=False, reason=f"{waited}: no krane is connected for region {first}")
        return Outcome(ok=False, reason=f"{waited}: it is {'unknown' if job is None else job.status}")
