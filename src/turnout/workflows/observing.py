"""Observe: what a new version does in the first time after its switch, while nobody waits for it."""

from __future__ import annotations

import restate

from turnout.domain.statuses import ObservationStatus
from turnout.domain.waits import Outcome, WaitKind
from turnout.workflows.parts import Parts
from turnout.workflows.requests import ObserveRequest
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Steps, new_wait


class Observing:
    """The handlers of `Observations`, a service without a key: it holds nobody's lock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._db = parts.db
        self._limits = parts.limits

    async def observe(self, ctx: restate.Context, request: ObserveRequest) -> str:
        """Wait for an incident, and for the end of the time at the most; then write down what it comes to.

        A rollback that follows is written down with it, as an operation of its own: the dispatcher sends it.
        """
        steps = self._parts.steps(ctx, operation_id=request.operation_id)
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))
        seconds = await self._begin(steps, request, signal_id)
        if seconds > 0:
            await steps.wait("observation", signal, seconds=seconds)
        return await self._end(steps, request, signal_id)

    async def _begin(self, steps: Steps, request: ObserveRequest, signal_id: str) -> float:
        seconds = self._limits.observe_seconds

        async def begin() -> float:
            return await self._db.begin_observing(
                wait=new_wait(steps, signal_id, WaitKind.OBSERVATION, request.deployment_id, seconds)
            )

        return await steps.quietly("begin to observe", begin, float)

    async def _end(self, steps: Steps, request: ObserveRequest, signal_id: str) -> str:
        async def end() -> str:
            await self._db.settle_wait(awakeable_id=signal_id)
            found = await self._db.end_observation(
                operation_id=request.operation_id, deadline_seconds=self._limits.deadline_seconds
            )
            return str(ObservationStatus.REPLACED if found is None else found.status)

        return await steps.quietly("observed", end, str)
