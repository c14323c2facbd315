"""A name server, web servers that say what a test wants, and the checkers that ask them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.dns_kit import NameServer
from turnout.domain.proofs import Claim, NotSeenError
from turnout.proofs import Lookups, WebPages

HOST = "app.example.com"
CLAIM = Claim(fqdn=HOST, project_id="prj_1", token="0123abcd")


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def lookups(dns: NameServer) -> Lookups:
    return Lookups(resolvers=[("127.0.0.1", dns.port)], timeout=2.0)


Respond = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """A web server that says exactly these bytes."""

    port: int = 0
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def web(respond: Respond | bytes) -> AsyncIterator[Web]:
    """Answers each request by `respond`, and closes."""
    served = Web()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            served.requests.append(request)
            if isinstance(respond, bytes):
                writer.write(respond)
                await writer.drain()
            else:
                await respond(request, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()


def page(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    lines = (f"HTTP/1.1 {status}", f"content-length: {len(body.encode())}", "connection: close", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def pages(dns: NameServer, lookups: Lookups, served: Web, *, private: bool = True, timeout: float = 5.0) -> WebPages:
    """The name leads to this machine, at the server's port."""
    if (HOST, "A") not in dns.records:
        dns.say(HOST, "A", "127.0.0.1")
    return WebPages(lookups, port=served.port, timeout=timeout, private=private)


async def problem_of(work: Awaitable[object]) -> str:
    """Why nothing was seen."""
    with pytest.raises(NotSeenError) as refused:
        await work
    return str(refused.value)
