"""`turnout upgrade`: have what runs take the version that is installed by now, one part after another.

The supervisor does it: told to, it takes the new program in place, finds its parts running, and replaces each in its
turn. Here it is decided whether that can begin, it is begun, and it is watched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout import __version__
from turnout.domain.errors import Conflict, Unavailable
from turnout.local.home import log_file
from turnout.local.inherited import WORKER
from turnout.local.parts import UPGRADE_ORDER
from turnout.local.record import SUPERVISOR, PartRecord, PartStatus, Running, read_running
from turnout.revision import PACKAGE, code_revision, workflow_revision

_STUCK_SECONDS: Final = 120.0
"""Without any change for that long, it is told that something does not work; it is tried on all the same."""
_LOOK: Final = 0.1
_LOAD_SECONDS: Final = 60.0
_MODULES: Final = "turnout.local.start, turnout.bootstrap.server, turnout.bootstrap.worker, turnout.bootstrap.krane"

_KEPT: Final = "goes on, unless its program or its configuration is another one"
_DOES: Final = {
    "restate": _KEPT,
    "server": "is started again and brings the store up to its version; the API is away for a moment",
    "krane": "is started again; the instances go on",
    "gateway": "is started again; Envoy and its traffic go on",
}
_WORKER_BESIDE: Final = "a new one is started; the old one finishes what it has begun, and ends"
_WORKER_AGAIN: Final = "is started again; operations go on where they are"


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A version of Turnout."""

    version: str | None
    code: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UpgradePlan:
    """What an upgrade would do."""

    running: Running
    old: Program
    new: Program
    steps: tuple[tuple[str, str], ...]
    """Each part in its turn, and what becomes of it."""

    @property
    def changes(self) -> bool:
        """Whether what is installed is something else than what runs."""
        return self.old.code != self.new.code or any(part.code not in (None, self.new.code) for part in self.ours)

    @property
    def ours(self) -> tuple[PartRecord, ...]:
        """The parts that are of this package."""
        return tuple(part for part in self.running.parts if part.name in UPGRADE_ORDER and part.name != "restate")


def plan_upgrade(home: Path) -> UpgradePlan:
    """Compare what runs with what is installed. Raises Conflict when this cannot be upgraded in place, and why."""
    running = read_running(home)
    if running is None or not running.alive:
        raise Conflict(f"cannot upgrade: nothing runs in {home}; `turnout up` starts the version that is installed")
    again = "run `turnout down`, then `turnout up`"
    if running.code is None:
        raise Conflict(f"cannot upgrade: what runs in {home} is older than this verb; {again}")
    if running.package != str(PACKAGE):
        raise Conflict(
            f"cannot upgrade: what runs in {home} is of {running.package}, and this command is of {PACKAGE}; "
            "use the `turnout` of that place"
        )
    if running.addresses is None:
        raise Conflict(f"cannot upgrade: what runs in {home} is not ready yet; try again when `turnout status` says so")
    worker = next((part for part in running.parts if part.name == WORKER), None)
    beside = worker is not None and worker.revision != workflow_revision()
    does = {**_DOES, WORKER: _WORKER_BESIDE if beside else _WORKER_AGAIN}
    names = {part.name for part in running.parts}
    return UpgradePlan(
        running=running,
        old=Program(version=running.version, code=running.code),
        new=Program(version=__version__, code=code_revision()),
        steps=((SUPERVISOR, "takes the new program"), *((n, does[n]) for n in UPGRADE_ORDER if n in names)),
    )


def check_loadable() -> None:
    """See that the installed version can be loaded at all, before anything is touched. Raises Conflict."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", f"import {_MODULES}, turnout.bootstrap.gateway"],
            capture_output=True,
            text=True,
            timeout=_LOAD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Conflict(
            f"cannot upgrade: the installed version cannot be loaded ({error}); nothing was changed"
        ) from None
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise Conflict(f"cannot upgrade: the installed version cannot be loaded: {last}; nothing was changed")


def upgrade(home: Path, plan: UpgradePlan, *, say: Callable[[str], None]) -> Running:
    """Have it done, and return what runs then. Raises Unavailable when it is stuck, or the supervisor is gone."""
    os.kill(plan.running.pid, signal.SIGUSR1)
    before = {part.name: part.pid for part in plan.ours}
    waiting, seen, changed_at = dict(before), "", time.monotonic()
    while True:
        now = read_running(home)
        if now is None or not now.alive:
            raise Unavailable(
                f"cannot finish the upgrade: the supervisor has ended; its log is {log_file(home, SUPERVISOR)}; "
                "the other parts go on, and `turnout up` takes them over"
            )
        for part in now.parts:
            if part.name in waiting and part.pid != waiting[part.name] and part.status is PartStatus.RUNNING:
                say(f"{part.name} runs the new version")
                del waiting[part.name]
        if not waiting and now.addresses is not None:
            return now
        if seen != (seen := repr(now)):
            changed_at = time.monotonic()
        if time.monotonic() - changed_at > _STUCK_SECONDS:
            stuck = next(name for name in (*UPGRADE_ORDER, SUPERVISOR) if name in waiting or name == SUPERVISOR)
            raise Unavailable(
                f"cannot finish the upgrade yet: {stuck} does not get ready; its log is {log_file(home, stuck)}; "
                "Turnout goes on trying, and the parts behind it run the old version meanwhile"
            )
        time.sleep(_LOOK)
