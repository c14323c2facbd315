"""Calls to the worker that were refused are told: nobody but Restate has any business with it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from turnout.domain.sentences import plain
from turnout.domain.sparing import Sparing

App = Callable[[Any, Any, Any], Awaitable[None]]

_EVERY_SECONDS: Final = 60.0
_SHOWN: Final = 200


def telling_of_refusals(app: App, logger: Any) -> App:
    """The same ASGI application; each caller that it answers with 401 is in the log, once a minute."""
    sparing = Sparing(every_seconds=_EVERY_SECONDS)

    async def telling(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401:
                client = scope["client"][0] if scope.get("client") else None
                left_out = sparing.left_out(client, now=time.monotonic())
                if left_out is not None:
                    asked = plain(f"{scope['method']} {scope['path']}", limit=_SHOWN)
                    logger.warning("worker.unsigned", asked=asked, client=client, left_out=left_out)
            await send(message)

        await app(scope, receive, sent)

    return telling
