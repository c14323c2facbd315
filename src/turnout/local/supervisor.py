"""Starts parts in order, starts again what ends, and stops everything in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Unavailable
from turnout.local.draining import Draining
from turnout.local.home import run_folder
from turnout.local.inherited import Inherited, Process
from turnout.local.launching import ending, failure, launch
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


class Supervisor:
    """Keeps a table of parts running until told to stop."""

    def __init__(
        self,
        home: Path,
        table: Sequence[Part],
        *,
        say: Say,
        stop_order: Sequence[str],
        start_seconds: float = 60.0,
        inherited: Mapping[str, Inherited] | None = None,
        draining: Draining | None = None,
    ) -> None:
        """`inherited` are parts that run already, to be replaced each in its turn; old workers are `draining`.

        With any inherited, a part that does not get ready is tried for ever: the others serve meanwhile.
        """
        self._home = home
        self._inherited = dict(inherited or {})
        self._patient = bool(self._inherited)
        self._draining = draining
        self._starting: set[asyncio.Task[Process]] = set()
        self._parts = {part.name: part for part in table}
        self._records = {part.name: PartRecord(name=part.name) for part in table}
        self._first_ready = {part.name: asyncio.Event() for part in table}
        self._processes: dict[str, Process] = {}
        self._say = say
        self._stop_order = [name for name in stop_order if name in self._parts]
        self._start_seconds = start_seconds
        self._since = now()
        self._addresses: Addresses | None = None

    async def run(
        self,
        addresses: Addresses,
        *,
        stop: asyncio.Event,
        ready: Callable[[], None],
        hand_over: asyncio.Event | None = None,
    ) -> bool:
        """Start all, call `ready` once all are, and watch until `stop` is set. Nothing is left then.

        When `hand_over` is set instead, everything is left running, for a successor, and the answer is True.
        Raises Unavailable when a part does not become ready at the first start; then, too, nothing is left.
        """
        keepers = {name: asyncio.create_task(self._keep(part)) for name, part in self._parts.items()}
        if self._draining is not None:
            keepers["draining"] = asyncio.create_task(self._drain(self._draining))
        stopping = asyncio.create_task(stop.wait())
        leaving = asyncio.create_task((hand_over or asyncio.Event()).wait())
        started = asyncio.create_task(self._all_ready())
        handed_over = False
        try:
            await _first(stopping, started, *keepers.values())
            if started.done() and not stop.is_set():
                self._addresses = addresses
                self._write()
                ready()
                await _first(stopping, leaving, *keepers.values())
                handed_over = leaving.done() and not stop.is_set()
            for keeper in keepers.values():
                if keeper.done():
                    keeper.result()  # a keeper ends only with the reason why its part cannot run
        finally:
            for task in (stopping, leaving, started, *keepers.values()):
                task.cancel()
            await asyncio.gather(*keepers.values(), return_exceptions=True)
            if handed_over:
                # One that is being started right now would otherwise be nobody's.
                await asyncio.gather(*self._starting, return_exceptions=True)
            else:
                await self._stop()
        return handed_over

    async def _all_ready(self) -> None:
        for event in self._first_ready.values():
            await event.wait()

    async def _drain(self, draining: Draining) -> None:
        await draining.run(self._write)
        await asyncio.Event().wait()

    async def _turn(self, part: Part) -> Process | None:
        """Wait until it may be started. Returns what runs already, if that may stay; an old one is ended."""
        turn = asyncio.gather(*(self._first_ready[name].wait() for name in part.after))
        old = self._inherited.get(part.name)
        if old is None:
            await turn
            return None
        self._records[part.name] = old.record
        ended = asyncio.ensure_future(old.wait())
        try:
            await _first(turn, ended)  # what ends before its turn is started at once
        finally:
            turn.cancel()
            ended.cancel()
        if part.stays and part.code is not None and old.record.code == await asyncio.to_thread(part.code):
            self._processes[part.name] = old
            return old
        if not ended.done():
            self._say(f"replacing {part.name}")
            old.signal(part.replaced_by)
            with suppress(TimeoutError):
                async with asyncio.timeout(part.grace):
                    await old.wait()
        end_group(old.pid, signal.SIGKILL)
        await old.wait()
        return None

    async def _keep(self, part: Part) -> None:
        process = await self._turn(part)
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_seconds
        while True:
            began = loop.time()
            process = process or await self._shielded_start(part)
            ended = asyncio.ensure_future(process.wait())
            became_ready = asyncio.ensure_future(self._until_ready(part))
            try:
                first = not self._first_ready[part.name].is_set() and not self._patient
                timeout = max(0.0, deadline - loop.time()) if first else None
                await asyncio.wait({ended, became_ready}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if became_ready.done() and not ended.done():
                    became_ready.result()
                    self._first_ready[part.name].set()
                    self._set(part, PartStatus.RUNNING)
                    self._say(f"{part.name} runs")
                    await ended
                elif first and not ended.done():
                    raise Unavailable(
                        failure(self._home, part, f"it was not ready within {self._start_seconds:g} seconds")
                    )
            finally:
                became_ready.cancel()
            # What the part had started itself must not meet its successor.
            end_group(process.pid, signal.SIGKILL)
            record = self._records[part.name]
            record.restarts += 1
            if not self._patient and not self._first_ready[part.name].is_set() and record.restarts >= _START_ATTEMPTS:
                raise Unavailable(failure(self._home, part, f"it ended {ending(process.returncode)}"))
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            self._say(f"{part.name} ended {ending(process.returncode)}; starting it again in {pause:g} s")
            process = None
            self._set(part, PartStatus.RESTARTING, pid=None)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _shielded_start(self, part: Part) -> Process:
        """Start it and write that down, even if nobody waits for it any more."""
        task = asyncio.ensure_future(self._start(part))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await asyncio.shield(task)

    async def _start(self, part: Part) -> Process:
        code = None if part.code is None else await asyncio.to_thread(part.code)
        process = await launch(self._home, part)
        self._processes[part.name] = process
        self._records[part.name].code, self._records[part.name].revision = code, None
        self._set(part, PartStatus.STARTING, pid=process.pid)
        return process

    async def _until_ready(self, part: Part) -> None:
        while not await part.is_ready():  # noqa: ASYNC110  # another process becomes ready: no event tells us
            await asyncio.sleep(_LOOK)
        hook = part.once_ready or (part.on_restart if self._records[part.name].restarts else None)
        while hook is not None:
            try:
                self._records[part.name].revision = await hook() or self._records[part.name].revision
                return
            except Unavailable as error:
                self._say(f"{part.name}: {error.detail}")
                await asyncio.sleep(1.0)

    async def _stop(self) -> None:
        await asyncio.gather(*self._starting, return_exceptions=True)
        if self._draining is not None:
            await self._draining.stop()
        for name, left in self._inherited.items():
            self._processes.setdefault(name, left)  # its turn had not come
        for name in self._stop_order:
            process = self._processes.get(name)
            if process is None:
                continue
            self._say(f"stopping {name}")
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._parts[name].grace):
                        await process.wait()
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
            old = self._draining.records() if self._draining is not None else ()
            write_running(
                self._home, since=self._since, addresses=self._addresses, parts=(*self._records.values(), *old)
            )
        except OSError as error:  # a full disk must not stop what runs: processes are found without the file
            self._say(f"cannot write {run_folder(self._home)}: {error.strerror}")


async def _first(*tasks: asyncio.Future[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
