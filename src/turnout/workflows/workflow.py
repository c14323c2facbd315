"""The front door: one object with the three operations, and the Restate services they are handlers of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import restate

from turnout.workflows.building import Building
from turnout.workflows.certificates import Certificates
from turnout.workflows.config import Config
from turnout.workflows.deploy import Deploy
from turnout.workflows.observing import Observing
from turnout.workflows.parts import Parts
from turnout.workflows.proving import Proving
from turnout.workflows.requests import (
    BuildCall,
    CheckCall,
    DeployRequest,
    DeployResponse,
    ObserveRequest,
    PromoteRequest,
    PromoteResponse,
    RetireRequest,
    RollbackRequest,
    RollbackResponse,
    SwitchCall,
    Switched,
    VisitCall,
    WakeCall,
)
from turnout.workflows.serde import JsonOf
from turnout.workflows.steps import Hook
from turnout.workflows.switching import Switching
from turnout.workflows.waking import Waking

RETRY = restate.InvocationRetryPolicy(
    initial_interval=timedelta(milliseconds=50),
    exponentiation_factor=2.0,
    max_interval=timedelta(seconds=1),
    max_attempts=100_000,
    on_max_attempts="kill",
)
"""How soon a handler is called again after its worker was away: within a second of its return, and for more
than a day. Steps bound their own retries, and every operation has a deadline of its own that ends it earlier;
a paused handler would hold its project's queue until a person comes."""


class Workflow:
    """Orchestrates deploy, rollback and promote.

    Two virtual objects, both keyed by project id. `Deployments` runs one deploy of a project at a time;
    `Routing` runs every change of its routes. So a rollback never waits for a deploy whose instances are slow.
    """

    def __init__(self, config: Config, *, hook: Hook | None = None) -> None:
        """Raises NotBuilt for a configured part that this version does not have. `hook` is for tests."""
        parts = Parts(config, hook)
        self._deploy = Deploy(parts)
        self._switching = Switching(parts)
        self._building = Building(parts)
        self._observing = Observing(parts)
        self._waking = Waking(parts)
        self._proving = Proving(parts)
        self._certificates = Certificates(parts)

    async def deploy(self, ctx: restate.ObjectContext, request: DeployRequest) -> DeployResponse:
        """Deploy a new version and configure its routing. The key of `ctx` is the project id.

        Raises TerminalError with 400, 404 or 409 for what can never work, 422 when the version does not
        start; the deployment is then failed with the reason, its instances are gone, routes are as before.
        """
        return await self._deploy.deploy(ctx, request)

    async def rollback(self, ctx: restate.ObjectContext, request: RollbackRequest) -> RollbackResponse:
        """Switch the environment's and the live domains from the live deployment to an earlier one.

        Marks the project rolled back. Raises TerminalError with 400 or 404; then nothing has changed.
        """
        return await self._switching.rollback(ctx, request)

    async def promote(self, ctx: restate.ObjectContext, request: PromoteRequest) -> PromoteResponse:
        """Switch the environment's and the live domains to a deployment and clear the rolled-back mark.

        Raises TerminalError with 400 or 404; then nothing has changed.
        """
        return await self._switching.promote(ctx, request)

    def services(self) -> list[restate.VirtualObject | restate.Service]:
        """What `restate.app` serves."""
        deployments = restate.VirtualObject("Deployments", invocation_retry_policy=RETRY)
        _bind(deployments, "deploy", self.deploy, DeployRequest, DeployResponse)
        _bind(deployments, "retire", self._waking.retire, RetireRequest, bool)
        routing = restate.VirtualObject("Routing", invocation_retry_policy=RETRY)
        _bind(routing, "switch", self._switching.switch, SwitchCall, Switched)
        _bind(routing, "rollback", self.rollback, RollbackRequest, RollbackResponse)
        _bind(routing, "promote", self.promote, PromoteRequest, PromoteResponse)
        builds = restate.Service("Builds", invocation_retry_policy=RETRY)
        _bind(builds, "build", self._building.build, BuildCall, type(None))
        observations = restate.Service("Observations", invocation_retry_policy=RETRY)
        _bind(observations, "observe", self._observing.observe, ObserveRequest, str)
        wakes = restate.Service("Wakes", invocation_retry_policy=RETRY)
        _bind(wakes, "wake", self._waking.wake, WakeCall, type(None))
        domains = restate.VirtualObject("Domains", invocation_retry_policy=RETRY)
        _bind(domains, "check", self._proving.check, CheckCall, str)
        certificates = restate.VirtualObject("Certificates", invocation_retry_policy=RETRY)
        _bind(certificates, "visit", self._certificates.visit, VisitCall, str)
        return [deployments, routing, builds, observations, wakes, domains, certificates]


def _bind(service: Any, name: str, handler: Any, takes: type, gives: type) -> None:
    service.handler(name, input_serde=JsonOf(takes), output_serde=JsonOf(gives))(handler)
