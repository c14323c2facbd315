"""Build: source becomes an image, before any lock of the project is taken; then the deploy is sent on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import restate
from restate import TerminalError

from turnout.builds.service import BuildClient, BuildRequest, BuildState, BuildStatus
from turnout.domain.errors import DeploymentFailed, Invalid, NotBuilt
from turnout.domain.places import ordinal, said
from turnout.domain.plans import DeployPlan
from turnout.domain.secrets import mark_of
from turnout.domain.statuses import DeploymentStatus, StepStatus
from turnout.domain.waits import Outcome, Wait, WaitKind
from turnout.workflows.parts import Parts
from turnout.workflows.requests import BuildCall, DeployRequest
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note, Steps, was_cancelled

_FIRST_LOOK = 0.1
_LONGEST_PAUSE = 1.0
_PLACE: Final = "build place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is to be built."""

    request: BuildRequest
    image: str | None
    """Set when it was built before."""


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
            asked = await self._prepare(steps, call)
            if asked.image is None:
                await self._wait_for_place(ctx, steps, call)
                await self._start(steps, call, asked.request)
                image = await self._look_until_done(ctx, steps, asked.request)
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

    async def _prepare(self, steps: Steps, call: BuildCall) -> Asked:
        """What is to be built; an equal source of the workspace that was built before is not built again."""

        async def prepare() -> Asked:
            await self._db.begin_operation(operation_id=call.operation_id)
            request = await self._request(await self._db.load_deploy_plan(deployment_id=call.deployment_id))
            image = await self._client().find(request)
            if image is not None:
                await self._db.advance_deployment(deployment_id=call.deployment_id, status=DeploymentStatus.BUILDING)
                await self._db.set_image(deployment_id=call.deployment_id, image=image)
            return Asked(request=request, image=image)

        def note(asked: Asked) -> Note:
            return Note() if asked.image is None else Note(detail=f"already built: {asked.image}")

        return await steps.run("source", prepare, Asked, note=note)

    async def _wait_for_place(self, ctx: restate.Context, steps: Steps, call: BuildCall) -> None:
        """A workspace builds a few at once; whoever comes then waits in line, and the line says where."""
        seconds = self._limits.build_wait_seconds
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))

        async def ask() -> int:
            wait = place_wait(call, signal_id, seconds=seconds)
            place = await self._db.ask_build_place(limit=self._limits.builds_at_once, wait=wait)
            if place is not None:
                await self._db.begin_step(
                    operation_id=call.operation_id, name=_PLACE, detail=f"waits for {said(place)}"
                )
            return place or 0

        place = await steps.quietly("ask for a build place", ask, int)
        if not place:
            return
        outcome = await steps.wait(_PLACE, signal, seconds=seconds)
        late = f"no build place became free within {seconds:g} s; see `turnout status` for what builds"
        note = Note(detail=f"was {ordinal(place)} in line") if outcome else Note(status=StepStatus.FAILED, detail=late)
        await steps.close(_PLACE, note, lambda: self._db.settle_wait(awakeable_id=signal_id))
        if outcome is None:
            raise TerminalError(late, DeploymentFailed.status)

    async def _start(self, steps: Steps, call: BuildCall, request: BuildRequest) -> None:
        async def start() -> None:
            await self._db.advance_deployment(deployment_id=call.deployment_id, status=DeploymentStatus.BUILDING)
            await self._client().start(request)

        await steps.run("build started", start, type(None), opens="build")

    async def _look_until_done(self, ctx: restate.Context, steps: Steps, request: BuildRequest) -> str:
        """Start, then look again: a step never lasts as long as the build. Pauses are durable and grow."""
        pause, waited = _FIRST_LOOK, 0.0
        while waited <= self._limits.build_seconds + self._limits.step_seconds:
            state = await steps.quietly("look at build", lambda: self._look(request), BuildState)
            if state.status is BuildStatus.DONE and state.image is not None:
                return state.image
            if state.status is BuildStatus.FAILED:
                raise TerminalError(state.reason or "the build failed", DeploymentFailed.status)
            await ctx.sleep(timedelta(seconds=pause))
            waited += pause
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        raise TerminalError(f"the build took longer than {self._limits.build_seconds:g} s", DeploymentFailed.status)

    async def _look(self, request: BuildRequest) -> BuildState:
        return await self._client().look(request.deployment_id)

    async def _keep(self, steps: Steps, call: BuildCall, image: str) -> None:
        async def keep() -> None:
            await self._db.set_image(deployment_id=call.deployment_id, image=image)
            await self._db.leave_build_place(operation_id=call.operation_id)

        await steps.close("build", Note(detail=image), keep)

    async def _undo(self, steps: Steps, call: BuildCall, error: TerminalError) -> None:
        """Stop the build, then write down how it ended. Nothing runs and nothing was routed yet."""
        steps.shield()
        cancelled = was_cancelled(error)

        async def undo() -> None:
            if self._parts.builds is not None:
                await self._parts.builds.cancel(call.deployment_id)
            await self._db.leave_build_place(operation_id=call.operation_id)
            await self._db.abandon_deployment(
                operation_id=call.operation_id,
                deployment_id=call.deployment_id,
                status=DeploymentStatus.CANCELLED if cancelled else DeploymentStatus.FAILED,
                reason=error.message,
                wait=None,
            )

        await steps.close("build", Note(status=StepStatus.FAILED, detail=error.message), undo)
        await self._parts.end_early(steps, error)

    async def _request(self, plan: DeployPlan) -> BuildRequest:
        deployment = plan.deployment
        if deployment.source_id is None:
            raise Invalid(f"cannot build {deployment.id}: it has no source")
        return BuildRequest(
            deployment_id=deployment.id,
            workspace=plan.workspace.slug,
            source_id=deployment.source_id,
            backend=deployment.backend,
            build_command=deployment.build_command,
            options=plan.build,
            secrets_mark=await self._secrets_mark(plan),
            run_command=deployment.command,
            deadline_seconds=self._limits.build_seconds,
        )

    async def _secrets_mark(self, plan: DeployPlan) -> str:
        """Names and fingerprints only: what a step returns is written into the journal."""
        if not plan.build.secrets:
            return ""
        snapshot = await self._db.snapshot_of(deployment_id=plan.deployment.id)
        return mark_of(snapshot.named(plan.build.secrets))

    def _client(self) -> BuildClient:
        if self._parts.builds is None:
            raise NotBuilt("cannot build from source: no build client is configured")
        return self._parts.builds


def place_wait(call: BuildCall, signal_id: str, *, seconds: float) -> Wait:
    """The wait as it is written down, inside the step that asks for the place."""
    now = datetime.now(UTC)
    return Wait(
        awakeable_id=signal_id,
        operation_id=call.operation_id,
        kind=WaitKind.BUILD_PLACE,
        deployment_id=call.deployment_id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=seconds),
    )
