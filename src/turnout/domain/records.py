"""What the store holds and hands out: frozen records, a line per field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from turnout.domain import limits
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus, StepStatus
from turnout.domain.validation import Validation


class Sticky(StrEnum):
    """What a route follows when a newer deployment comes."""

    NONE = "none"
    BRANCH = "branch"
    ENVIRONMENT = "environment"
    LIVE = "live"


class OperationKind(StrEnum):
    """What was asked for."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    START = "start"
    """A stopped deployment runs again; no route moves."""


class Backend(StrEnum):
    """What runs an instance."""

    PROCESS = "process"
    DOCKER = "docker"


class OnBreaking(StrEnum):
    """What becomes of a deploy whose API breaks clients of the live one."""

    REFUSE = "refuse"
    ASK = "ask"
    """It becomes ready, and goes live when a person promotes it."""


PRODUCTION = "production"
"""The slug of the one environment whose deployments may be live."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What one deployment may use; per instance but for `replicas`."""

    replicas: Annotated[int, limits.REPLICAS.constraint] = 1
    cpu_millicores: Annotated[int, limits.CPU_MILLICORES.constraint] = 500
    memory_mib: Annotated[int, limits.MEMORY_MIB.constraint] = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How an image is made of a source, beside the build command. Nothing of it is secret."""

    dockerfile: limits.SourceFile | None = None
    """Path in the source; None is `Dockerfile` at its top, or a generated one when there is none."""
    target: limits.StageName | None = None
    """The stage to stop at; None is the last."""
    args: limits.BuildArgs = field(default_factory=dict)
    base: limits.ImageName | None = None
    """The image that a generated Dockerfile begins with; None chooses by the kind of app."""
    secrets: limits.BuildSecrets = ()
    """Names of variables of the environment that the build may see the values of."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> BuildOptions:
        """What was written down as JSON, which knows no tuples."""
        return cls(**{**document, "secrets": tuple(document.get("secrets", ()))})


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthCheck:
    """When an instance counts as running. Times in seconds.

    Without a `path` a TCP connect to $PORT is the check; with one, an HTTP GET that answers 200 to 399.
    """

    path: limits.AppPath | None = None
    interval: Annotated[float, limits.HEALTH_INTERVAL.constraint] = 0.5
    timeout: Annotated[float, limits.HEALTH_TIMEOUT.constraint] = 2.0
    passes: Annotated[int, limits.HEALTH_PASSES.constraint] = 2
    deadline: Annotated[float, limits.HEALTH_DEADLINE.constraint] = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What runs once for a deployment before its instances start, such as a migration. Empty: nothing does."""

    command: limits.Command = ()
    timeout: Annotated[float, limits.RELEASE_TIMEOUT.constraint] = 300.0
    """Seconds; a command that takes longer is stopped and has failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """All that krane needs in order to run one deployment, and nothing secret."""

    deployment_id: str
    project: str
    backend: Backend
    image: str
    """A release id (`release:<hash>`) for processes, an image reference for Docker."""
    command: tuple[str, ...] = ()
    """Argument list; empty means what the image says. `$PORT` and `${PORT}` are replaced."""
    resources: Resources = field(default_factory=Resources)
    health: HealthCheck = field(default_factory=HealthCheck)
    has_variables: bool = False
    """Whether krane has to fetch environment variables before each start. They are never part of a spec."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """A tenant."""

    id: str
    slug: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """An app."""

    id: str
    workspace_id: str
    slug: str
    live_deployment_id: str | None
    rolled_back: bool
    generation: int
    """The generation of the last routing transaction of this project; 0 before the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """`production`, `preview` or another slug of a project."""

    id: str
    project_id: str
    slug: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GitData:
    """Where the source came from; every field may be unknown."""

    branch: str | None = None
    commit_sha: str | None = None
    commit_message: str | None = None
    dirty: bool = False
    """The folder held changes that the commit does not: it is not what that commit says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One version of a project in one environment. Only `status` and what follows from it ever changes."""

    id: str
    project_id: str
    environment_id: str
    status: DeploymentStatus
    reason: str | None
    image: str | None
    """None until it is built."""
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
    created_at: datetime
    has_variables: bool = False
    """Whether its snapshot of the environment's variables holds any."""
    release: Release = field(default_factory=Release)
    auto_rollback: bool = False
    """Whether a bad end of its observation rolls it back."""
    openapi_breaking: OnBreaking | None = None
    """The gate on its way to the live domains; None: there is none."""
    openapi_spec_id: str | None = None
    """The document that it describes itself by, once it was found."""
    validation: Validation = field(default_factory=Validation)
    """Whether its requests are checked against its OpenAPI document."""
    stopped_at: datetime | None = None
    """When it was last stopped."""
    removed_at: datetime | None = None
    """Nothing is left of it but this record: it can neither be listed nor started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One asked-for deploy, rollback, promote or start."""

    id: str
    project_id: str
    kind: OperationKind
    status: OperationStatus
    reason: str | None
    deployment_id: str
    """The deployment that is deployed, rolled back to, promoted or started."""
    source_deployment_id: str | None
    """Rollback: the deployment that was live when it was asked for."""
    previous_deployment_id: str | None
    """The deployment that was live before the switch."""
    live: bool
    """Whether the switch made `deployment_id` the live one."""
    generation: int | None
    propagation_ms: float | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    wakes: bool = False
    """Its deployment was stopped when it was asked for, and is started first."""
    cancel_requested_at: datetime | None = None
    cancelled_by: str | None = None
    deadline_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One line of an operation's timeline."""

    name: str
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One running copy of a deployment in a region, as krane last reported it."""

    id: str
    deployment_id: str
    region: str
    slot: int
    status: InstanceStatus
    address: str | None
    """`host:port`, once it listens."""
    reason: str | None
    """Why it failed, with the last lines it printed."""
    registered: bool
    """Whether the workflow has registered it for traffic."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A fully qualified domain name and the deployment it leads to."""

    id: str
    fqdn: str
    project_id: str
    environment_id: str
    deployment_id: str
    sticky: Sticky
