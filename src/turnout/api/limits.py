"""Limits on request bodies, kept while they arrive and not only by what their headers say."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turnout.api.problems import problem
from turnout.domain.errors import Invalid, TooLarge, TooSlow, TurnoutError

_STREAMED: Final = ("/v1/sources", "/log")
"""Paths whose handlers read the body as a stream and have a limit on its size of their own."""

_BODY_SECONDS: Final = 30.0
"""For a whole JSON body."""
_PIECE_SECONDS: Final = 60.0
"""For the next piece of a stream."""

_DIGITS: Final = 18
"""Of a length, that are read: whatever has more is larger than any limit."""


class BodyLimit:
    """ASGI middleware: refuses a body that is too large, comes too slowly, or has two lengths.

    A connection on which something of a refused body may still be under way is closed: it must not be taken for the
    next request.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, send, limit=None if scope["path"].endswith(_STREAMED) else self._limit)
        if refused := body.refused_unread():
            answer = problem(kind=refused.type, title=refused.title, status=refused.status, detail=refused.detail)
            await answer(scope, receive, body.send)
            return
        await self._app(scope, body.receive, body.send)


class _Body:
    """One request's, on its way in."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limit: int | None) -> None:
        headers = Headers(scope=scope)
        self._receive = receive
        self._send = send
        self._limit = limit
        self._received = 0
        self._announced = headers.get("content-length", "0")
        self._lengths = ("content-length" in headers) + ("transfer-encoding" in headers)
        self._arrived = not self._lengths
        self._deadline = asyncio.get_running_loop().time() + _BODY_SECONDS

    def refused_unread(self) -> TurnoutError | None:
        """What is wrong by the headers alone."""
        if self._lengths > 1:
            return Invalid("cannot read the request: it has both a Content-Length and a Transfer-Encoding")
        announced = int(self._announced[:_DIGITS]) if re.fullmatch(r"[0-9]+", self._announced) else 0
        if self._limit is not None and announced > self._limit:
            return self._too_large(self._limit)
        return None

    async def receive(self) -> Message:
        """The next piece. Raises TooLarge or TooSlow."""
        try:
            async with asyncio.timeout_at(self._patience()):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("cannot read the request: its body takes too long to arrive; send it again") from None
        self._received += len(message.get("body", b""))
        self._arrived = self._arrived or not message.get("more_body", False)
        if self._limit is not None and self._received > self._limit:
            raise self._too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, saying that it is the connection's last if the body has not arrived whole."""
        if message["type"] == "http.response.start" and not self._arrived:
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await self._send(message)

    def _patience(self) -> float | None:
        """Until when the next piece is waited for: once all is here, what comes next is only that the client left."""
        if self._arrived:
            return None
        return self._deadline if self._limit is not None else asyncio.get_running_loop().time() + _PIECE_SECONDS

    def _too_large(self, limit: int) -> TooLarge:
        return TooLarge(f"cannot read the request: its body is larger than {limit // 1024} KiB")
