"""Bytes on a socket and what comes back; an app that remembers every request as it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamReset

from tests.support import patiently


@dataclass
class Seen:
    """One request, as the app got it."""

    line: str
    headers: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        """Of a header."""
        return [value for each, value in self.headers if each == name]


@dataclass
class Witness:
    """A strict server of HTTP/1.1: what reaches it in no good form is a fault of whoever passed it on."""

    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        connection = h11.Connection(h11.SERVER)
        with suppress(ConnectionError):
            while True:
                try:
                    event = connection.next_event()
                except h11.RemoteProtocolError as error:
                    if "peer closed" not in str(error):  # a request that was broken off is told by breaking off
                        self.unreadable.append(str(error))
                    break
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(65536))
                elif isinstance(event, h11.Request):
                    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                    self.seen.append(Seen(f"{event.method.decode()} {event.target.decode('latin-1')}", headers))
                elif isinstance(event, h11.EndOfMessage):
                    writer.write(
                        connection.send(h11.Response(status_code=200, headers=[("content-length", "2")])) or b""
                    )
                    writer.write(connection.send(h11.Data(data=b"ok")) or b"")
                    writer.write(connection.send(h11.EndOfMessage()) or b"")
                    await writer.drain()
                    if connection.our_state is h11.MUST_CLOSE:
                        break
                    connection.start_next_cycle()
                elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                    break
        writer.close()


@asynccontextmanager
async def witness() -> AsyncIterator[Witness]:
    """One, on a free port."""
    made = Witness()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = "{}:{}".format(*listening.sockets[0].getsockname()[:2])
    try:
        yield made
    finally:
        listening.close()


async def exchanged(port: int, content: bytes, *, unfinished: bool = False, wait: float = 0.15) -> tuple[int, bytes]:
    """The status of the first answer (0: none) and all that came, until the other side closes or says no more.

    `unfinished`: no answer may come, so say that nothing will follow. `wait` is for those that keep a connection open
    once they have answered: nothing announces that nothing more will be said.
    """
    said = b""
    async with patiently(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sending = asyncio.create_task(_send(writer, content, end=unfinished))
        try:
            while True:
                try:
                    async with asyncio.timeout(wait if said else None):
                        piece = await reader.read(65536)
                except (TimeoutError, ConnectionError):
                    break
                if not piece:
                    break
                said += piece
        finally:
            sending.cancel()
            writer.close()
    words = said.split(b" ", 2)
    return (int(words[1]) if said.startswith(b"HTTP/1.") else 0), said


async def _send(writer: asyncio.StreamWriter, content: bytes, *, end: bool) -> None:
    with suppress(ConnectionError):
        writer.write(content)
        await writer.drain()
        if end:
            writer.write_eof()


async def framed(port: int, headers: list[tuple[str, str]], body: bytes = b"") -> int:
    """The status that these headers get over HTTP/2 with prior knowledge; 0 when stream or connection is ended."""
    config = H2Configuration(
        client_side=True,
        header_encoding="latin-1",
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        validate_inbound_headers=False,
    )
    connection = H2Connection(config)
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=not body)
    if body:
        connection.send_data(1, body, end_stream=True)
    async with patiently(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(connection.data_to_send())
            while piece := await reader.read(65536):
                for event in connection.receive_data(piece):
                    if isinstance(event, ResponseReceived):
                        return int(dict(event.headers)[":status"])
                    if isinstance(event, StreamReset | ConnectionTerminated):
                        return 0
                writer.write(connection.data_to_send())
        except ConnectionError:
            pass
        finally:
            writer.close()
    return 0
