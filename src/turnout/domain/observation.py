"""Observation: what a new version does in the first seconds after the switch, and what follows from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from turnout.domain.records import Deployment, Project
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, ObservationStatus
from turnout.domain.waits import Outcome

AUTO_ROLLBACK: Final = "auto-rollback"
"""The actor of a rollback that nobody asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One deploy's observation."""

    operation_id: str
    deployment_id: str
    took_live: bool
    """Whether the switch made the deployment live."""
    status: ObservationStatus
    until_at: datetime
    incident: str | None
    """The first thing that went wrong, with the last lines the app printed."""
    note: str | None
    """What was done about it, or why nothing was."""
    rollback_operation_id: str | None


def incident(
    *, before: InstanceStatus | None, restarts_before: int, now: InstanceStatus, restarts: int, reason: str | None
) -> str | None:
    """What an instance's news means to an observation: the reason when it died or is unwell, else None.

    Restarts are counted, so that a death is seen even if all that was reported is that it runs again.
    """
    if before is InstanceStatus.RUNNING and now is not InstanceStatus.RUNNING:
        return reason or f"an instance is {now} again"
    if before is not None and restarts > restarts_before:
        return reason or "an instance ended and was restarted"
    return None


def still_watched(observation: Observation, project: Project, deployment: Deployment) -> bool:
    """Whether what was switched to is still what it was then: ready, and live if it was live."""
    return deployment.status is DeploymentStatus.READY and (
        not observation.took_live or project.live_deployment_id == deployment.id
    )


def observed(observation: Observation, project: Project, deployment: Deployment) -> ObservationStatus:
    """How it ends, if it ends now."""
    if observation.incident is not None:
        return ObservationStatus.DEGRADED
    if still_watched(observation, project, deployment):
        return ObservationStatus.PASSED
    return ObservationStatus.REPLACED


def may_end(observation: Observation | None, *, watched: bool) -> Outcome | None:
    """Over before its time: at an incident, or when there is nothing left to observe. None while it is open."""
    if observation is None or observation.status is not ObservationStatus.OPEN or not watched:
        return Outcome(ok=True)
    if observation.incident is not None:
        return Outcome(ok=False, reason=observation.incident)
    return None


def sentence(observation: Observation, seconds: float | None = None) -> str:
    """The reason of the operation that was observed."""
    within = "" if seconds is None else f" within {seconds:g} s"
    told = f"the switch is committed, but an instance failed{within} after it: {observation.incident}"
    return f"{told}\n{observation.note}" if observation.note else told
