"""How the API is served: what a client may do to a connection before the application ever hears of it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from turnout.api.problems import problem
from turnout.settings import ApiSettings

_HEADERS_SECONDS: Final = 10.0
"""A request whose line and headers have not arrived by then is not waited for."""
_CONNECTIONS: Final = 900
"""Requests at once, beyond which the next one is told to come back later. Most systems give a process 1024 files."""


def served(app: Any, settings: ApiSettings) -> uvicorn.Config:
    """How to serve the application: one strict reader of HTTP/1.1, nothing believed of what a proxy says, no names."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Connection,
        ws="none",
        proxy_headers=False,  # it would believe whoever is on this machine
        limit_concurrency=_CONNECTIONS,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


class Connection(H11Protocol):
    """Uvicorn's connection, which waits for the next byte for ever, with an end to its patience."""

    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the class above
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._begin_to_wait()

    def data_received(self, data: bytes) -> None:
        """Take what came, and go on waiting if that was not a whole head yet: more of it does not buy more time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._impatience is None:
            self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to be waited for."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered as every refusal is."""
        said = problem(kind="http", title="Bad Request", status=400, detail="cannot read this as a request of HTTP/1.1")
        headers = [*said.raw_headers, (b"connection", b"close")]
        events = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(said.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _begin_to_wait(self) -> None:
        self._impatience = self.loop.call_later(_HEADERS_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
