"""One instance's life: a table of phases, and pure functions from what was seen to what it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from signal import Signals
from typing import Final

from turnout.domain.errors import IllegalTransition
from turnout.domain.records import HealthCheck
from turnout.domain.statuses import InstanceStatus
from turnout.krane.health import Verdict
from turnout.krane.ports import Observation, Presence
from turnout.krane.settings import KraneSettings


class Phase(StrEnum):
    """Where the life of an instance stands."""

    PENDING = "pending"
    """To be started, for the first time or again."""
    STARTING = "starting"
    """Alive, and not passing its health check (yet, or any more)."""
    RUNNING = "running"
    BACKOFF = "backoff"
    """Ended after it had been running once; waits for its restart."""
    FAILED = "failed"
    """Ended, or overdue, before it ever ran. A deploy is given up then; what is wanted all the same is tried again."""
    STOPPING = "stopping"
    GONE = "gone"


class Event(StrEnum):
    """What can happen to it."""

    STARTED = "started"
    PASSED = "passed"
    UNWELL = "unwell"
    DIED = "died"
    """Ended, or overdue, before its first pass."""
    LOST = "lost"
    """Ended, or overdue, after it had been running once."""
    RETRY = "retry"
    STOP = "stop"
    STOPPED = "stopped"


_P = Phase
_E = Event
TABLE: Final[dict[tuple[Phase, Event], Phase]] = {
    (_P.PENDING, _E.STARTED): _P.STARTING,
    (_P.PENDING, _E.DIED): _P.FAILED,
    (_P.PENDING, _E.LOST): _P.BACKOFF,
    (_P.PENDING, _E.STOP): _P.STOPPING,
    (_P.STARTING, _E.PASSED): _P.RUNNING,
    (_P.STARTING, _E.DIED): _P.FAILED,
    (_P.STARTING, _E.LOST): _P.BACKOFF,
    (_P.STARTING, _E.RETRY): _P.PENDING,
    (_P.STARTING, _E.STOP): _P.STOPPING,
    (_P.RUNNING, _E.UNWELL): _P.STARTING,
    (_P.RUNNING, _E.LOST): _P.BACKOFF,
    (_P.RUNNING, _E.STOP): _P.STOPPING,
    (_P.BACKOFF, _E.RETRY): _P.PENDING,
    (_P.BACKOFF, _E.STOP): _P.STOPPING,
    (_P.FAILED, _E.RETRY): _P.PENDING,
    (_P.FAILED, _E.STOP): _P.STOPPING,
    (_P.STOPPING, _E.STOPPED): _P.GONE,
}
"""Every legal step. What is not here cannot happen."""

_STATUS: Final = {
    _P.PENDING: InstanceStatus.PENDING,
    _P.STARTING: InstanceStatus.STARTING,
    _P.RUNNING: InstanceStatus.RUNNING,
    _P.BACKOFF: InstanceStatus.STARTING,
    _P.FAILED: InstanceStatus.FAILED,
    _P.STOPPING: InstanceStatus.STARTING,
    _P.GONE: InstanceStatus.GONE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """Where one instance stands, and what the next decision needs to know."""

    phase: Phase = Phase.PENDING
    ever_ready: bool = False
    """Whether it has been running once: then it is worth restarting."""
    restarts: int = 0
    streak: int = 0
    """How many times in a row it ended without having been well for long."""
    since: float = 0.0
    """When the phase began; for STARTING, when its deadline began to count."""
    passes: int = 0
    fails: int = 0
    reason: str | None = None
    last_check: str | None = None

    @property
    def status(self) -> InstanceStatus:
        """What is reported. Only RUNNING may get traffic; one that ended after it ran is starting again."""
        if self.phase is Phase.PENDING and self.ever_ready:
            return InstanceStatus.STARTING
        return _STATUS[self.phase]


def advance(life: Life, event: Event, *, now: float, settings: KraneSettings, reason: str | None = None) -> Life:
    """The life after `event`. Raises IllegalTransition for what the table does not have."""
    try:
        phase = TABLE[life.phase, event]
    except KeyError:
        raise IllegalTransition(f"cannot follow {event} while an instance is {life.phase}") from None
    streak, restarts = life.streak, life.restarts
    if life.phase is Phase.RUNNING and now - life.since >= settings.healthy_after:
        streak = 0
    if event is Event.LOST:
        streak += 1
    if life.phase is Phase.BACKOFF and event is Event.RETRY:
        restarts += 1
    keeps_reason = phase in (Phase.PENDING, Phase.STARTING) and reason is None
    return replace(
        life,
        phase=phase,
        ever_ready=life.ever_ready or phase is Phase.RUNNING,
        restarts=restarts,
        streak=streak,
        since=now,
        passes=0,
        fails=0,
        reason=life.reason if keeps_reason else reason,
        last_check=None if event is Event.STARTED else life.last_check,
    )


def ended(life: Life) -> Event:
    """What it means that the instance ended, cannot start, or is overdue."""
    return Event.LOST if life.ever_ready else Event.DIED


def judge(
    life: Life, verdict: Verdict, *, health: HealthCheck, now: float, settings: KraneSettings
) -> tuple[Life, Event | None]:
    """Count one health check of a STARTING or RUNNING instance; the event, when the count says something."""
    if verdict.passed:
        life = replace(life, passes=life.passes + 1, fails=0)
        return life, Event.PASSED if life.phase is Phase.STARTING and life.passes >= health.passes else None
    life = replace(life, passes=0, fails=life.fails + 1, last_check=verdict.detail)
    if life.phase is Phase.RUNNING:
        return life, Event.UNWELL if life.fails >= settings.unhealthy_after else None
    return life, ended(life) if now - life.since >= health.deadline else None


def backoff(streak: int, settings: KraneSettings) -> float:
    """Seconds before the next restart, after ending `streak` times in a row."""
    return float(min(settings.backoff_max, settings.backoff_first * 2 ** min(max(streak - 1, 0), 30)))


def check_interval(life: Life, health: HealthCheck, settings: KraneSettings) -> float:
    """Seconds between two health checks: as asked for until it runs, then at leisure.

    An instance that has just been started and has not answered yet is asked more often: most listen within
    a moment, and every deploy waits for that moment.
    """
    if life.phase is not Phase.STARTING:
        return max(health.interval, settings.relaxed_interval)
    if life.passes == 0 and life.fails < settings.eager_checks:
        return min(health.interval, settings.eager_interval)
    return health.interval


def describe_exit(observation: Observation, elapsed: float | None) -> str:
    """Why it is not there any more, as the beginning of a sentence. `elapsed`: since its start, if known."""
    after = "" if elapsed is None else f" after {elapsed:.1f} s"
    if observation.reason is not None:
        return f"{observation.reason}{after}"
    if observation.presence is Presence.MISSING:
        return "is not on this machine any more: it was removed, or the machine was restarted"
    if observation.exit_code is None:
        return "ended while no krane was there to see its exit code"
    if observation.exit_code < 0:
        return f"was ended by {signal_name(-observation.exit_code)}{after}"
    return f"exited with code {observation.exit_code}{after}"


def signal_name(number: int) -> str:
    """`signal 9 (SIGKILL)`."""
    try:
        return f"signal {number} ({Signals(number).name})"
    except ValueError:
        return f"signal {number}"
