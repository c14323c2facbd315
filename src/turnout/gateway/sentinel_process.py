"""Keeps a sentinel running while a route needs one.

Like Envoy it outlives whoever started it: a control plane that is killed must not close the apps whose requests are
checked. Its successor finds it by the note beside its documents.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout import __version__
from turnout.gateway.processes import started, wait_for_stranger
from turnout.gateway.snapshot import write_atomically
from turnout.gateway.watchdog import ASIDE_SECONDS, CHECKING, interrupted

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
_LINGER: Final = 30.0
"""Seconds after which one that no route needs is ended: requests on their way may still be asked about."""
_LOOK: Final = 0.02
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")
"""Of the environment; the rest may hold passwords, and it needs none of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SentinelSettings:
    """Where it listens, and where its files are."""

    socket: Path
    specs: Path
    note: Path
    log: Path


@dataclass(kw_only=True, slots=True)
class _Running:
    pid: int
    child: asyncio.subprocess.Process | None
    """None when somebody before us started it."""

    async def wait(self) -> int | None:
        """Return when it has ended, with its exit code if that can be known."""
        if self.child is not None:
            return await self.child.wait()
        await wait_for_stranger(self.pid)
        return None


class SentinelKeeper:
    """Starts, adopts, starts again and ends the sentinel."""

    def __init__(self, settings: SentinelSettings, *, linger: float = _LINGER) -> None:
        self._settings = settings
        self._linger = linger
        self._told = asyncio.Event()
        self._wanted = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._answers = asyncio.Event()
        self._aside: dict[str, float] = {}
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return self._running.pid if self._running is not None else None

    def want(self, wanted: bool) -> None:
        """Whether a route needs it."""
        (self._wanted if wanted else self._unwanted).set()
        (self._unwanted if wanted else self._wanted).clear()
        self._told.set()

    async def answers(self, *, timeout: float) -> bool:
        """Wait until it takes questions; False when that takes longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._answers.wait()
                return True
        return False

    async def run(self) -> None:
        """Until cancelled. The process goes on then; `close` ends it."""
        pause = _FIRST_PAUSE
        await self._told.wait()
        self._running = self._adopted()
        while True:
            if await self._run_one():
                pause = _FIRST_PAUSE
            if self._wanted.is_set():
                log.warning("the sentinel is not there; starting it again in %.2f s", pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run_one(self) -> bool:
        """From the start or the adoption of one to its end. False when it never answered."""
        answered = False
        if self._running is None:
            await self._wanted.wait()
            try:
                self._running = await self._start()
            except OSError as error:
                log.error("cannot start the sentinel: %s", error)  # noqa: TRY400  # the message is enough
                return False
        ended = asyncio.create_task(self._running.wait())
        try:
            answered = await self._until_it_answers(ended)
            if answered:
                self._answers.set()
            await self._until_it_ends(ended)
        finally:
            ended.cancel()
            self._answers.clear()
        self._running = None
        return answered

    async def close(self) -> None:
        """End the process, if there is one."""
        running, self._running = self._running or self._adopted(), None
        if running is not None:
            await _end(running)
        self._settings.note.unlink(missing_ok=True)

    async def _until_it_answers(self, ended: asyncio.Task[int | None]) -> bool:
        while not ended.done():
            try:
                _, writer = await asyncio.open_unix_connection(self._settings.socket)
            except OSError:
                await asyncio.wait({ended}, timeout=_LOOK)
                continue
            writer.close()
            return True
        return False

    async def _until_it_ends(self, ended: asyncio.Task[int | None]) -> None:
        """Return when it has ended, by itself or because nobody has needed it for a while."""
        while not ended.done():
            unwanted = asyncio.create_task(self._unwanted.wait())
            await asyncio.wait({ended, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            unwanted.cancel()
            if ended.done():
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(self._linger):
                    await self._wanted.wait()
                    continue
            log.info("no route needs the sentinel any more")
            await self.close()
            return
        self._set_aside(ended.result())

    def _set_aside(self, code: int | None) -> None:
        """Remember whose check took too long. Of a stranger's end the cause is not known."""
        spec_id = interrupted(self._settings.specs / CHECKING)
        if spec_id is not None and code in (None, -signal.SIGPROF):
            log.error("checks against the document %s take too long; it is set aside for a while", spec_id)
            self._aside[spec_id] = asyncio.get_running_loop().time() + ASIDE_SECONDS

    def _adopted(self) -> _Running | None:
        """The one that the note tells of, if it is alive and of this version; another one is ended."""
        try:
            note = json.loads(self._settings.note.read_bytes())
            pid, born, identity = int(note["pid"]), note["started"], note["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if born is None or started(pid) != born:
            return None
        if identity != self._identity():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return None
        return _Running(pid=pid, child=None)

    async def _start(self) -> _Running:
        now = asyncio.get_running_loop().time()
        self._aside = {spec_id: until for spec_id, until in self._aside.items() if until > now}
        aside = [word for spec_id in sorted(self._aside) for word in ("--aside", spec_id)]
        self._settings.specs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._settings.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self._argv(),
                *aside,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(os.environ),
                start_new_session=True,
            )
        note = {"pid": process.pid, "started": started(process.pid), "identity": self._identity()}
        await asyncio.to_thread(write_atomically, self._settings.note, json.dumps(note).encode())
        return _Running(pid=process.pid, child=process)

    def _argv(self) -> list[str]:
        places = ["--socket", str(self._settings.socket), "--specs", str(self._settings.specs)]
        return [sys.executable, "-P", "-m", "turnout.gateway.sentinel", *places]

    def _identity(self) -> str:
        return hashlib.sha256("\0".join([__version__, *self._argv()]).encode()).hexdigest()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}


async def _end(running: _Running) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, TimeoutError):
            os.kill(running.pid, how)
            async with asyncio.timeout(5.0):
                await running.wait()
            return
