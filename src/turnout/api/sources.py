"""Source folders on their way in."""

from __future__ import annotations

from turnout.api.parts import Caller
from turnout.domain.documents import SourceAccepted


async def upload_source(caller: Caller) -> SourceAccepted:
    """Keep an archive after looking through it; nothing of a refused one stays."""
    saved = await caller.parts.sources.save(caller.request.stream())
    await caller.store.record_source(workspace_id=caller.workspace_id, source_id=saved.source_id, size=saved.size_bytes)
    return SourceAccepted(source_id=saved.source_id, size_bytes=saved.size_bytes)
