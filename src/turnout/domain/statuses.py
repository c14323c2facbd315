"""The statuses, and the one table of their legal transitions.

Code changes a status through `check_transition` only. `docs/architecture.md` shows the diagram that
`mermaid()` makes from the same table, and a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from turnout.domain.errors import IllegalTransition


class DeploymentStatus(StrEnum):
    """Where one version of a project stands."""

    PENDING = "pending"
    BUILDING = "building"
    DEPLOYING = "deploying"
    NETWORK = "network"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"


class OperationStatus(StrEnum):
    """Where an asked-for deploy, rollback or promote stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEGRADED = "degraded"
    """Done and committed, but not every part confirmed it in time; the reason names the part."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class InstanceStatus(StrEnum):
    """What krane last observed of one running copy."""

    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    """Running and passing its health check."""
    FAILED = "failed"
    GONE = "gone"


class JobStatus(StrEnum):
    """Where a command stands that krane runs once, such as a release command."""

    PENDING = "pending"
    """Not begun. It may be begun once."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Ended badly, could not be started, or nobody knows how it ended."""


class ObservationStatus(StrEnum):
    """What came of the time for which a new version is watched after its switch."""

    OPEN = "open"
    PASSED = "passed"
    DEGRADED = "degraded"
    """An instance died or stopped passing its health check."""
    REPLACED = "replaced"
    """Another switch, or a stop, came first: there was nothing left to observe."""


class StepStatus(StrEnum):
    """One line of an operation's timeline."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


_D = DeploymentStatus
_O = OperationStatus
_ENDED_EARLY: Final = frozenset({_D.FAILED, _D.CANCELLED, _D.SUPERSEDED})

TRANSITIONS: Final[dict[DeploymentStatus, frozenset[DeploymentStatus]]] = {
    _D.PENDING: frozenset({_D.BUILDING}) | _ENDED_EARLY,
    _D.BUILDING: frozenset({_D.DEPLOYING}) | _ENDED_EARLY,
    _D.DEPLOYING: frozenset({_D.NETWORK}) | _ENDED_EARLY,
    _D.NETWORK: frozenset({_D.READY}) | _ENDED_EARLY,
    _D.READY: frozenset({_D.STOPPED}),
    _D.STOPPED: frozenset({_D.READY}),
    _D.FAILED: frozenset(),
    _D.CANCELLED: frozenset(),
    _D.SUPERSEDED: frozenset(),
}
"""Every legal change of a deployment's status. A stopped deployment may be started again; the three
bad ends are final."""

OPERATION_TRANSITIONS: Final[dict[OperationStatus, frozenset[OperationStatus]]] = {
    _O.PENDING: frozenset({_O.RUNNING, _O.FAILED, _O.CANCELLED, _O.SUPERSEDED}),
    _O.RUNNING: frozenset({_O.SUCCEEDED, _O.DEGRADED, _O.FAILED, _O.CANCELLED, _O.SUPERSEDED}),
    _O.SUCCEEDED: frozenset(),
    _O.DEGRADED: frozenset(),
    _O.FAILED: frozenset(),
    _O.CANCELLED: frozenset(),
    _O.SUPERSEDED: frozenset(),
}

TERMINAL: Final = frozenset(status for status, after in TRANSITIONS.items() if not after)
"""Deployment statuses that nothing ever overwrites."""

ACTIVE: Final = frozenset({_D.PENDING, _D.BUILDING, _D.DEPLOYING, _D.NETWORK})
"""A deploy is on its way."""

OBSERVED_TRANSITIONS: Final[dict[OperationStatus, frozenset[OperationStatus]]] = {
    _O.SUCCEEDED: frozenset({_O.DEGRADED}),
}
"""What may still change after the end, and by one hand only: the observation that follows a switch."""

OPERATION_TERMINAL: Final = frozenset(status for status, after in OPERATION_TRANSITIONS.items() if not after)
OPERATION_IN_VAIN: Final = frozenset({OperationStatus.FAILED, OperationStatus.CANCELLED, OperationStatus.SUPERSEDED})
"""Ended without a switch, or without what was to be started."""


def check_transition(current: DeploymentStatus, wanted: DeploymentStatus) -> bool:
    """Return True when the change has to be made, False when it already was.

    Raises IllegalTransition for everything the table does not have: a late or repeated effect can
    therefore never overwrite a terminal status.
    """
    if current is wanted:
        return False
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(f"cannot change a deployment from {current} to {wanted}")
    return True


def mermaid() -> str:
    """The state diagram of the docs, one line a transition, in the order of the table."""
    lines = ["stateDiagram-v2", f"    [*] --> {DeploymentStatus.PENDING}"]
    for status, after in TRANSITIONS.items():
        lines += [f"    {status} --> {to}" for to in DeploymentStatus if to in after]
        if status in TERMINAL:
            lines.append(f"    {status} --> [*]")
    return "\n".join(lines)
