"""What a workflow waits for, and when the wait is over. Pure: observations in, an outcome out.

A wait is written down with its awakeable's id before anything can end it, so that no signal is ever lost:
whoever observes the world looks at the open waits after each observation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from turnout.domain.records import Instance
from turnout.domain.statuses import InstanceStatus


class WaitKind(StrEnum):
    """What has to come true."""

    INSTANCES_RUNNING = "instances-running"
    INSTANCES_GONE = "instances-gone"
    RELEASE = "release"
    """The release command has ended."""
    OBSERVATION = "observation"
    """An incident, or nothing left to observe. That time is up, the workflow's own timer tells."""
    GENERATION = "generation"
    """Every connected gateway acknowledges a generation."""
    BUILD_PLACE = "build-place"
    """It is the operation's turn to build."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """One open wait of one operation."""

    awakeable_id: str
    operation_id: str
    kind: WaitKind
    deployment_id: str
    generation: int | None
    """Set for WaitKind.GENERATION."""
    wanted: int
    """Instances that have to run; 0 for the other kinds."""
    created_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a wait ended. Small and without secrets: it goes into the journal."""

    ok: bool
    reason: str | None = None
    propagation_ms: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRecord:
    """A gateway as the store knows it."""

    id: str
    region: str
    connected: bool
    acknowledged_generation: int
    acknowledged_at: datetime | None
    error: str | None
    """Why it refused the newest configuration; None when it did not."""
    error_generation: int | None


def instances_running(instances: Iterable[Instance], *, wanted: int) -> Outcome | None:
    """Over when all run, or as soon as one has failed for good; None while it is open."""
    known = [instance for instance in instances if instance.status is not InstanceStatus.GONE]
    for instance in known:
        if instance.status is InstanceStatus.FAILED:
            return Outcome(ok=False, reason=instance.reason or f"instance {instance.id} failed")
    running = sum(instance.status is InstanceStatus.RUNNING for instance in known)
    return Outcome(ok=True) if running >= wanted else None


def instances_gone(instances: Iterable[Instance]) -> Outcome | None:
    """Over when krane has nothing left of the deployment."""
    if all(instance.status is InstanceStatus.GONE for instance in instances):
        return Outcome(ok=True)
    return None


def generation_acknowledged(
    gateways: Iterable[GatewayRecord], *, generation: int, committed_at: datetime
) -> Outcome | None:
    """Over when every connected gateway serves `generation`, or one of them has refused it.

    With no gateway connected the wait stays open until its deadline: one may be about to come back.
    """
    connected = [gateway for gateway in gateways if gateway.connected]
    for gateway in connected:
        if _refused(gateway, generation):
            return Outcome(ok=False, reason=f"gateway {gateway.id} refused the configuration: {gateway.error}")
    if not connected or any(gateway.acknowledged_generation < generation for gateway in connected):
        return None
    last = max((g.acknowledged_at for g in connected if g.acknowledged_at is not None), default=committed_at)
    return Outcome(ok=True, propagation_ms=max(0.0, (last - committed_at).total_seconds() * 1000))


def _refused(gateway: GatewayRecord, generation: int) -> bool:
    """A gateway goes on after a refusal and confirms later generations: the refused one is still not served."""
    if gateway.error_generation is None:
        return False
    return gateway.error_generation == generation or (
        gateway.acknowledged_generation < generation < gateway.error_generation
    )


def unacknowledged(gateways: Iterable[GatewayRecord], *, generation: int) -> str:
    """The sentence of a degraded operation: who did not answer in time."""
    connected = [gateway for gateway in gateways if gateway.connected]
    behind = sorted(gateway.id for gateway in connected if gateway.acknowledged_generation < generation)
    if not connected:
        return "the switch is committed, but no gateway is connected: traffic follows as soon as one is back"
    return f"the switch is committed, but these gateways did not confirm it in time: {', '.join(behind)}"
