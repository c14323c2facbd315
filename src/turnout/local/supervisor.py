"""Starts parts in order, starts again what ends, and stops everything in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Unavailable
from turnout.local.home import log_file, run_folder
from turnout.local.parts import Part
from turnout.local.processes import birth, end_group
from turnout.local.record import Addresses, PartRecord, PartStatus, now, write_running

Say = Callable[[str], None]

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_STEADY_SECONDS: Final = 30.0
"""After running that long, a part that ends is started again as if for the first time."""
_LOOK: Final = 0.05
_START_ATTEMPTS: Final = 3
_LOG_LIMIT: Final = 10 * 1024 * 1024
_QUOTED_LINES: Final = 12


class Supervisor:
    """Keeps a table of parts running until told to stop."""

    def __init__(
        self, home: Path, table: Sequence[Part], *, say: Say, stop_order: Sequence[str], start_seconds: float = 60.0
    ) -> None:
        self._home = home
        self._parts = {part.name: part for part in table}
        self._records = {part.name: PartRecord(name=part.name) for part in table}
        self._first_ready = {part.name: asyncio.Event() for part in table}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._say = say
        self._stop_order = [name for name in stop_order if name in self._parts]
        self._start_seconds = start_seconds
        self._since = now()
        self._addresses: Addresses | None = None

    async def run(self, addresses: Addresses, *, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Start all, call `ready` once all are, and watch until `stop` is set. Nothing is left then.

        Raises Unavailable when a part does not become ready at the first start; then, too, nothing is left.
        """
        keepers = {name: asyncio.create_task(self._keep(part)) for name, part in self._parts.items()}
        stopping = asyncio.create_task(stop.wait())
        started = asyncio.create_task(self._all_ready())
        try:
            await _first(stopping, started, *keepers.values())
            if started.done() and not stop.is_set():
                self._addresses = addresses
                self._write()
                ready()
                await _first(stopping, *keepers.values())
            for keeper in keepers.values():
                if keeper.done():
                    keeper.result()  # a keeper ends only with the reason why its part cannot run
        finally:
            stopping.cancel()
            started.cancel()
            await self._stop(keepers)

    async def _all_ready(self) -> None:
        for event in self._first_ready.values():
            await event.wait()

    async def _keep(self, part: Part) -> None:
        for name in part.after:
            await self._first_ready[name].wait()
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_seconds
        while True:
            began = loop.time()
            process = await self._start(part)
            ended = asyncio.ensure_future(process.wait())
            became_ready = asyncio.ensure_future(self._until_ready(part))
            try:
                first = not self._first_ready[part.name].is_set()
                timeout = max(0.0, deadline - loop.time()) if first else None
                await asyncio.wait({ended, became_ready}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if became_ready.done() and not ended.done():
                    became_ready.result()
                    self._first_ready[part.name].set()
                    self._set(part, PartStatus.RUNNING)
                    self._say(f"{part.name} runs")
                    await ended
                elif first and not ended.done():
                    raise Unavailable(self._failure(part, f"it was not ready within {self._start_seconds:g} seconds"))
            finally:
                became_ready.cancel()
            # What the part had started itself must not meet its successor.
            end_group(process.pid, signal.SIGKILL)
            record = self._records[part.name]
            record.restarts += 1
            if not self._first_ready[part.name].is_set() and record.restarts >= _START_ATTEMPTS:
                raise Unavailable(self._failure(part, f"it ended {_how(process.returncode)}"))
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            self._say(f"{part.name} ended {_how(process.returncode)}; starting it again in {pause:g} s")
            self._set(part, PartStatus.RESTARTING, pid=None)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _start(self, part: Part) -> asyncio.subprocess.Process:
        path = log_file(self._home, part.name)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        own = {name: value for name, value in os.environ.items() if name not in ("TURNOUT_TOKEN", "TURNOUT_API_URL")}
        with path.open("ab") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *part.argv,
                    env={**own, **part.environment},
                    cwd=self._home,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise Unavailable(f"cannot start {part.name}: {part.argv[0]}: {error.strerror}") from None
        self._processes[part.name] = process
        self._set(part, PartStatus.STARTING, pid=process.pid)
        return process

    async def _until_ready(self, part: Part) -> None:
        while not await part.is_ready():  # noqa: ASYNC110  # another process becomes ready: no event tells us
            await asyncio.sleep(_LOOK)
        hook = part.once_ready or (part.on_restart if self._records[part.name].restarts else None)
        while hook is not None:
            try:
                await hook()
                return
            except Unavailable as error:
                self._say(f"{part.name}: {error.detail}")
                await asyncio.sleep(1.0)

    async def _stop(self, keepers: dict[str, asyncio.Task[None]]) -> None:
        for keeper in keepers.values():
            keeper.cancel()
        await asyncio.gather(*keepers.values(), return_exceptions=True)
        for name in self._stop_order:
            process = self._processes.get(name)
            if process is None:
                continue
            self._say(f"stopping {name}")
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), self._parts[name].grace)
            end_group(process.pid, signal.SIGKILL)
            await process.wait()
            self._set(self._parts[name], PartStatus.STOPPED, pid=None)

    def _set(self, part: Part, status: PartStatus, **change: int | None) -> None:
        record = self._records[part.name]
        record.status, record.since = status, now()
        if "pid" in change:
            record.pid = change["pid"]
            record.birth = birth(record.pid) if record.pid is not None else None
        self._write()

    def _write(self) -> None:
        try:
            write_running(self._home, since=self._since, addresses=self._addresses, parts=self._records.values())
        except OSError as error:  # a full disk must not stop what runs: processes are found without the file
            self._say(f"cannot write {run_folder(self._home)}: {error.strerror}")

    def _failure(self, part: Part, how: str) -> str:
        path = log_file(self._home, part.name)
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_QUOTED_LINES:]
        except OSError:
            lines = []
        said = "; it said:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
        return f"cannot start {part.name}: {how}; everything is stopped again; its log is {path}{said}"


def _how(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-returncode).name}"
    return f"with exit code {returncode}"


async def _first(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
