"""Which backends this krane offers: those that have worked since it was started.

An engine that does not answer while krane starts may be there a moment later, with containers of ours in it: they are
looked after all the same, by a backend that says Unavailable until then. Only new deployments are not sent its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from turnout.domain.records import Backend

Detect = Callable[[], Awaitable[Iterable[Backend]]]
"""Says which backends work at this moment."""

LOOK_SECONDS: Final = 5.0
"""Between two looks for what did not work yet."""


class Offers:
    """What is offered grows and never shrinks: an engine that goes away is waited for."""

    def __init__(
        self,
        now: Iterable[Backend],
        *,
        later: Iterable[Backend] = (),
        detect: Detect | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`later` are those that `detect` may come to find."""
        self._works = {backend: asyncio.Event() for backend in {*now, *later}}
        self._detect = detect
        self._look_seconds = look_seconds
        for backend in now:
            self._works[backend].set()

    def __call__(self) -> tuple[Backend, ...]:
        """Those that are offered now, in their order."""
        return tuple(sorted(backend for backend, works in self._works.items() if works.is_set()))

    async def until(self, backend: Backend) -> None:
        """Return when it is offered."""
        await self._works[backend].wait()

    async def look(self, changed: Callable[[], None]) -> None:
        """Look for what does not work yet, and call `changed` whenever there is more to offer. Never returns."""
        while self._detect is not None and not all(works.is_set() for works in self._works.values()):
            await asyncio.sleep(self._look_seconds)
            found = {*await self._detect()} & self._works.keys() - {*self()}
            for backend in found:
                self._works[backend].set()
            if found:
                changed()
        await asyncio.Event().wait()
