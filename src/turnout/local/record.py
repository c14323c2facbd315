"""What is running, as it is written down in the home: read by `turnout status`, `down`, and the next `up`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from turnout import __version__
from turnout.local.home import read_json, run_folder, write_private
from turnout.local.processes import birth, gateways_of, memory_mib
from turnout.revision import PACKAGE, code_revision

SUPERVISOR = "supervisor"


class PartStatus(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    """For a part that has to be there first."""
    STARTING = "starting"
    RUNNING = "running"
    """Ready when it was last asked."""
    RESTARTING = "restarting"
    """It ended and is started again."""
    DRAINING = "draining"
    """An old worker that finishes what it has begun."""
    STOPPED = "stopped"


@dataclass(kw_only=True, slots=True)
class PartRecord:
    """One part, as the supervisor knows it."""

    name: str
    pid: int | None = None
    birth: str | None = None
    status: PartStatus = PartStatus.WAITING
    restarts: int = 0
    since: str | None = None
    """When it got its status, in ISO 8601."""
    code: str | None = None
    """The revision of the code that it was started with."""
    revision: str | None = None
    """Of a worker: the revision of its workflows, once Restate knows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """What `turnout up` prints."""

    api_url: str
    gateway_url: str
    dashboard_url: str | None
    home: str
    gateway_https_url: str | None = None
    """None: HTTPS is off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A home's supervisor and parts, as they were last written down."""

    pid: int
    birth: str
    since: str
    addresses: Addresses | None
    """None until everything was ready once."""
    parts: tuple[PartRecord, ...]
    version: str | None = None
    code: str | None = None
    """The revision of the code that the supervisor runs; None when it cannot be upgraded in place."""
    package: str | None = None
    """Where that code lies."""

    @property
    def alive(self) -> bool:
        """Whether that supervisor still lives."""
        return birth(self.pid) == self.birth


def write_running(home: Path, *, since: str, addresses: Addresses | None, parts: Iterable[PartRecord]) -> None:
    """Write down what this process supervises."""
    write_private(
        _file(home),
        {
            "supervisor": {"pid": os.getpid(), "birth": birth(os.getpid()), "since": since} | _program(),
            "addresses": asdict(addresses) if addresses else None,
            "parts": [asdict(part) for part in parts],
        },
    )


def read_running(home: Path) -> Running | None:
    """What the last supervisor wrote, alive or not; None after a clean end."""
    content = read_json(_file(home))
    try:
        supervisor = content["supervisor"]
        return Running(
            pid=supervisor["pid"],
            birth=supervisor["birth"],
            since=supervisor["since"],
            addresses=Addresses(**content["addresses"]) if content["addresses"] else None,
            parts=tuple(PartRecord(**{**part, "status": PartStatus(part["status"])}) for part in content["parts"]),
            version=supervisor.get("version"),
            code=supervisor.get("code"),
            package=supervisor.get("package"),
        )
    except (KeyError, TypeError, ValueError):
        return None


def now() -> str:
    """The time, as it is written down."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def forget_running(home: Path) -> None:
    """Everything was stopped."""
    _file(home).unlink(missing_ok=True)


def parts_document(home: Path) -> list[dict[str, Any]]:
    """The parts with their memory, for `turnout status`: the supervisor first. Empty when nothing runs."""
    running = read_running(home)
    if running is None:
        return []
    supervisor = PartRecord(
        name=SUPERVISOR, pid=running.pid, birth=running.birth, status=PartStatus.RUNNING, since=running.since
    )
    rows = []
    for part in (supervisor, *running.parts):
        processes = _process(part)
        alive = bool(processes)
        if part.name == "gateway":
            processes += gateways_of(home)
        rows.append(
            {
                "name": part.name,
                "pid": part.pid if alive else None,
                "status": str(part.status if alive or part.pid is None else PartStatus.STOPPED),
                "memory_mib": memory_mib(processes),
                "restarts": part.restarts,
                "since": part.since,
            }
        )
    return rows


@cache
def _program() -> dict[str, str]:
    """Read once: the files may be those of a later version by the next time."""
    return {"version": __version__, "code": code_revision(), "package": str(PACKAGE)}


def _process(part: PartRecord) -> list[psutil.Process]:
    with suppress(psutil.Error):
        if part.pid is not None and birth(part.pid) == part.birth:
            return [psutil.Process(part.pid)]
    return []


def _file(home: Path) -> Path:
    return run_folder(home) / "state.json"
