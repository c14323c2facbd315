"""What can be set about a krane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class KraneSettings:
    """Times in seconds. The defaults are those of the product; tests shorten them."""

    home: Path
    """TURNOUT_HOME; krane keeps what it must remember in its subfolder `krane`."""
    region: str
    """The region this krane speaks for."""
    grace: float = 10.0
    """How long an instance may take to end after SIGTERM before it is killed."""
    drain: float = 0.5
    """How long before SIGTERM a running instance is reported as not running, so that traffic leaves it."""
    stop_instances_on_exit: bool = False
    """Whether instances end with krane. Off: an upgrade of the agent has no effect on traffic."""
    report_batch: float = 0.02
    """How long changes are gathered before they are reported together."""
    heartbeat_interval: float = 5.0
    """How often the server hears of this krane although nothing has changed."""
    full_report_interval: float = 30.0
    """How often everything is reported, changed or not, in case a report was lost."""
    reconnect_first: float = 0.1
    """The first wait after the server or an engine could not be reached; doubles from there."""
    reconnect_max: float = 1.0
    """The longest such wait."""
    eager_interval: float = 0.1
    """The time between the first health checks of an instance that was just started."""
    eager_checks: int = 30
    """How many checks may fail before the interval is the one that the deployment asks for."""
    relaxed_interval: float = 2.0
    """The least time between two health checks of a running instance."""
    unhealthy_after: int = 3
    """How many checks in a row must fail before a running instance is reported as not running."""
    backoff_first: float = 0.2
    """The wait before the first restart of an instance that ended; doubles with each."""
    backoff_max: float = 30.0
    """The longest wait before a restart."""
    healthy_after: float = 60.0
    """After running that long, an instance that ends is restarted as if for the first time."""
    failed_again: float = 60.0
    """The wait before an instance that has never run is tried again. Who deploys it has given it up long before that;
    it is still wanted where its deployment was ready once, on another machine or before it was restored."""
    sweep_interval: float = 15.0
    """How often the machine is searched for instances of this home that nobody knows."""
    log_flowing: float = 0.1
    """How often output is read while it flows."""
    log_idle: float = 0.25
    """How often an instance that prints nothing is looked at for output."""
    log_chunk: int = 65536
    """The most bytes of output handed over in one call."""
    log_flush: float = 2.0
    """How long the last output may take to reach the server before an instance's traces are removed."""
