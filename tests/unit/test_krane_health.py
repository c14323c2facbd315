"""One health check, against servers that behave badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.rows import Row
from turnout.domain.records import HealthCheck
from turnout.krane.health import Prober, Verdict

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in tasks:
        task.cancel()


async def check(address: str, path: str | None = "/healthz", *, relayed: bool = False, timeout: float = 0.5) -> Verdict:
    prober = Prober()
    try:
        return await prober.check(address, HealthCheck(path=path, timeout=timeout), relayed=relayed)
    finally:
        await prober.close()


def answering(response: bytes, asked: list[bytes] | None = None) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(request)
        writer.write(response)
        await writer.drain()

    return handle


@pytest.mark.parametrize(("status", "passes"), [(200, True), (204, True), (302, True), (399, True), (404, False)])
async def test_status_decides(status: int, passes: bool) -> None:
    """200 to 399 pass; a redirect counts as an answer and is not followed."""
    asked: list[bytes] = []
    response = f"HTTP/1.1 {status} X\r\nLocation: http://192.0.2.1/\r\nConnection: close\r\n\r\n".encode()
    async with listening(answering(response, asked)) as address:
        assert (await check(address)).passed is passes
    assert len(asked) == 1


async def test_request_is_plain() -> None:
    """The path as given, and a Host that apps accept."""
    asked: list[bytes] = []
    async with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", asked)) as address:
        await check(address, "/@evil.example/x?y=1")
        port = address.rpartition(":")[2]
    assert asked[0].startswith(b"GET /@evil.example/x?y=1 HTTP/1.1\r\n")
    assert f"host: localhost:{port}\r\n".encode() in asked[0].lower()


async def test_failure_quotes_the_body() -> None:
    """Its beginning, on one line."""
    body = b"database:\n  away"
    response = b"HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with listening(answering(response)) as address:
        assert (await check(address)).detail == "GET /healthz answered 503: database: away"


@pytest.mark.fault(Row.HOSTILE)
async def test_endless_body_does_not_matter() -> None:
    """Only a bounded piece is read."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 X\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with listening(handle) as address:
        verdict = await check(address)
    assert verdict.detail == "GET /healthz answered 500: " + "x" * 200


@pytest.mark.fault(Row.HOSTILE)
async def test_silence_is_a_failure_in_time() -> None:
    """The whole check is bounded, however slowly bytes trickle."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(handle) as address:
        assert (await check(address, timeout=0.2)).detail == "GET /healthz got no answer within 0.2 s"


@pytest.mark.fault(Row.HOSTILE)
async def test_nonsense_is_a_failure() -> None:
    """What is no HTTP fails the check, and raises nothing."""
    async with listening(answering(b"\x00\x01\x02\r\n\r\n")) as address:
        assert not (await check(address)).passed


@pytest.mark.parametrize("path", [None, "/"])
async def test_nobody_listens(path: str | None) -> None:
    """Said in plain words."""
    async with listening(answering(b"")) as address:
        pass
    verdict = await check(address, path)
    assert not verdict.passed
    if path is None:
        assert verdict.detail == f"connecting to {address} failed: nothing listens on $PORT (Connection refused)"


async def test_connect_is_enough_without_a_path() -> None:
    """A server that accepts and waits passes, with and without a relay before it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(handle) as address:
        assert (await check(address, None)).passed
        assert (await check(address, None, relayed=True)).passed


async def test_a_relay_alone_is_not_enough() -> None:
    """A relay accepts and hangs up when nothing listens behind it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    async with listening(handle) as address:
        verdict = await check(address, None, relayed=True)
    assert verdict == Verdict(passed=False, detail=f"connecting to {address} failed: nothing listens on $PORT")
