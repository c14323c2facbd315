"""What the handlers are asked and what they answer. Small, and never a secret: journals are stored."""

from __future__ import annotations

from dataclasses import dataclass

from turnout.domain.plans import SwitchResult
from turnout.domain.records import OperationKind
from turnout.domain.waits import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployRequest:
    """Deploy a deployment that was admitted to the store."""

    deployment_id: str
    docker_image: str | None = None
    """The image to run; None takes what the build of the deployment made."""
    key_auth_id: str | None = None
    """The keyspace whose keys requests need."""
    operation_id: str | None = None
    """The operation that asked; None takes the one the deployment was admitted with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployResponse:
    """How a deploy ended that did not fail."""

    deployment_id: str
    live: bool
    generation: int
    degraded: str | None
    """Why not every gateway has confirmed; None when all have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RollbackRequest:
    """From the live deployment back to one that still runs."""

    source_deployment_id: str
    target_deployment_id: str
    operation_id: str | None = None
    """The operation that asked; None makes one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RollbackResponse:
    """The switch of a rollback."""

    live_deployment_id: str
    generation: int
    degraded: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteRequest:
    """This deployment takes the live domains."""

    target_deployment_id: str
    operation_id: str | None = None
    """The operation that asked; None makes one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteResponse:
    """The switch of a promote."""

    live_deployment_id: str
    generation: int
    degraded: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SwitchCall:
    """One switch, asked of a project's `Routing` object."""

    operation_id: str
    kind: OperationKind
    target_id: str
    source_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Switched:
    """A switch that is committed, and how far it has got."""

    result: SwitchResult
    confirmed: Outcome
    """Whether every gateway serves it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetireRequest:
    """Stop a replaced deployment, if it still is replaced."""

    deployment_id: str
    generation: int
    """The switch that replaced it: a later one makes this message void."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObserveRequest:
    """Observe what a deploy has switched to."""

    operation_id: str
    deployment_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WakeCall:
    """Start a stopped deployment, then do with it what the operation was asked for."""

    operation_id: str
    kind: OperationKind
    project_id: str
    deployment_id: str
    source_deployment_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildCall:
    """Build a deployment's source, then deploy it."""

    operation_id: str
    deployment_id: str
    project_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckCall:
    """Look for the proof of a custom domain, and again later while it is not there."""

    round: int
    """A newer round ends this one."""
    check: int = 0
    """Which look of the round this is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VisitCall:
    """Look at the certificate of a domain."""

    issuing_id: str
    turn: int
    """A later one makes this message void."""
