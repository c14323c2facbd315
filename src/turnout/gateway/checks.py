"""All that has to be in place before Envoy is told of a route whose requests are checked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from turnout.domain.errors import Unavailable
from turnout.domain.views import ProjectView
from turnout.gateway.sentinel_process import SentinelKeeper
from turnout.gateway.specs import SpecFolder, needed_by

log = logging.getLogger(__name__)

LINGER: Final = 60.0
"""Seconds that a document stays after the last route to it: a request on its way may be about it yet."""

_FIRST_ANSWER: Final = 10.0
"""Seconds that the first route waits for a sentinel. Then it goes on without: its requests get 503 until there is one.
No later route waits: a sentinel that cannot be started is not to hold up everybody's switches."""


class DocumentSource(Protocol):
    """Where the documents are; the store."""

    async def checkable_document(self, spec_id: str) -> bytes | None:
        """The OpenAPI document of that id, as JSON; None when there is none. Raises Unavailable."""
        ...


class Checks:
    """The documents on disk, and the sentinel that reads them."""

    def __init__(
        self, source: DocumentSource, folder: SpecFolder, keeper: SentinelKeeper, *, linger: float = LINGER
    ) -> None:
        self._source = source
        self._linger = linger
        self._needed: dict[str, float] = {}
        self._folder = folder
        self._keeper = keeper
        self._waited = False

    async def prepare(self, views: Iterable[ProjectView], *, insist: bool) -> None:
        """Make sure of what these projects need. With `insist` raises Unavailable when a document cannot be read now.

        A document that is not to be had leaves its routes closed: the sentinel answers 503 for them.
        """
        needed = needed_by(views)
        if not needed:
            return
        for spec_id in sorted(needed):
            try:
                await self._fetch(spec_id)
            except Unavailable as error:
                if insist:
                    raise
                log.error("the document %s is missing: %s", spec_id, error.detail)  # noqa: TRY400  # it is enough
            except (OSError, ValueError) as error:
                log.error("cannot keep the document %s: %s", spec_id, error)  # noqa: TRY400  # the message is enough
        self._keeper.want(True)
        waited, self._waited = self._waited, True
        if not waited and not await self._keeper.answers(timeout=_FIRST_ANSWER):
            log.error("the sentinel does not answer; what it is to check is refused until it does")

    async def settle(self, views: Iterable[ProjectView]) -> None:
        """These are all projects there are now: what nobody needs any more goes."""
        needed = needed_by(views)
        self._keeper.want(bool(needed))
        self._waited = bool(needed)
        now = asyncio.get_running_loop().time()
        for spec_id in self._folder.ids() | needed:
            self._needed[spec_id] = now if spec_id in needed else self._needed.get(spec_id, now)
        gone = {spec_id for spec_id, at in self._needed.items() if spec_id not in needed and now - at >= self._linger}
        for spec_id in gone:
            del self._needed[spec_id]
        await asyncio.to_thread(self._folder.remove, gone)

    async def run(self) -> None:
        """Keep the sentinel running, until cancelled."""
        await self._keeper.run()

    async def _fetch(self, spec_id: str) -> None:
        if self._folder.has(spec_id):
            return
        document = await self._source.checkable_document(spec_id)
        if document is None:
            log.error("there is no document %s", spec_id)
            return
        await asyncio.to_thread(self._folder.write, spec_id, document)
