"""What is handed to a step or a transaction as one piece: loaded once, frozen, complete."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from turnout.domain.records import (
    Backend,
    BuildOptions,
    Deployment,
    Environment,
    GitData,
    HealthCheck,
    OnBreaking,
    OperationKind,
    Project,
    Release,
    Resources,
    RunSpec,
    Workspace,
)
from turnout.domain.validation import Validation


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDeployment:
    """A deploy as it was asked for; the store makes the records of it."""

    workspace_id: str
    project: str
    environment: str
    image: str | None
    source_id: str | None
    backend: Backend
    git: GitData
    command: tuple[str, ...]
    build_command: tuple[str, ...]
    resources: Resources
    health: HealthCheck
    openapi_path: str | None
    key_auth_id: str | None
    regions: tuple[str, ...]
    actor: str
    """Who asked, for the audit: a token's name."""
    release: Release = field(default_factory=Release)
    auto_rollback: bool = False
    build: BuildOptions = field(default_factory=BuildOptions)
    openapi_breaking: OnBreaking | None = None
    validation: Validation = field(default_factory=Validation)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployPlan:
    """The context of a deploy: everything its steps need, loaded by one of them."""

    workspace: Workspace
    project: Project
    environment: Environment
    deployment: Deployment
    build: BuildOptions = field(default_factory=BuildOptions)

    def run_spec(self) -> RunSpec:
        """What krane is to run. Only after the image is known."""
        if self.deployment.image is None:
            raise ValueError(f"{self.deployment.id} has no image yet: a deployment runs only after its build")
        return RunSpec(
            deployment_id=self.deployment.id,
            project=self.project.slug,
            backend=self.deployment.backend,
            image=self.deployment.image,
            command=self.deployment.command,
            resources=self.deployment.resources,
            health=self.deployment.health,
            has_variables=self.deployment.has_variables,
        )

    def release_spec(self) -> RunSpec:
        """What the release command runs as: one instance of the new version, with another command."""
        spec = self.run_spec()
        return replace(spec, command=self.deployment.release.command, resources=replace(spec.resources, replicas=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchRequest:
    """One routing transaction, asked for by one operation."""

    operation_id: str
    kind: OperationKind
    project_id: str
    target_id: str
    source_id: str | None
    """Rollback only: the deployment that has to be live."""
    apex: str
    awakeable_id: str
    """Resolved when the gateways have acknowledged the generation; stored by the transaction itself."""
    wait_deadline_seconds: float
    observe_seconds: float = 0.0
    """How long the new version of a deploy is observed; 0: not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchResult:
    """What the transaction did. A replay finds the same result and changes nothing."""

    operation_id: str
    generation: int
    previous_deployment_id: str | None
    """What was live before."""
    live_deployment_id: str | None
    """What is live now."""
    took_live: bool
    released: tuple[str, ...]
    """Deployments that lost a branch, environment or live route: candidates for being stopped later."""
    committed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsentOperation:
    """An operation that Restate may not have heard of."""

    operation_id: str
    kind: OperationKind
    project_id: str
    deployment_id: str
    source_deployment_id: str | None
    from_source: bool
    """It needs a build first."""
    wakes: bool = False
    """Its deployment is stopped and has to be started first."""
