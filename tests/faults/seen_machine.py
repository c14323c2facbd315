"""The processes of one home, each with what it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from tests.kit import Turnout
from turnout.builds.processes import MARK as BUILD_MARK
from turnout.krane.sessions import MARK as INSTANCE_MARK
from turnout.local.processes import gateways_of
from turnout.local.record import read_running


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One process of the home."""

    pid: int
    command: str
    part: str | None
    """The part it is, or was started by; None when it is neither."""
    instance: str | None
    """The instance it belongs to."""
    build: str | None
    """The folder of the build it belongs to."""
    gateway: bool
    """Whether it is Envoy, or the sentinel beside it."""


def see_processes(turnout: Turnout) -> tuple[Seen, ...]:
    """The processes of the home, but the test's own and the command lines that it has started."""
    running = read_running(turnout.home)
    parts = {each.pid: each.name for each in running.parts if each.pid is not None} if running else {}
    if running is not None:
        parts[running.pid] = "supervisor"
    parents: dict[int, int] = {each.pid: each.info["ppid"] for each in psutil.process_iter(["ppid"])}
    gateway = {each.pid for each in gateways_of(turnout.home)}
    mine = psutil.Process().pid
    found = []
    for process, environment in turnout.environments():
        try:
            line = [process.pid, *_ancestors(process.pid, parents)]
            command = " ".join(process.cmdline())
            if mine in line or not command:  # our own, or one that has just ended
                continue
        except psutil.Error:
            continue
        found.append(
            Seen(
                pid=process.pid,
                command=command[:200],
                part=next((parts[each] for each in line if each in parts), None),
                instance=environment.get(INSTANCE_MARK),
                build=environment.get(BUILD_MARK),
                gateway=bool(gateway.intersection(line)),
            )
        )
    return tuple(found)


def _ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    line: list[int] = []
    while (pid := parents.get(pid, 0)) > 1 and pid not in line:
        line.append(pid)
    return line
