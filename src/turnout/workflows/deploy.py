"""Deploy: a new version is started, checked, and given its domains."""

from __future__ import annotations

import restate
from restate import TerminalError

from turnout.domain.errors import Conflict, Invalid
from turnout.domain.plans import DeployPlan
from turnout.domain.records import Instance, Operation, OperationKind
from turnout.domain.statuses import (
    OPERATION_TERMINAL,
    TERMINAL,
    DeploymentStatus,
)
from turnout.domain.waits import Outcome, WaitKind
from turnout.workflows import openapi
from turnout.workflows.parts import Parts
from turnout.workflows.readiness import become_ready, counted, wanted
from turnout.workflows.releasing import Releasing
from turnout.workflows.requests import (
    DeployRequest,
    DeployResponse,
    SwitchCall,
    Switched,
)
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Note, Steps, new_wait, was_cancelled
from turnout.workflows.validating import make_sure


class Deploy:
    """The handlers of a project's `Deployments` object: one deploy of a project at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._releasing = Releasing(parts)
        self._db = parts.db
        self._limits = parts.limits

    async def deploy(self, ctx: restate.ObjectContext, request: DeployRequest) -> DeployResponse:
        """Run the ten steps; a failure leaves the deployment failed, its instances gone, the routes untouched."""
        steps = await self._parts.steps_of_deploy(ctx, request)
        try:
            plan = await self._prepare(ctx, steps, request)
            await self._releasing.release(ctx, steps, plan)
            await self._start(ctx, steps, plan)
            await self._examine(steps, plan)
            await make_sure(self._db, steps, plan)
            switched = await self._switch(ctx, steps, plan)
            await self._parts.finish(steps, switched)
            return DeployResponse(
                deployment_id=plan.deployment.id,
                live=switched.result.took_live,
                generation=switched.result.generation,
                degraded=switched.confirmed.reason,
            )
        except TerminalError as error:
            await self._undo(ctx, steps, request, error)
            raise

    # 1-3: lookup, context, building

    async def _prepare(self, ctx: restate.ObjectContext, steps: Steps, request: DeployRequest) -> DeployPlan:
        project_id = ctx.key()

        async def lookup() -> Operation:
            return await self._begin(steps.operation_id, project_id, request.deployment_id)

        async def context() -> DeployPlan:
            plan = await self._db.load_deploy_plan(deployment_id=request.deployment_id)
            if plan.deployment.status in TERMINAL:
                raise Conflict(f"cannot deploy {request.deployment_id}: it is {plan.deployment.status} already")
            return plan

        async def building() -> DeployPlan:
            await self._db.advance_deployment(deployment_id=request.deployment_id, status=DeploymentStatus.BUILDING)
            if request.docker_image is not None:
                await self._db.set_image(deployment_id=request.deployment_id, image=request.docker_image)
            if request.key_auth_id is not None:
                await self._db.ask_for_keys(deployment_id=request.deployment_id, reference=request.key_auth_id)
            plan = await self._db.load_deploy_plan(deployment_id=request.deployment_id)
            if plan.deployment.image is None:
                raise Invalid(f"cannot deploy {request.deployment_id}: it has no image and was never built")
            return plan

        await steps.run("lookup", lookup, Operation)
        await steps.run("context", context, DeployPlan)
        return await steps.run("building", building, DeployPlan, note=lambda it: Note(detail=it.deployment.image))

    async def _begin(self, operation_id: str, project_id: str, deployment_id: str) -> Operation:
        """Its turn has come: it goes on unless it has ended, or a newer one has overtaken it."""
        operation = await self._db.begin_operation(operation_id=operation_id)
        if operation.status in OPERATION_TERMINAL:
            raise Conflict(f"cannot deploy {deployment_id}: {operation.id} is {operation.status} already")
        if operation.project_id != project_id or operation.deployment_id != deployment_id:
            raise Invalid(f"cannot deploy {deployment_id}: it is not what {operation.id} was asked for")
        if (newer := await self._db.supersede_if_overtaken(operation_id=operation.id)) is not None:
            raise Conflict(f"cannot deploy {deployment_id}: it is superseded by {newer.id}")
        return operation

    # 4-6: containers, readiness, registration

    async def _start(self, ctx: restate.ObjectContext, steps: Steps, plan: DeployPlan) -> None:
        deployment = plan.deployment
        seconds = deployment.health.deadline + self._limits.ready_grace_seconds
        signal_id, signal = ctx.awakeable(serde=JsonOf(Outcome))

        async def containers() -> int:
            await self._db.advance_deployment(deployment_id=deployment.id, status=DeploymentStatus.DEPLOYING)
            return await self._parts.krane.place(
                spec=plan.run_spec(),
                regions=deployment.regions,
                wait=new_wait(
                    steps, signal_id, WaitKind.INSTANCES_RUNNING, deployment.id, seconds, wanted=wanted(deployment)
                ),
            )

        async def register() -> tuple[Instance, ...]:
            await self._db.advance_deployment(deployment_id=deployment.id, status=DeploymentStatus.NETWORK)
            return await self._db.register_instances(deployment_id=deployment.id)

        await steps.run("containers", containers, int, note=counted(deployment), opens="readiness")
        await become_ready(self._parts, steps, signal_id, signal, plan, seconds=seconds)
        await steps.run(
            "registration",
            register,
            tuple[Instance, ...],
            note=lambda instances: Note(detail=", ".join(each.address or "" for each in instances)),
        )

    # 7: the app's own description

    async def _examine(self, steps: Steps, plan: DeployPlan) -> None:
        async def scrape() -> openapi.Scrape:
            instances = await self._parts.krane.instances_of(deployment_id=plan.deployment.id)
            addresses = [each.address for each in instances if each.registered and each.address]
            path, logger = plan.deployment.openapi_path, self._parts.logger
            found = await openapi.scrape(addresses, path, self._limits, logger, deployment_id=plan.deployment.id)
            if (document := found.document) is not None:
                await self._db.save_openapi(
                    deployment_id=plan.deployment.id,
                    spec_id=document.id,
                    format=document.format,
                    document=document.served,
                    as_json=document.json if document.format == "yaml" else None,
                )
            return found.without_document()

        await steps.run("openapi", scrape, openapi.Scrape, note=openapi.as_note)

    # 8-10: domains, ready, live: one transaction, in the project's Routing object

    async def _switch(self, ctx: restate.ObjectContext, steps: Steps, plan: DeployPlan) -> Switched:
        call = SwitchCall(operation_id=steps.operation_id, kind=OperationKind.DEPLOY, target_id=plan.deployment.id)
        answer = await ctx.generic_call(
            "Routing",
            "switch",
            JsonOf(SwitchCall).serialize(call),
            key=plan.project.id,
            idempotency_key=steps.operation_id,
        )
        return JsonOf(Switched).read(answer)

    # undo

    async def _undo(
        self, ctx: restate.ObjectContext, steps: Steps, request: DeployRequest, error: TerminalError
    ) -> None:
        """Take back what was started. A deployment that is ready has been switched to and is left alone."""
        steps.shield()
        seconds = self._limits.remove_seconds
        gone_id, gone = ctx.awakeable(serde=JsonOf(Outcome))

        async def abandon() -> bool:
            return await self._db.abandon_deployment(
                operation_id=steps.operation_id,
                deployment_id=request.deployment_id,
                status=DeploymentStatus.CANCELLED if was_cancelled(error) else DeploymentStatus.FAILED,
                reason=error.message,
                wait=new_wait(steps, gone_id, WaitKind.INSTANCES_GONE, request.deployment_id, seconds),
            )

        if await steps.quietly("abandon", abandon, bool):
            await steps.wait("removal", gone, seconds=seconds)
        await self._parts.end_early(steps, error, settles=gone_id)
