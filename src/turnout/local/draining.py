"""Old workers, which go on until they have finished what they began.

A journal is replayed only by the revision of the workflows that wrote it, so during an upgrade two workers run beside
each other: what is new goes to the new one. The old one is ended when Restate has nothing left for it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.local.inherited import WORKER, Inherited
from turnout.local.processes import end_group
from turnout.local.record import PartRecord, PartStatus
from turnout.local.workers import forget_worker, unfinished

_LOOK_SECONDS: Final = 1.0
_QUIET: Final = 2
"""How often in a row there has to be nothing: a call that has just begun is not written down yet."""


@dataclass(slots=True)
class _Old:
    process: Inherited
    revision: str
    record: PartRecord


class Draining:
    """The old workers of one home."""

    def __init__(
        self,
        old: Iterable[Inherited],
        *,
        admin_url: str,
        worker_url: str,
        say: Callable[[str], None],
        grace: float,
        limit_seconds: float,
    ) -> None:
        """`limit_seconds`: no operation lasts as long; whatever is in flight then, its worker is ended."""
        self._old = [_Old(each, each.record.revision or "", _as_old(each.record)) for each in old]
        self._admin_url, self._worker_url = admin_url, worker_url
        self._say = say
        self._grace = grace
        self._limit = limit_seconds
        self._registered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def revisions(self) -> frozenset[str]:
        """Those that still have something to finish."""
        return frozenset(each.revision for each in self._old)

    def records(self) -> tuple[PartRecord, ...]:
        """The old workers, as they are written down."""
        return tuple(each.record for each in self._old)

    def begin(self, revision: str) -> None:
        """The worker of this revision takes what is new from now on."""
        if not self._registered.done():
            self._registered.set_result(revision)

    async def run(self, changed: Callable[[], None]) -> None:
        """Return when no old worker is left; `changed` is called after the end of each."""
        current = await asyncio.shield(self._registered)
        await asyncio.gather(*(self._drain(each, current, changed) for each in tuple(self._old)))

    async def stop(self) -> None:
        """End all of them now. What they have begun stays with Restate, for whoever comes with their revision."""
        await asyncio.gather(*(self._end(each) for each in self._old))

    async def _drain(self, old: _Old, current: str, changed: Callable[[], None]) -> None:
        name = old.record.name
        if old.revision != current:  # else it has just been moved to the new worker, with all it had begun
            try:
                async with asyncio.timeout(self._limit):
                    how = await self._until_done(old)
            except TimeoutError:
                how = "has taken too long"
            await self._forget(old.revision)
            self._say(f"{name} {how}")
        await self._end(old)
        self._old.remove(old)
        changed()

    async def _until_done(self, old: _Old) -> str:
        ended = asyncio.create_task(old.process.wait())
        quiet = 0
        try:
            while quiet < _QUIET:
                done, _ = await asyncio.wait({ended}, timeout=_LOOK_SECONDS)
                if done:
                    return "has ended before it had finished; what it had begun is ended as failed"
                with suppress(Unavailable):  # Restate is being started again, too
                    left = await unfinished(self._admin_url, self._worker_url, old.revision)
                    quiet = 0 if left else quiet + 1
        finally:
            ended.cancel()
        return "has finished what it had begun"

    async def _forget(self, revision: str) -> None:
        while True:
            try:
                return await forget_worker(self._admin_url, self._worker_url, revision)
            except Unavailable as error:
                self._say(f"{WORKER}: {error.detail}")
                await asyncio.sleep(_LOOK_SECONDS)

    async def _end(self, old: _Old) -> None:
        old.process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await old.process.wait()
        end_group(old.process.pid, signal.SIGKILL)
        await old.process.wait()


def _as_old(record: PartRecord) -> PartRecord:
    name = record.name if record.name.startswith(f"{WORKER}-") else f"{WORKER}-{record.revision}"
    return replace(record, name=name, status=PartStatus.DRAINING)
