"""The JSON that travels between Turnout's parts: one model per request and answer of the HTTP API.

Field names are those that `--json` prints. More may be added; none is renamed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from turnout.domain.document import Answer as _Answer
from turnout.domain.document import Document as _Document
from turnout.domain.findings import FindingKind
from turnout.domain.job_documents import JobReport, ObservationDocument
from turnout.domain.jobs import JobSpec
from turnout.domain.keeping import GarbageKind
from turnout.domain.limits import SLUG_MAX, SLUG_PATTERN, AppPath, Command, ImageName, check_slug, plainly
from turnout.domain.records import (
    Backend,
    BuildOptions,
    HealthCheck,
    OnBreaking,
    OperationKind,
    Release,
    Resources,
    RunSpec,
    Sticky,
)
from turnout.domain.statuses import (
    DeploymentStatus,
    InstanceStatus,
    OperationStatus,
    StepStatus,
)
from turnout.domain.validation import Validation

Slug = Annotated[str, plainly(check_slug), Field(json_schema_extra={"pattern": SLUG_PATTERN, "maxLength": SLUG_MAX})]
"""Names of workspaces, projects, environments and regions: a DNS label of at most 40 characters."""

_Reference = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
"""An id that somebody gave us. Whether it names anything is for the store to say."""


class Problem(_Answer):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str


# ------------------------------------------------------------------------------------------- requests


class GitBody(_Document):
    """Where a source came from."""

    branch: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    commit_sha: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    commit_message: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None = None
    dirty: bool = False


class DeployBody(_Document):
    """A new version. Exactly one of `source_id` and `image` is given."""

    environment: Slug = "production"
    source_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    dockerfile: bool = False
    """The source has a Dockerfile, or `build` names one of it: build an image of it instead of a release folder."""
    image: ImageName | None = None
    git: GitBody = GitBody()
    build_command: Command = ()
    build: BuildOptions = BuildOptions()
    backend: Backend | None = None
    """What shall run a source; None: a Dockerfile means Docker, any other folder processes where there are some."""
    run_command: Command = ()
    release: Release = Release()
    auto_rollback: bool = False
    resources: Resources = Resources()
    health: HealthCheck = HealthCheck()
    openapi_path: AppPath | None = None
    openapi_breaking: OnBreaking | None = None
    """What becomes of it when it breaks clients of the live deployment."""
    validation: Validation = Validation()
    key_auth_id: Annotated[str, StringConstraints(max_length=128, pattern=r"^[!-~]+$")] | None = None
    """The keyspace whose keys requests need, by its id or its name."""


class RollbackBody(_Document):
    """Both may be left out: from the live deployment to the one that was live before it."""

    source_deployment_id: _Reference | None = None
    target_deployment_id: _Reference | None = None


class PromoteBody(_Document):
    """The deployment that takes the live domains."""

    target_deployment_id: _Reference


class GarbageBody(_Document):
    """What shall be collected."""

    dry_run: bool = False
    """Only say what would be."""


# -------------------------------------------------------------------------------------------- answers


class SourceAccepted(_Answer):
    """An uploaded source folder, named by the SHA-256 of its archive."""

    source_id: str
    size_bytes: int


class OperationAccepted(_Answer):
    """Asked for, written down, and on its way."""

    operation_id: str
    deployment_id: str


class DomainDocument(_Answer):
    """One domain of a deployment."""

    fqdn: str
    url: str
    sticky: Sticky


class StepDocument(_Answer):
    """One line of the timeline."""

    name: str
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None
    detail: str | None = None


class WaitingDocument(_Answer):
    """Why an operation does not go on."""

    phase: str
    """queued, building, starting, stopping, switching, confirming, cancelling, or sending."""
    what: str
    """What it waits for, as the rest of a sentence."""
    since: datetime
    until: datetime | None
    """It waits no longer than that; None when another operation's end decides."""
    ahead: tuple[str, ...]
    """The operations before it, the next one first."""


class OperationDocument(_Answer):
    """All there is to know of one operation."""

    operation_id: str
    kind: OperationKind
    project: str
    environment: str
    deployment_id: str
    status: OperationStatus
    reason: str | None
    live: bool
    live_deployment_id: str | None
    previous_deployment_id: str | None
    generation: int | None
    propagation_ms: float | None
    waiting_for: str | None
    waiting: WaitingDocument | None = None
    domains: tuple[DomainDocument, ...]
    steps: tuple[StepDocument, ...]
    observation: ObservationDocument | None = None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: float | None


class DeploymentDocument(_Answer):
    """One row of `turnout ls`."""

    id: str
    environment: str
    status: DeploymentStatus
    reason: str | None
    live: bool
    image: str | None
    git_branch: str | None
    git_commit_sha: str | None
    created_at: datetime
    instances_running: int
    domains: tuple[DomainDocument, ...]
    observation: ObservationDocument | None = None
    openapi_spec_id: str | None = None
    """The SHA-256 of the document that it describes itself by; None: none was found."""


class ProjectDocument(_Answer):
    """What `turnout ls` prints."""

    project: str
    live_deployment_id: str | None
    rolled_back: bool
    generation: int
    deployments: tuple[DeploymentDocument, ...]


class ProjectSummary(_Answer):
    """One project of a workspace."""

    project: str
    live_deployment_id: str | None
    rolled_back: bool


class ProjectList(_Answer):
    """The projects of a workspace, by name."""

    projects: tuple[ProjectSummary, ...]


class GarbageDocument(_Answer):
    """One thing that was collected, or would be."""

    kind: GarbageKind
    name: str
    size_bytes: int
    problem: str | None
    """Why it is still there; None when it is gone."""


class GarbageReport(_Answer):
    """What `turnout gc` prints."""

    dry_run: bool
    expired: tuple[str, ...]
    """Deployments that were removed because more are stopped than are to be kept."""
    collected: tuple[GarbageDocument, ...]
    freed_bytes: int


class RegionStatus(_Answer):
    """A region and its krane."""

    region: str
    connected: bool
    backends: tuple[Backend, ...]
    instances_running: int


class GatewayStatus(_Answer):
    """A gateway and what it serves."""

    gateway_id: str
    region: str
    connected: bool
    acknowledged_generation: int
    error: str | None


class ActiveOperation(_Answer):
    """An operation that has not ended, and why."""

    operation_id: str
    kind: OperationKind
    project: str
    status: OperationStatus
    waiting_for: str | None
    waiting: WaitingDocument | None = None
    created_at: datetime


class FindingDocument(_Answer):
    """Something stuck, leaked or forgotten that the watchdog has found."""

    kind: FindingKind
    subject: str
    """The id or name of what it is about."""
    since: datetime
    sentence: str
    """What it means, and what was done about it or what can be."""
    repaired: bool
    """It is over, by what was done about it."""


class FindingList(_Answer):
    """What is wrong, oldest first, and then what was repaired in the last minutes."""

    findings: tuple[FindingDocument, ...]


class StatusDocument(_Answer):
    """The control plane's view of itself."""

    version: str
    healthy: bool
    generation: int
    store: str
    restate: str
    regions: tuple[RegionStatus, ...]
    gateways: tuple[GatewayStatus, ...]
    operations: tuple[ActiveOperation, ...]
    observations: tuple[ObservationDocument, ...] = ()
    findings: tuple[FindingDocument, ...] = ()


# ---------------------------------------------------------------------------------- krane's two sides


class DesiredState(_Document):
    """One message of the stream to a krane.

    `complete` says that `deployments` is all the region shall run: what is not in it shall not run.
    Otherwise it is a change: these deployments shall run like this, and `removed` shall not run. The same holds
    for jobs; one that is listed is run once, if its claim is granted.
    """

    revision: int
    complete: bool
    deployments: tuple[RunSpec, ...] = ()
    removed: tuple[str, ...] = ()
    jobs: tuple[JobSpec, ...] = ()
    removed_jobs: tuple[str, ...] = ()


class InstanceReport(_Document):
    """What a krane observed of one instance."""

    id: str
    deployment_id: str
    slot: int
    status: InstanceStatus
    address: str | None = None
    reason: Annotated[str, StringConstraints(max_length=8000)] | None = None
    restarts: int = 0
    stopping: bool = False
    """krane was told to end it: what follows is no incident."""


class StrayReport(_Document):
    """What a krane has found under its mark without knowing it."""

    instance_id: Annotated[str, StringConstraints(max_length=64)]
    problem: Annotated[str, StringConstraints(max_length=500)] | None = None
    """Why it is still there; None: it was removed."""


class RegionReport(_Document):
    """One report of a krane. `complete`: what is not listed does not exist any more in the region."""

    complete: bool
    backends: tuple[Backend, ...]
    instances: tuple[InstanceReport, ...]
    jobs: tuple[JobReport, ...] = ()
    strays: Annotated[tuple[StrayReport, ...], Field(max_length=100)] = ()


class LogAccepted(_Answer):
    """How many bytes of an instance's output the server has; the krane goes on from there."""

    size_bytes: int
