"""A limit on request bodies, kept while they arrive and not only by what their header says."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout.api.problems import problem
from turnout.domain.errors import TooLarge

_UNLIMITED: Final = ("/v1/sources", "/log")
"""Paths whose handlers read the body as a stream and have a limit of their own."""


class BodyLimit:
    """ASGI middleware: answers 413 as soon as a JSON body is larger than the limit."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, logger: Any) -> None:
        self._app = app
        self._limit = limit_bytes
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http" or scope["path"].endswith(_UNLIMITED):
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise TooLarge(f"cannot read the request: its body is larger than {self._limit // 1024} KiB")
            return message

        if _announced(scope) > self._limit:
            refused = TooLarge(f"cannot read the request: its body is larger than {self._limit // 1024} KiB")
            answer = problem(kind=refused.type, title=refused.title, status=413, detail=refused.detail)
            await answer(scope, receive, send)
            return
        await self._app(scope, counted, send)


def _announced(scope: Scope) -> int:
    """The length that the headers claim; 0 when they claim none that can be read."""
    claimed: bytes = dict(scope["headers"]).get(b"content-length", b"")
    return int(claimed) if claimed.isdigit() else 0
