"""Keeps the calls of one revision of the workflows from another one.

A worker is made known to Restate as `http://<address>/v/<revision>`, and Restate goes on calling that address for all
that was begun there. Should another revision listen at the address by then, it must not replay those journals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_NAMED: Final = re.compile(r"/v/([^/]*)(/.*)?")
_MISDIRECTED: Final = 421
"""Restate tries again later: the right worker may be on its way back."""


def only_of(revision: str, app: App) -> App:
    """Refuse what names another revision; what names none is for any. `GET /revision` says which one is here."""

    async def guarded(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        path = str(scope["path"])
        if path == "/revision":
            return await _answer(send, 200, {"revision": revision})
        named = _NAMED.fullmatch(path)
        if named is not None and named[1] != revision:
            return await _answer(send, _MISDIRECTED, {"message": f"this worker is of the revision {revision}"})
        return await app(scope, receive, send)

    return guarded


async def _answer(send: Send, status: int, content: Mapping[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
