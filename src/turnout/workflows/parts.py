"""What the handlers of all workflows share: the store, krane, the limits, and how an operation ends."""

from __future__ import annotations

from typing import Any

import restate
from restate import TerminalError

from turnout.domain.errors import NotBuilt, NotFound
from turnout.domain.ids import new_id
from turnout.domain.statuses import OperationStatus
from turnout.workflows.config import Config
from turnout.workflows.requests import DeployRequest, Switched
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Hook, Steps, was_cancelled


class Parts:
    """Made once by `Workflow` from its configuration."""

    def __init__(self, config: Config, hook: Hook | None = None) -> None:
        _refuse_what_is_not_built(config)
        self.db = config.db
        self.krane = config.krane or config.db
        self.builds = config.build_client
        self.vault = config.vault
        self.limits = config.limits
        self.prover = config.prover
        self.domains = config.domains
        self.issuing = config.issuing
        self.apex = config.default_domain
        self.logger: Any = config.logger
        self._hook = hook

    def steps(self, ctx: restate.Context, *, operation_id: str) -> Steps:
        """The steps of a known operation."""
        return Steps(ctx, operation_id=operation_id, timeline=self.db, limits=self.limits, hook=self._hook)

    async def steps_of_deploy(self, ctx: restate.Context, request: DeployRequest) -> Steps:
        """The steps of a deploy, finding its operation when the caller did not name it."""
        if request.operation_id is not None:
            return self.steps(ctx, operation_id=request.operation_id)

        async def find() -> str:
            operation = await self.db.deploy_operation_of(deployment_id=request.deployment_id)
            if operation is None:
                raise NotFound(f"cannot deploy {request.deployment_id}: there is no such deployment")
            return operation.id

        operation_id = await self.steps(ctx, operation_id="").quietly("find operation", find, str)
        return self.steps(ctx, operation_id=operation_id)

    async def new_operation_id(self, ctx: restate.Context) -> str:
        """An id for an operation that nobody admitted; journalled, so that a replay has the same."""

        async def make() -> str:
            return new_id("op")

        return await ctx.run_typed("new operation", make, restate.RunOptions(serde=JsonOf(str)))

    async def finish(self, steps: Steps, switched: Switched) -> None:
        """Write the end of an operation whose switch is committed."""
        confirmed = switched.confirmed

        async def finish() -> None:
            await self.db.finish_operation(
                operation_id=steps.operation_id,
                status=OperationStatus.SUCCEEDED if confirmed.ok else OperationStatus.DEGRADED,
                reason=confirmed.reason,
                propagation_ms=confirmed.propagation_ms,
            )

        await steps.quietly("finish", finish, type(None))

    async def end_early(self, steps: Steps, error: TerminalError, *, settles: str | None = None) -> None:
        """Write the end of an operation that went wrong. A committed switch is never called failed."""
        ended = OperationStatus.CANCELLED if was_cancelled(error) else OperationStatus.FAILED

        async def end() -> None:
            if settles is not None:
                await self.db.settle_wait(awakeable_id=settles)
            committed = await self.db.switch_of(operation_id=steps.operation_id) is not None
            await self.db.finish_operation(
                operation_id=steps.operation_id,
                status=OperationStatus.DEGRADED if committed else ended,
                reason=f"the switch is committed; after it: {error.message}" if committed else error.message,
            )

        await steps.quietly("end", end, type(None))


def _refuse_what_is_not_built(config: Config) -> None:
    for name in ("cluster", "sentinel_image"):
        if getattr(config, name) is not None:
            raise NotBuilt(f"cannot configure {name}: this version of Turnout has no part that would use it")
