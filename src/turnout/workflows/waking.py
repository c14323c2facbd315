"""Wake and retire: a stopped deployment runs again, one that was replaced a while ago is stopped."""

from __future__ import annotations

from datetime import timedelta

import restate
from restate import TerminalError

from turnout.domain.errors import Conflict, Invalid
from turnout.domain.plans import DeployPlan
from turnout.domain.records import Instance, Operation, OperationKind
from turnout.domain.statuses import OPERATION_TERMINAL, OperationStatus
from turnout.domain.waits import Outcome, WaitKind
from turnout.workflows.parts import Parts
from turnout.workflows.readiness import become_ready, counted
from turnout.workflows.requests import RetireRequest, SwitchCall, Switched, WakeCall
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note, Steps, new_wait


class Waking:
    """The handler of `Wakes`, a service without a key, so that nothing waits for an app that starts.

    The switch of a rollback or promote comes last and takes its turn in the project's `Routing` object.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db
        self._limits = parts.limits

    async def wake(self, ctx: restate.Context, call: WakeCall) -> None:
        """Start and check it, then switch; a failure puts it back to sleep, the routes untouched."""
        steps = self._parts.steps(ctx, operation_id=call.operation_id)
        try:
            plan = await self._prepare(steps, call)
            await self._start(ctx, steps, plan)
            if call.kind is OperationKind.START:
                await self._finish(steps)
            else:
                await self._parts.finish(steps, await self._switch(ctx, call))
        except TerminalError as error:
            await self._undo(ctx, steps, call, error)
            raise

    async def retire(self, ctx: restate.ObjectContext, request: RetireRequest) -> bool:
        """Stop a deployment that was replaced a while ago, unless something leads to it again.

        While an operation is about to use it, nobody knows yet: the message comes back later.
        """

        async def retire() -> bool:
            return await self._db.retire(deployment_id=request.deployment_id, generation=request.generation)

        async def wanted() -> bool:
            return await self._db.is_wanted(deployment_id=request.deployment_id)

        steps = self._parts.steps(ctx, operation_id="")
        retired = await steps.quietly("retire", retire, bool)
        if not retired and await steps.quietly("is wanted", wanted, bool):
            ctx.generic_send(
                "Deployments",
                "retire",
                JsonOf(RetireRequest).serialize(request),
                key=ctx.key(),
                send_delay=timedelta(seconds=max(1.0, self._limits.keep_warm_seconds)),
            )
        return retired

    async def _prepare(self, steps: Steps, call: WakeCall) -> DeployPlan:
        async def lookup() -> Operation:
            operation = await self._db.begin_operation(operation_id=call.operation_id)
            if operation.status in OPERATION_TERMINAL:
                raise Conflict(f"cannot start {call.deployment_id}: {operation.id} is {operation.status} already")
            if (operation.project_id, operation.deployment_id) != (call.project_id, call.deployment_id):
                raise Invalid(f"cannot start {call.deployment_id}: it is not what {operation.id} was asked for")
            return operation

        async def context() -> DeployPlan:
            return await self._db.load_deploy_plan(deployment_id=call.deployment_id)

        await steps.run("lookup", lookup, Operation)
        return await steps.run("context", context, DeployPlan)

    async def _start(self, ctx: restate.Context, steps: Steps, plan: DeployPlan) -> None:
        deployment = plan.deployment
        seconds = deployment.health.deadline + self._limits.ready_grace_seconds
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))

        async def containers() -> int:
            return await self._db.wake(
                operation_id=steps.operation_id,
                spec=plan.run_spec(),
                regions=deployment.regions,
                wait=new_wait(steps, signal_id, WaitKind.INSTANCES_RUNNING, deployment.id, seconds),
            )

        async def register() -> tuple[Instance, ...]:
            return await self._db.woken(operation_id=steps.operation_id, deployment_id=deployment.id)

        await steps.run("containers", containers, int, note=counted(deployment), opens="readiness")
        await become_ready(self._parts, steps, signal_id, signal, plan, seconds=seconds)
        await steps.run(
            "registration",
            register,
            tuple[Instance, ...],
            note=lambda instances: Note(detail=", ".join(each.address or "" for each in instances)),
        )

    async def _switch(self, ctx: restate.Context, call: WakeCall) -> Switched:
        asked = SwitchCall(
            operation_id=call.operation_id,
            kind=call.kind,
            target_id=call.deployment_id,
            source_id=call.source_deployment_id,
        )
        answer = await ctx.generic_call(
            "Routing",
            "switch",
            JsonOf(SwitchCall).serialize(asked),
            key=call.project_id,
            idempotency_key=call.operation_id,
        )
        switched = JsonOf(Switched).deserialize(answer)
        assert switched is not None, "Routing.switch answers with a Switched"  # noqa: S101
        return switched

    async def _finish(self, steps: Steps) -> None:
        async def finish() -> None:
            await self._db.finish_operation(operation_id=steps.operation_id, status=OperationStatus.SUCCEEDED)

        await steps.quietly("finish", finish, type(None))

    async def _undo(self, ctx: restate.Context, steps: Steps, call: WakeCall, error: TerminalError) -> None:
        """Stop it again, unless it was switched to or somebody else has come to need it."""
        steps.shield()
        seconds = self._limits.remove_seconds
        gone_id, gone = ctx.awakeable(serde=JsonOf(Outcome))

        async def put_back() -> bool:
            return await self._db.put_back(
                operation_id=steps.operation_id,
                deployment_id=call.deployment_id,
                wait=new_wait(steps, gone_id, WaitKind.INSTANCES_GONE, call.deployment_id, seconds),
            )

        if await steps.quietly("put back", put_back, bool):
            await steps.wait("removal", gone, seconds=seconds)
        await self._parts.end_early(steps, error, settles=gone_id)
