"""Processes that this program did not start: a supervisor before it did.

It may have been this very process: an upgrade gives the supervisor a new program in place, and what it had started are
its children as before.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from turnout.local.processes import birth
from turnout.local.record import PartRecord, read_running

WORKER: Final = "worker"
_LOOK: Final = 0.2


class Process(Protocol):
    """What the supervisor needs of a process, whoever started it."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives, and when that cannot be known."""

    async def wait(self) -> int | None:
        """Return when it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""


class Inherited:
    """A live process of the home, with what was written down about it."""

    def __init__(self, record: PartRecord, pid: int, born: str) -> None:
        self.record = record
        self.pid = pid
        self._born = born
        self.returncode: int | None = None

    async def wait(self) -> int | None:
        """Return when it has ended, with its exit code if it is our child."""
        while birth(self.pid) == self._born:  # noqa: ASYNC110  # a stranger's end is no event everywhere
            await asyncio.sleep(_LOOK)
        with suppress(ChildProcessError):
            ended, status = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222  # it does not wait
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        self.signal(signal.SIGTERM)

    def signal(self, how: signal.Signals) -> None:
        """Tell it something, if it still is who it was."""
        if birth(self.pid) == self._born:
            with suppress(ProcessLookupError):
                os.kill(self.pid, how)


@dataclass(frozen=True, slots=True)
class Estate:
    """What an earlier supervisor has left running."""

    handed_over: bool = False
    """This very process supervised them, under its earlier program: they are to go on until each is replaced."""
    processes: tuple[Inherited, ...] = ()

    def old_workers(self, revision: str) -> tuple[Inherited, ...]:
        """The workers that go on beside a new one: they alone may finish what they have begun."""
        return tuple(each for each in self.processes if _is_old_worker(each.record, revision))

    def parts(self, revision: str) -> dict[str, Inherited]:
        """The others, by the part each of them is."""
        old = self.old_workers(revision)
        return {each.record.name: each for each in self.processes if each not in old}


def read_estate(home: Path) -> Estate:
    """What was written down and still lives."""
    running = read_running(home)
    if running is None:
        return Estate()
    alive = [
        Inherited(record, record.pid, record.birth)
        for record in running.parts
        if record.pid is not None and record.birth is not None and birth(record.pid) == record.birth
    ]
    return Estate(handed_over=running.pid == os.getpid() and running.alive, processes=tuple(alive))


def _is_old_worker(record: PartRecord, revision: str) -> bool:
    if record.name.startswith(f"{WORKER}-"):
        return True
    return record.name == WORKER and record.revision not in (None, revision)
