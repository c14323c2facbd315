"""Connections to the API's own server that are made to hurt: two readings, no end, no beginning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from tests.faults.attack_kit import World
from tests.faults.hostile.hosts import HOSTS
from tests.faults.hostile.requests import TWO_READINGS
from tests.faults.raw_kit import exchanged
from tests.faults.rows import Row
from tests.support import eventually, patiently
from turnout.api import limits, serving
from turnout.api.serving import served
from turnout.settings import load_settings

pytestmark = pytest.mark.fault(Row.HOSTILE)


@asynccontextmanager
async def listening(here: World) -> AsyncIterator[int]:
    """The API as `turnout up` serves it; yields its port."""
    settings = load_settings({"TURNOUT_HOME": str(here.home), "TURNOUT_API_PORT": "0"})
    server = uvicorn.Server(served(here.app, settings.api))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the server listens")
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def test_requests_with_two_readings(here: World, subtests: pytest.Subtests) -> None:
    """Each is refused or answered as one request; behind a refused one nothing is read any more."""
    token = await here.token("ada")
    before = await here.dump()
    async with listening(here) as port:
        for name, raw in (dict(TWO_READINGS) | {f"host: {name}": raw for name, raw in HOSTS.items()}).items():
            with subtests.test(name):
                content = raw.content(mine="127.0.0.1", vip=f"localhost\r\nAuthorization: Bearer {token}")
                if not name.startswith("host: "):
                    content = content.replace(b"GET /smuggled", b"POST /v1/keyspaces")
                status, said = await exchanged(port, content, unfinished=True)
                assert status in (0, 400, 401, 404, 405, 413, 501), said[:300]
                assert b"500 Internal" not in said
                if status in (400, 413, 501):
                    assert said.count(b"HTTP/1.1 ") == 1
                    head, _, body = said.partition(b"\r\n\r\n")
                    assert b"application/problem+json" in head
                    assert json.loads(body)["status"] == status
        with subtests.test("nothing changed"):
            assert await here.dump() == before
        with subtests.test("it serves on"):
            assert (await exchanged(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))[0] == 200


async def _until_closed(port: int, first: bytes, again: bytes) -> bytes:
    """Send a little, again and again, until the other side has had enough; returns what it said."""
    async with patiently(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)

        async def dribble() -> None:
            while True:
                await asyncio.sleep(0.05)
                writer.write(again)

        dribbling = asyncio.create_task(dribble())
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            dribbling.cancel()
            writer.close()


async def test_slow_clients_are_not_waited_for(
    here: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """A byte now and then holds a connection for a stated time only: before the head is there, in it, in the body,
    and in what follows a good request. Others are served meanwhile."""
    monkeypatch.setattr(serving, "_HEADERS_SECONDS", 1.5)
    monkeypatch.setattr(limits, "_BODY_SECONDS", 0.4)
    monkeypatch.setattr(limits, "_PIECE_SECONDS", 0.4)
    token = await here.token("ada")
    head = f"POST /v1/keyspaces HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n".encode()
    upload = head.replace(b"keyspaces", b"sources")
    slow = {
        "nothing": (b"", b"", 0),
        "empty lines": (b"\r\n", b"\r\n", 400),
        "the first line": (b"GET /v1/pro", b"j", 0),
        "headers without end": (head, b"X-A: a\r\n", 0),
        "one header without end": (head + b"X-A: ", b"a", 0),
        "a body": (head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n", b" ", 408),
        "a body in chunks": (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 408),
        "a body that never begins": (head + b"Content-Length: 10\r\n\r\n", b"", 408),
        "an upload that stops": (upload + b"Content-Length: 1000\r\n\r\n\x1f\x8b", b"", 408),
        "a body that nobody wants": (
            b"POST /v1/keyspaces HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
            b" ",
            401,
        ),
        "a second request": (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /he", b"a", 200),
    }
    before = await here.dump()
    async with listening(here) as port:
        many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for name, (first, again, status) in slow.items():
            with subtests.test(name):
                said = await _until_closed(port, first, again)
                assert (int(said.split(b" ")[1]) if said else 0) == status, said[:300]
                assert said.count(b"HTTP/1.1 ") == (status > 0)
        for _, writer in many:
            writer.close()
    with subtests.test("nothing changed"):
        assert await here.dump() == before
