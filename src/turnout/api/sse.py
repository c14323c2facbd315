"""Server-sent events, as the WHATWG has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

KEEP_ALIVE: Final = b": still here\n\n"
"""A comment: tells both ends that the connection lives."""
KEEP_ALIVE_SECONDS: Final = 10.0
"""How long nothing may be said."""
BREATH_SECONDS: Final = 0.03
"""Between two looks at the store, when one change follows the other."""


def event(name: str, document: BaseModel) -> bytes:
    """One event with a JSON document."""
    return f"event: {name}\ndata: {document.model_dump_json()}\n\n".encode()


def stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that sends `events` as they come."""
    return StreamingResponse(
        events, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )
