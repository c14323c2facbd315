"""The switch of an app with a gate on its API: what has to be compared is compared first, then the switch decides."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from turnout.domain.errors import Unavailable
from turnout.domain.openapi_diff import compare_descriptions
from turnout.domain.openapi_document import SpecDocument, read_stored
from turnout.domain.openapi_gate import Findings, NotCompared, findings_of
from turnout.domain.openapi_yaml import UnreadableError
from turnout.domain.plans import SwitchRequest, SwitchResult

_ROUNDS: Final = 3
"""What is live cannot change while a project's switch runs; one round more than that needs is enough."""


class _Store(Protocol):
    async def switch(self, request: SwitchRequest) -> SwitchResult: ...

    async def openapi_document(self, spec_id: str) -> SpecDocument: ...

    async def save_findings(self, *, before: str, after: str, findings: Findings) -> None: ...


async def switch_compared(db: _Store, request: SwitchRequest) -> SwitchResult:
    """Do the switch. Raises what it refuses; comparing is never the reason for that, its findings are.

    The transaction names the pair of documents that it needs to know about, as they are under its lock; what was found
    is kept for exactly that pair. So no decision ever rests on a deployment that is not the live one any more.
    """
    for _ in range(_ROUNDS):
        try:
            return await db.switch(request)
        except NotCompared as missing:
            before = await db.openapi_document(missing.before)
            after = await db.openapi_document(missing.after)
            findings = await asyncio.to_thread(_compare, before, after)
            await db.save_findings(before=before.id, after=after.id, findings=findings)
    raise Unavailable(f"cannot switch to {request.target_id} yet: what is live changes again and again")


def _compare(before: SpecDocument, after: SpecDocument) -> Findings:
    try:
        return findings_of(compare_descriptions(read_stored(before), read_stored(after)))
    except UnreadableError as error:
        return Findings(count=1, sentences=(f"a document of the two cannot be read any more: it {error}",))
