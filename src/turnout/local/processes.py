"""What the operating system knows of our parts: births, marks, memory; and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "TURNOUT_PART"
"""Environment variable with the name of the part; what a part starts carries it too, unless it was cleared."""
_MIB: Final = 1024 * 1024


def birth(pid: int) -> str | None:
    """When the live process `pid` began, as a text that no later process of that pid shares; None when dead.

    On Linux it counts ticks since boot: setting the clock does not change it.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if psutil.LINUX:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{process.create_time():.6f}"
    except (psutil.Error, OSError):
        return None


def parts_of(home: Path) -> list[psutil.Process]:
    """The live processes that were started for the parts of this home, whoever their parent is now.

    They are known by their environment, so that none is missed because its start could not be written down.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            if MARK in environment and environment.get("TURNOUT_HOME") == str(home) and process.pid != os.getpid():
                found.append(process)
    return found


def gateways_of(home: Path) -> list[psutil.Process]:
    """The Envoys and sentinels of this home: they have no marks, and outlive the part that started them."""
    folder = f"{home / 'gateway'}{os.sep}"
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            if {"--config-path", "turnout.gateway.sentinel"}.intersection(words) and any(
                word.startswith(folder) for word in words
            ):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], *, grace: float) -> None:
    """Ask them to end, wait at most `grace` seconds, then make them. Returns when they are gone."""
    alive = list(processes)
    if grace > 0:
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        alive = _wait(alive, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(alive, timeout=5)


def _wait(processes: list[psutil.Process], *, timeout: float) -> list[psutil.Process]:
    """Those that are alive after all. A zombie is not: when it is collected is for its parent to say."""
    deadline = time.monotonic() + timeout
    while (alive := [each for each in processes if _is_alive(each)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end_group(leader: int, how: signal.Signals) -> None:
    """Signal what is left of a part's own process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, how)


def wait_until_dead(pid: int, born: str, *, timeout: float) -> bool:
    """Wait for a process that is not our child; False when it lives on."""
    deadline = time.monotonic() + timeout
    while birth(pid) == born:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def memory_mib(processes: Iterable[psutil.Process]) -> float:
    """The resident memory of the processes, in MiB.

    On Linux a page that n processes share counts as one n-th for each (PSS), so that sums are true; elsewhere
    it counts in full for each.
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss if psutil.LINUX else process.memory_info().rss
    return round(total / _MIB, 1)
