"""Why does it not go on? Pure: what is known of an operation in, what it waits for out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from turnout.domain.records import Operation, OperationKind, Step
from turnout.domain.statuses import OperationStatus, StepStatus
from turnout.domain.waits import Wait, WaitKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """All that is known of an operation that has not ended."""

    operation: Operation
    steps: Sequence[Step]
    waits: tuple[Wait, ...]
    """The open ones."""
    ahead: tuple[str, ...]
    """Earlier operations that take their turn before it, the oldest first."""
    build_seconds: float
    restate_is_up: bool
    build_line: str | None = None
    """Its place among those that wait to build."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What it waits for, since when, until when, and who is before it."""

    phase: str
    what: str
    since: datetime
    until: datetime | None = None
    ahead: tuple[str, ...] = ()


_WAITED_FOR: Final = {
    WaitKind.INSTANCES_RUNNING: ("starting", "its instances to pass their health checks"),
    WaitKind.INSTANCES_GONE: ("stopping", "its instances to be gone"),
    WaitKind.BUILD_PLACE: ("queued", "a build place"),
    WaitKind.RELEASE: ("releasing", "its release command to end"),
    WaitKind.GENERATION: ("confirming", "the gateways to confirm the switch"),
    WaitKind.OBSERVATION: ("observing", "its time of observation to pass"),
}


def explain(situation: Situation) -> Waiting | None:
    """The one thing that has to come true next; None while it works and waits for nobody."""
    return _under_way(situation) or _in_line(situation)


def _under_way(situation: Situation) -> Waiting | None:
    operation = situation.operation
    for wait in situation.waits:
        phase, what = _WAITED_FOR[wait.kind]
        if wait.kind is WaitKind.BUILD_PLACE and situation.build_line is not None:
            what = situation.build_line
        if operation.cancel_requested_at is None or wait.kind is WaitKind.INSTANCES_GONE:
            return Waiting(phase=phase, what=what, since=wait.created_at, until=wait.deadline_at)
    if operation.cancel_requested_at is not None:
        what = "what it has begun to be undone" if situation.restate_is_up else "Restate, which does not answer"
        return Waiting(phase="cancelling", what=what, since=operation.cancel_requested_at)
    build = _build_of(situation)
    if build is not None and build.status is StepStatus.RUNNING:
        until = build.started_at + timedelta(seconds=situation.build_seconds)
        return Waiting(phase="building", what="its build to end", since=build.started_at, until=until)
    return None


def _in_line(situation: Situation) -> Waiting | None:
    operation, build = situation.operation, _build_of(situation)
    if situation.ahead and _has_not_had_its_turn(operation, {step.name for step in situation.steps}):
        since = build.ended_at if build is not None and build.ended_at is not None else operation.created_at
        return Waiting(phase="queued", what=_behind(situation), since=since, ahead=situation.ahead)
    if not situation.restate_is_up:
        return Waiting(phase="sending", what="Restate, which does not answer", since=operation.created_at)
    if operation.status is OperationStatus.PENDING:
        return Waiting(phase="sending", what="the worker to begin with it", since=operation.created_at)
    return None


def _build_of(situation: Situation) -> Step | None:
    return next((step for step in situation.steps if step.name == "build"), None)


def sentence(waiting: Waiting) -> str:
    """The rest of "it is waiting for …"."""
    if waiting.until is None:
        return waiting.what
    return f"{waiting.what}, until {waiting.until:%H:%M:%S} UTC at the latest"


def _has_not_had_its_turn(operation: Operation, steps: set[str]) -> bool:
    if operation.kind is OperationKind.DEPLOY:
        return "lookup" not in steps
    return "domains" not in steps


def _behind(situation: Situation) -> str:
    first, others = situation.ahead[0], len(situation.ahead) - 1
    kind = "deploy" if situation.operation.kind is OperationKind.DEPLOY else "switch"
    more = f" and {others} more" if others else ""
    return f"{first}, an earlier {kind} of the same project{more}"
