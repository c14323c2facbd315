"""The switch, and rollback and promote, which are nothing but a switch."""

from __future__ import annotations

from datetime import timedelta

import restate
from restate import TerminalError

from turnout.domain.errors import Invalid
from turnout.domain.plans import SwitchRequest, SwitchResult
from turnout.domain.records import Operation, OperationKind
from turnout.domain.statuses import StepStatus
from turnout.domain.waits import Outcome, generation_acknowledged, unacknowledged
from turnout.workflows.comparing import switch_compared
from turnout.workflows.parts import Parts
from turnout.workflows.requests import (
    ObserveRequest,
    PromoteRequest,
    PromoteResponse,
    RetireRequest,
    RollbackRequest,
    RollbackResponse,
    SwitchCall,
    Switched,
)
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note


class Switching:
    """The handlers of a project's `Routing` object: nothing that changes routes, pointer or flag overlaps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db
        self._limits = parts.limits

    async def rollback(self, ctx: restate.ObjectContext, request: RollbackRequest) -> RollbackResponse:
        """The target takes the environment's and the live domains back; the project is marked rolled back."""
        call = SwitchCall(
            operation_id=request.operation_id or await self._parts.new_operation_id(ctx),
            kind=OperationKind.ROLLBACK,
            target_id=request.target_deployment_id,
            source_id=request.source_deployment_id,
        )
        switched = await self._operate(ctx, call, known=request.operation_id is not None)
        return RollbackResponse(
            live_deployment_id=request.target_deployment_id,
            generation=switched.result.generation,
            degraded=switched.confirmed.reason,
        )

    async def promote(self, ctx: restate.ObjectContext, request: PromoteRequest) -> PromoteResponse:
        """The target takes the environment's and the live domains; the rolled-back mark is cleared."""
        call = SwitchCall(
            operation_id=request.operation_id or await self._parts.new_operation_id(ctx),
            kind=OperationKind.PROMOTE,
            target_id=request.target_deployment_id,
        )
        switched = await self._operate(ctx, call, known=request.operation_id is not None)
        return PromoteResponse(
            live_deployment_id=request.target_deployment_id,
            generation=switched.result.generation,
            degraded=switched.confirmed.reason,
        )

    async def switch(self, ctx: restate.ObjectContext, call: SwitchCall) -> Switched:
        """Commit one routing transaction, then wait until every connected gateway serves it."""
        steps = self._parts.steps(ctx, operation_id=call.operation_id)
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))
        seconds = self._limits.propagation_seconds
        request = SwitchRequest(
            operation_id=call.operation_id,
            kind=call.kind,
            project_id=ctx.key(),
            target_id=call.target_id,
            source_id=call.source_id,
            apex=self._parts.apex,
            awakeable_id=signal_id,
            wait_deadline_seconds=seconds,
            observe_seconds=self._limits.observe_seconds,
        )

        async def domains() -> SwitchResult:
            return await switch_compared(self._db, request)

        result = await steps.run("domains", domains, SwitchResult, opens="propagation")
        self._observe(ctx, call)
        steps.shield()
        confirmed = await steps.wait("propagation", signal, seconds=seconds)
        if confirmed is None:
            confirmed = await steps.quietly("who is behind", lambda: self._who_is_behind(result), Outcome)
        await steps.close("propagation", _propagated(confirmed), lambda: self._db.settle_wait(awakeable_id=signal_id))
        self._retire_later(ctx, result)
        return Switched(result=result, confirmed=confirmed)

    async def _operate(self, ctx: restate.ObjectContext, call: SwitchCall, *, known: bool) -> Switched:
        """A whole operation that is one switch. One that nobody wrote down yet is written down first."""
        steps = self._parts.steps(ctx, operation_id=call.operation_id)
        project_id = ctx.key()

        async def adopt() -> None:
            await self._db.adopt_operation(
                operation_id=call.operation_id,
                kind=call.kind,
                project_id=project_id,
                deployment_id=call.target_id,
                source_deployment_id=call.source_id,
            )

        async def lookup() -> Operation:
            operation = await self._db.begin_operation(operation_id=call.operation_id)
            if operation.project_id != project_id or operation.deployment_id != call.target_id:
                raise Invalid(f"cannot switch to {call.target_id}: it is not what {operation.id} was asked for")
            return operation

        if not known:
            await steps.quietly("adopt", adopt, type(None))
        try:
            await steps.run("lookup", lookup, Operation)
            switched = await self.switch(ctx, call)
        except TerminalError as error:
            steps.shield()
            await self._parts.end_early(steps, error)
            raise
        await self._parts.finish(steps, switched)
        return switched

    async def _who_is_behind(self, result: SwitchResult) -> Outcome:
        """Time is up. Whoever confirmed in the last moment, or could not be told of, has confirmed."""
        gateways, generation = await self._db.gateways(), result.generation
        confirmed = generation_acknowledged(gateways, generation=generation, committed_at=result.committed_at)
        return confirmed or Outcome(ok=False, reason=unacknowledged(gateways, generation=generation))

    def _observe(self, ctx: restate.ObjectContext, call: SwitchCall) -> None:
        """What is new is watched for a while, by a handler of its own: nobody waits for that."""
        if call.kind is OperationKind.DEPLOY and self._limits.observe_seconds > 0:
            message = ObserveRequest(operation_id=call.operation_id, deployment_id=call.target_id)
            ctx.generic_send("Observations", "observe", JsonOf(ObserveRequest).serialize(message))

    def _retire_later(self, ctx: restate.ObjectContext, result: SwitchResult) -> None:
        """What was replaced stays warm for an instant rollback; the message looks again before it stops it."""
        for deployment_id in result.released:
            message = RetireRequest(deployment_id=deployment_id, generation=result.generation)
            ctx.generic_send(
                "Deployments",
                "retire",
                JsonOf(RetireRequest).serialize(message),
                key=ctx.key(),
                send_delay=timedelta(seconds=self._limits.keep_warm_seconds),
            )


def _propagated(confirmed: Outcome) -> Note:
    if confirmed.ok:
        return Note(detail=f"every gateway confirmed within {confirmed.propagation_ms or 0:.1f} ms")
    return Note(status=StepStatus.FAILED, detail=confirmed.reason)
