"""The processes of a build: started apart from us, recognised for certain, killed to the last one."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "TURNOUT_BUILD"
"""Environment variable that every process of a build inherits: the path of its build folder."""

_KILL_SECONDS: Final = 5.0
_STEP_SECONDS: Final = 0.02
_QUIET_ROUNDS: Final = 2


def start_detached(
    arguments: Sequence[str], *, environment: Mapping[str, str], output: Path, keep_open: int, told: bytes = b""
) -> None:
    """Start a process in a session of its own, so that no signal to us and no end of ours reaches it.

    It inherits the open file `keep_open`, and with it a lock on that file. It finds `told` on its standard input,
    which is a pipe: nothing of it is in arguments, environment or a file. Raises OSError.
    """
    with output.open("ab") as file:
        process = subprocess.Popen(
            arguments,
            env=dict(environment),
            stdin=subprocess.PIPE if told else subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            pass_fds=(keep_open,),
        )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as pipe:  # one that died is started again by the next look
            pipe.write(told)
    # Somebody has to take notice of its end, or it stays in the process table for as long as we live.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()


def started(pid: int) -> str | None:
    """What tells this process from another one of the same number, whatever the clock does; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return f"ticks {fields[19]}"
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:  # no /proc: macOS, where the time is kept with the process
        return f"time {psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return None


def kill_build(folder: Path, *, leader: tuple[int, str] | None = None) -> bool:
    """Kill every process of the build in `folder` but the caller. Returns whether all are gone in time.

    `leader` is the builder's number and what `started` said of it: with it, processes are found that have
    cleared their environment.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    quiet_rounds = 0
    # One round is not enough: a process that is just being forked, or is between two programs (when the system
    # shows no environment of it), is found by the next one.
    while quiet_rounds < _QUIET_ROUNDS:
        members = _members(folder, leader)
        quiet_rounds = 0 if members else quiet_rounds + 1
        if members and time.monotonic() > deadline:
            return False
        for process in members:
            with suppress(psutil.Error):  # it has just ended by itself
                process.send_signal(signal.SIGKILL)
        time.sleep(_STEP_SECONDS)
    return True


def _members(folder: Path, leader: tuple[int, str] | None) -> list[psutil.Process]:
    session = leader[0] if leader is not None and started(leader[0]) == leader[1] else None
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _session(process.pid) == session or process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):  # gone, or another user's
            continue
    return found


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def boot_id() -> str:
    """What changes when the machine starts anew, and with it the origin of the monotonic clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
