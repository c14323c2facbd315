"""What the watchdog looks at: the store and Restate at one moment, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from turnout.domain.waits import GatewayRecord


class Trace(StrEnum):
    """What Restate has of an operation that was sent to it."""

    ALIVE = "alive"
    OVER = "over"
    """Every invocation of it has ended, though it has not: somebody has killed it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One that has begun and not ended."""

    id: str
    handler: str
    """Service and handler, such as `Deployments/deploy`."""
    status: str
    """`running`, `suspended`, `backing-off` or `paused`."""
    operation_id: str | None
    """The operation it carries on; None when it carries on something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestateFacts:
    """What Restate says."""

    missing_services: tuple[str, ...]
    """Those of the worker's services that Restate cannot call."""
    invocations: tuple[Invocation, ...]
    traces: Mapping[str, Trace]
    """Of the open operations that it was asked about; one that is not here is unknown to Restate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenOperation:
    """One that has not ended."""

    operation_id: str
    workspace_id: str
    deployment_id: str
    is_deploy: bool
    sent: bool
    begun: bool
    """Its turn has come: the handler that does the work has taken its first step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Whose operation an invocation carries on."""

    workspace_id: str
    ended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionFacts:
    """A region, and whether anything shall run there."""

    name: str
    connected: bool
    last_seen_at: datetime | None
    wanted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayFacts:
    """A gateway, and when it was last heard of."""

    record: GatewayRecord
    seen_at: datetime | None
    """None: it is of a version that does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnwantedInstance:
    """One that is reported although its deployment shall not run there."""

    instance_id: str
    region: str
    workspace_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftover:
    """A row without whom it was for."""

    row: str
    """What it is: a deployment, a placement, a wait, …"""
    id: str
    workspace_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """A deployment that should have been stopped when the warm time after a switch was over."""

    deployment_id: str
    workspace_id: str
    generation: int
    """The switch that has replaced it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Down:
    """A deployment that is ready, and of which nothing runs although krane is there."""

    deployment_id: str
    workspace_id: str
    project: str
    live: bool
    reason: str | None
    """What krane says of one of its instances."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreFacts:
    """What the store says, all of one moment."""

    generation: int
    operations: tuple[OpenOperation, ...]
    regions: tuple[RegionFacts, ...]
    gateways: tuple[GatewayFacts, ...]
    unwanted: tuple[UnwantedInstance, ...]
    abandoned: tuple[Leftover, ...]
    leftovers: tuple[Leftover, ...]
    forgotten: tuple[Forgotten, ...]
    down: tuple[Down, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stray:
    """What krane has found under our mark, and could not remove yet."""

    instance_id: str
    region: str
    problem: str
