"""Build: source becomes an image, before any lock of the project is taken; then the deploy is sent on."""

from __future__ import annotations

from datetime import timedelta

import restate
from restate import TerminalError

from turnout.builds.service import BuildClient, BuildRequest, BuildState, BuildStatus
from turnout.domain.errors import DeploymentFailed, Invalid, NotBuilt
from turnout.domain.plans import DeployPlan
from turnout.domain.statuses import DeploymentStatus, StepStatus
from turnout.workflows.parts import Parts
from turnout.workflows.requests import BuildCall, DeployRequest
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note, Steps, was_cancelled

_FIRST_LOOK = 0.1
_LONGEST_PAUSE = 1.0


class Building:
    """The handlers of `Builds`, a service without a key: builds of one project run beside each other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db
        self._limits = parts.limits

    async def build(self, ctx: restate.Context, call: BuildCall) -> None:
        """Build, keep the image's name, and send the deploy to the project's queue."""
        steps = self._parts.steps(ctx, operation_id=call.operation_id)
        try:
            plan = await self._start(steps, call)
            image = await self._look_until_done(ctx, steps, plan)
            await self._keep(steps, call, image)
        except TerminalError as error:
            await self._undo(steps, call, error)
            raise
        ctx.generic_send(
            "Deployments",
            "deploy",
            JsonOf(DeployRequest).serialize(
                DeployRequest(deployment_id=call.deployment_id, operation_id=call.operation_id)
            ),
            key=call.project_id,
            idempotency_key=call.operation_id,
        )

    async def _start(self, steps: Steps, call: BuildCall) -> DeployPlan:
        async def start() -> DeployPlan:
            await self._db.begin_operation(operation_id=call.operation_id)
            plan = await self._db.load_deploy_plan(deployment_id=call.deployment_id)
            if plan.deployment.source_id is None:
                raise Invalid(f"cannot build {call.deployment_id}: it has no source")
            await self._db.advance_deployment(deployment_id=call.deployment_id, status=DeploymentStatus.BUILDING)
            await self._client().start(
                BuildRequest(
                    deployment_id=plan.deployment.id,
                    project=plan.project.slug,
                    source_id=plan.deployment.source_id,
                    backend=plan.deployment.backend,
                    build_command=plan.deployment.build_command,
                    deadline_seconds=self._limits.build_seconds,
                )
            )
            return plan

        return await steps.run("build started", start, DeployPlan, opens="build")

    async def _look_until_done(self, ctx: restate.Context, steps: Steps, plan: DeployPlan) -> str:
        """Start, then look again: a step never lasts as long as the build. Pauses are durable and grow."""
        pause, waited = _FIRST_LOOK, 0.0
        while waited <= self._limits.build_seconds + self._limits.step_seconds:
            state = await steps.quietly("look at build", lambda: self._look(plan), BuildState)
            if state.status is BuildStatus.DONE and state.image is not None:
                return state.image
            if state.status is BuildStatus.FAILED:
                raise TerminalError(state.reason or "the build failed", DeploymentFailed.status)
            await ctx.sleep(timedelta(seconds=pause))
            waited += pause
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        raise TerminalError(f"the build took longer than {self._limits.build_seconds:g} s", DeploymentFailed.status)

    async def _look(self, plan: DeployPlan) -> BuildState:
        return await self._client().look(plan.deployment.id)

    async def _keep(self, steps: Steps, call: BuildCall, image: str) -> None:
        async def keep() -> None:
            await self._db.set_image(deployment_id=call.deployment_id, image=image)

        await steps.close("build", Note(detail=image), keep)

    async def _undo(self, steps: Steps, call: BuildCall, error: TerminalError) -> None:
        """Stop the build, then write down how it ended. Nothing runs and nothing was routed yet."""
        steps.shield()
        cancelled = was_cancelled(error)

        async def undo() -> None:
            if self._parts.builds is not None:
                await self._parts.builds.cancel(call.deployment_id)
            await self._db.abandon_deployment(
                operation_id=call.operation_id,
                deployment_id=call.deployment_id,
                status=DeploymentStatus.CANCELLED if cancelled else DeploymentStatus.FAILED,
                reason=error.message,
                wait=None,
            )

        await steps.close("build", Note(status=StepStatus.FAILED, detail=error.message), undo)
        await self._parts.end_early(steps, error)

    def _client(self) -> BuildClient:
        if self._parts.builds is None:
            raise NotBuilt("cannot build from source: no build client is configured")
        return self._parts.builds
