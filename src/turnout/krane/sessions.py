"""What the operating system knows of our processes: births, sessions, memory, marks.

An instance is the leader of its own session. The kernel gives a pid to nobody else while a session or a
group of that number has members, so that a session can be ended safely even when its leader is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "TURNOUT_INSTANCE_ID"


def birth(pid: int) -> str | None:
    """When the live process `pid` began, as a text that no later process of that pid shares; None when dead.

    On Linux it counts ticks since boot and names the boot: a clock that is set, by hand or by the network,
    changes the wall-clock start times of all processes, and would make every instance a stranger.
    """
    if sys.platform != "linux":
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.6f}"
        except psutil.Error:
            return None
    fields = _stat(pid)
    return None if fields is None else f"{_boot()}:{fields[19]}"


def sessions() -> dict[int, list[int]]:
    """Every session of the machine with its live members. Costs about a millisecond for 500 processes."""
    table: dict[int, list[int]] = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            table.setdefault(os.getsid(pid), []).append(pid)
    return table


def members(session: int) -> list[int]:
    """The live members of one session; a zombie holds nothing any more and does not count."""
    return [pid for pid in sessions().get(session, []) if birth(pid) is not None]


def send(pids: Iterable[int], signum: signal.Signals) -> None:
    """Send a signal; those that are gone by now are what we wanted."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def memory(pids: Iterable[int]) -> int:
    """The resident bytes of the processes together. Pages that they share are counted once for each."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


def marked(instances: Path) -> dict[int, str]:
    """Live processes that carry the mark of an instance below `instances`: pid → instance id.

    Reads the environment of every process of this user: for start-up and clearing away, not for each second.
    """
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        instance_id = environment.get(MARK, "")
        if instance_id and environment.get("HOME") == str(instances / instance_id / "home") and birth(process.pid):
            found[process.pid] = instance_id
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; the name before them may hold any character."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
