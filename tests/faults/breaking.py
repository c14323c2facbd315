"""Where and how a step is broken. The test writes it into a folder, and the hook of the worker does as it says.

All of it is files, because the worker is a process of its own that is killed now and then: what has been done once
is not done again by the next one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from turnout.domain.errors import Unavailable

HOLD: Final = "hold"
"""Wait there, until it is killed or released."""
ERROR: Final = "error"
"""Fail in a way that may pass."""
_LOOK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens, once, at a moment of a step."""

    step: str
    moment: str
    """`before` or `after` the effect, or `done`: all of it but its entry in the journal."""
    what: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a step that a worker has come to."""

    at: float
    """By the monotonic clock, which all processes of a machine share."""
    pid: int
    operation: str
    step: str
    moment: str
    waited: float
    """Seconds in which that process could have run, and the machine ran others."""
    held: bool = False


def waited(pid: int) -> float:
    """How many seconds the main thread of a process has waited for a processor since its start; 0 if nobody knows."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


class Breaker:
    """The worker's side: its `around` is the hook of the workflows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def around(self, step: str, moment: str) -> None:
        """Say that we are here, and do what is asked for."""
        operation = structlog.contextvars.get_contextvars().get("operation_id")
        if not operation:  # a step of no operation, such as to retire
            return
        arm = self._folder / "armed" / operation
        while (self._folder / "gate").exists() and not arm.exists():
            await asyncio.sleep(_LOOK)
        self._mark(operation, step, moment)
        if not arm.exists():
            return
        for fault in [Fault(**each) for each in json.loads(arm.read_text())]:
            if (fault.step, fault.moment) == (step, moment) and self._for_the_first_time(operation, fault):
                await self._break(operation, fault)

    async def _break(self, operation: str, fault: Fault) -> None:
        if fault.what == ERROR:
            raise Unavailable(f"{fault.step} stumbles, {fault.moment}")
        self._mark(operation, fault.step, fault.moment, held=True)
        while not (self._folder / "released" / operation).exists():
            await asyncio.sleep(_LOOK)

    def _for_the_first_time(self, operation: str, fault: Fault) -> bool:
        try:
            (self._folder / "fired" / f"{operation} {fault.step} {fault.moment}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _mark(self, operation: str, step: str, moment: str, *, held: bool = False) -> None:
        pid = os.getpid()
        mark = Mark(time.monotonic(), pid, operation, step, moment, waited(pid), held)
        with (self._folder / "marks").open("a") as file:
            file.write(json.dumps(asdict(mark)) + "\n")


class Faults:
    """The test's side of the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("armed", "fired", "released"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._marks: dict[str, list[Mark]] = defaultdict(list)
        self._read = 0

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Within the block no operation begins before it is armed."""
        (self.folder / "gate").touch()
        try:
            yield
        finally:
            (self.folder / "gate").unlink()

    def arm(self, operation: str, *faults: Fault) -> None:
        """Say what shall happen to an operation; nothing is said by no faults."""
        beside = self.folder / f"{operation}.new"
        beside.write_text(json.dumps([asdict(fault) for fault in faults]))
        beside.replace(self.folder / "armed" / operation)

    def release(self, operation: str) -> None:
        """Let it go on where it is held."""
        (self.folder / "released" / operation).touch()

    def marks(self, operation: str) -> list[Mark]:
        """Where it has come by, in order."""
        path = self.folder / "marks"
        if path.exists():
            with path.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            self._read += len(whole) + 1 if whole else 0
            for mark in (Mark(**json.loads(line)) for line in whole.splitlines()):
                self._marks[mark.operation].append(mark)
        return list(self._marks[operation])

    def held(self, operation: str) -> Mark | None:
        """Where it was held."""
        return next((mark for mark in self.marks(operation) if mark.held), None)

    def has_fired(self, operation: str, fault: Fault) -> bool:
        """Whether the fault has happened."""
        return (self.folder / "fired" / f"{operation} {fault.step} {fault.moment}").exists()
