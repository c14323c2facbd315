"""`turnout down`: tell the supervisor to stop, or, when it is dead, end what it has left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from turnout.domain.errors import Unavailable
from turnout.local.home import is_held
from turnout.local.parts import STOP_ORDER
from turnout.local.processes import MARK, end, gateways_of, parts_of, wait_until_dead
from turnout.local.record import forget_running, read_running

_PATIENCE: Final = 90.0
"""Seconds a supervisor may take: more than the graces of all parts together."""
_GRACE: Final = 10.0


def down(home: Path, *, say: Callable[[str], None]) -> tuple[str, ...]:
    """Stop every part of this home; returns the names of those that ran, in the order they were stopped.

    Instances are stopped by krane as it ends; those that are left when krane was dead are not. Raises
    Unavailable when the supervisor does not end.
    """
    stopped = _tell_supervisor(home, say)
    left: dict[str, list[psutil.Process]] = {name: [] for name in STOP_ORDER}
    for process in parts_of(home):
        left.setdefault(_name(process), []).append(process)
    left["gateway"] += gateways_of(home)
    for name, processes in left.items():
        if processes:
            say(f"ending {name}, which was left behind")
            end(processes, grace=_GRACE)
            stopped.append(name)
    forget_running(home)
    return tuple(dict.fromkeys(stopped))


def _tell_supervisor(home: Path, say: Callable[[str], None]) -> list[str]:
    running = read_running(home)
    deadline = time.monotonic() + _PATIENCE
    while is_held(home) and (running is None or not running.alive):
        # It has the lock and has not written itself down yet: that takes it a moment.
        if time.monotonic() > deadline:
            raise Unavailable(f"cannot stop what runs in {home}: its supervisor does not say who it is")
        time.sleep(0.05)
        running = read_running(home)
    if running is None or not running.alive:
        return []
    say("stopping everything")
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    if not wait_until_dead(running.pid, running.birth, timeout=_PATIENCE):
        raise Unavailable(
            f"cannot stop what runs in {home}: its supervisor (process {running.pid}) does not end; "
            f"look into {home / 'run' / 'supervisor.log'}, or end that process and run `turnout down` again"
        )
    names = [part.name for part in running.parts if part.pid is not None]
    return sorted(names, key=lambda name: STOP_ORDER.index(name) if name in STOP_ORDER else len(STOP_ORDER))


def _name(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARK, "other")
    except (psutil.Error, OSError):
        return "other"
