"""The scrape against real little servers, most of them hostile: each attempt is refused, logged, and told."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.faults.rows import Row
from tests.specs import PETSTORE, api, as_json
from turnout.settings import DeploySettings
from turnout.workflows import openapi
from turnout.workflows.fetching import ACCEPT
from turnout.workflows.openapi import WELL_KNOWN, Scrape, scrape

LIMITS = DeploySettings(openapi_seconds=20.0, openapi_kib=64, step_seconds=60.0)
HASTY = replace(LIMITS, openapi_seconds=0.6)
DOCUMENT = as_json(api({"/": {"get": {"responses": {}}}}))
PATH = "/openapi.json"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server of raw bytes that keeps what it was asked."""

    def __init__(self, answers: dict[str, bytes | Answer]) -> None:
        self._answers = answers
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Each request line with its headers."""
        self.address = ""

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [line.split(" ")[1] for line, _ in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            self.requests.append((head[0], headers))
            answer = self._answers.get(head[0].split(" ")[1], self._answers.get("*", http(404)))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answers: dict[str, bytes | Answer], host: str = "127.0.0.1") -> AsyncIterator[Server]:
    """A server on a free port."""
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, host, 0)
    server.address = "{}:{}".format(*listening.sockets[0].getsockname()[:2])
    try:
        yield server
    finally:
        listening.close()


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer, as bytes."""
    told = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def ask(server: Server, path: str | None = PATH, limits: DeploySettings = LIMITS) -> Scrape:
    """Scrape it."""
    return await scrape([server.address], path, limits, structlog.get_logger(), deployment_id="dep_1")


@pytest.fixture(autouse=True)
def log() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as lines:
        yield lines


# ------------------------------------------------------------------------------------------ what is good


async def test_the_well_known_paths_are_asked_in_their_order(log: list[Any]) -> None:
    """Until one has a document; what is only absent is no offence."""
    async with serving({"/v3/api-docs": http(200, DOCUMENT)}) as server:
        found = await ask(server, None)
    assert server.paths == list(WELL_KNOWN[: WELL_KNOWN.index("/v3/api-docs") + 1])
    assert found.summary == "OpenAPI 3.1.0, 1 path at /v3/api-docs, JSON, 0.1 KiB"
    assert found.document is not None
    assert (found.document.served, found.document.format) == (DOCUMENT, "json")
    assert found.without_document() == Scrape(spec_id=found.document.id, summary=found.summary)
    assert openapi.as_note(found).status == "done"
    assert log == []


async def test_a_configured_path_is_the_only_one() -> None:
    """An app that says where its document is means there."""
    async with serving({PATH: http(200, DOCUMENT)}) as server:
        found = await ask(server, "/docs/api.json?v=2")
    assert server.paths == ["/docs/api.json?v=2"]
    assert found.summary == "none: nothing at /docs/api.json?v=2"
    assert openapi.as_note(found).status == "skipped"


async def test_yaml_is_read_too() -> None:
    """Whatever its content type says; what is kept is what was served."""
    async with serving({"/openapi.yaml": http(200, PETSTORE, content_type="text/plain")}) as server:
        found = await ask(server, None)
    assert found.document is not None
    assert (found.document.format, found.document.served) == ("yaml", PETSTORE)
    assert found.summary.startswith("OpenAPI 3.0.3, 4 paths at /openapi.yaml, YAML")


async def test_what_an_instance_is_asked_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host is the recorded address; there are no credentials, cookies or proxies, whatever was said before."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", os.devnull)
    answers: dict[str, bytes | Answer] = {
        "*": http(404, set_cookie="session=1; Path=/", alt_svc='h2="evil.example:443"', refresh="0; url=/other"),
        WELL_KNOWN[1]: http(200, DOCUMENT),
    }
    async with serving(answers) as server:
        assert (await ask(server, None)).spec_id
    for line, headers in server.requests:
        assert line.endswith(" HTTP/1.1")
        assert {name.lower(): value for name, value in headers.items()} == {
            "host": server.address,
            "accept": ACCEPT,
            "accept-encoding": "identity",
            "user-agent": "turnout",
            "connection": "close",
        }


async def test_nobody_to_ask_and_nobody_there() -> None:
    """Both are said, and nothing else is tried."""
    assert (await scrape([], None, LIMITS)).summary == "no instance to ask"
    assert (await scrape(["127.0.0.1:9"], None, LIMITS)).summary == f"none: {WELL_KNOWN[0]}: nobody answers there"


async def test_an_app_that_answers_everything_with_a_page() -> None:
    """A page is no document, and the next path is asked."""
    page = http(200, b"<!doctype html><title>App</title>", content_type="text/html")
    async with serving({"*": page, "/openapi.yml": http(200, PETSTORE)}) as server:
        assert (await ask(server, None)).spec_id
    assert server.paths == list(WELL_KNOWN[:3])


# --------------------------------------------------------------------------------------- what is hostile


def refused(log: list[Any], kind: str) -> dict[str, Any]:
    """The one line that was logged, complete."""
    lines = [line for line in log if line["event"] == "openapi.refused"]
    assert [line["kind"] for line in lines] == [kind]
    assert lines[0]["log_level"] == "warning"
    assert lines[0]["deployment_id"] == "dep_1"
    return dict(lines[0])


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254/latest",
        "/\\169.254.169.254/",
        "@169.254.169.254/",
        ":80@169.254.169.254/",
        "/x\r\nHost: evil.example\r\n\r\nGET /admin",
        "/x\nX-Injected: 1",
        "/x HTTP/1.1\r\nHost: evil",
        "/x y",
        "/x\x00",
        "/#@evil.example",
        "/ünïcode",
        "file:///etc/passwd",
    ],
)
async def test_ssrf_by_a_configured_path_is_refused(path: str, log: list[Any]) -> None:
    """Absolute addresses, second hosts, line breaks: also when such a path has come by the checks of the API."""
    async with serving({"*": http(200, DOCUMENT)}) as server:
        found = await ask(server, path)
        assert server.requests == []
    assert found.spec_id == ""
    assert found.summary.endswith(": it is no path of an app")
    assert found.summary.isprintable()
    assert refused(log, "bad-path")["address"] == server.address


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "address",
    [
        "evil.example@127.0.0.1:{}",
        "127.0.0.1:{}/x",
        "127.0.0.1:{}#",
        "127.0.0.1:{}\r\nX: 1",
        "127.0.0.1",
        "-:80",
        ":{}",
    ],
)
async def test_an_address_that_is_none_is_refused(address: str, log: list[Any]) -> None:
    """It comes from krane; a broken record leads nowhere all the same."""
    async with serving({"*": http(200, DOCUMENT)}) as server:
        port = server.address.rpartition(":")[2]
        found = await scrape([address.format(port)], PATH, LIMITS, structlog.get_logger(), deployment_id="dep_1")
        assert server.requests == []
    assert "no address of an instance" in found.summary
    refused(log, "bad-address")


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("to", ["decoy", "same host", "metadata", "file", "nowhere"])
async def test_a_redirect_is_never_followed(status: int, to: str, log: list[Any]) -> None:
    """Not to another host, not to the same one; what was seen is told."""
    async with serving({"*": http(200, DOCUMENT)}) as decoy:
        location = {
            "decoy": f"http://{decoy.address}/openapi.json",
            "same host": "/other.json",
            "metadata": "http://169.254.169.254/latest/meta-data/",
            "file": "file:///etc/passwd",
            "nowhere": "",
        }[to]
        answer = http(status, location=location) if location else http(status)
        async with serving({PATH: answer, "/other.json": http(200, DOCUMENT)}) as server:
            found = await ask(server)
        assert decoy.requests == []
    assert server.paths == [PATH]
    told = f"it answered {status} to {location or 'nowhere'}, and no redirect is followed"
    assert found == Scrape(summary=f"none: {PATH}: {told}")
    assert refused(log, "redirect")["detail"] == told


@pytest.mark.fault(Row.HOSTILE)
async def test_a_redirect_gives_no_secret_away(log: list[Any]) -> None:
    """Credentials and queries stand neither in the note nor in the log."""
    to = "https://user:pass-9f2@evil.example/login?token=tok-9f2#frag-9f2"
    async with serving({PATH: http(302, location=to)}) as server:
        found = await ask(server)
    assert "it answered 302 to https://evil.example/login, and" in found.summary
    assert "9f2" not in str(log)


async def test_a_redirect_hides_no_document_at_the_next_path(log: list[Any]) -> None:
    """An app that sends strangers to its login page may still have one."""
    async with serving({PATH: http(302, location="/login"), "/openapi.yaml": http(200, PETSTORE)}) as server:
        assert (await ask(server, None)).spec_id
    refused(log, "redirect")


@pytest.mark.fault(Row.HOSTILE)
async def test_references_out_of_a_document_are_never_fetched(log: list[Any]) -> None:
    """Nor is anything else that is in it."""
    async with serving({"*": http(200, DOCUMENT)}) as decoy:
        url = f"http://{decoy.address}/schema.json"
        content = api({"/": {"$ref": url, "get": {"responses": {"200": {"$ref": url}}}}})
        content |= {"externalDocs": {"url": url}, "servers": [{"url": url}], "$schema": url}
        async with serving({PATH: http(200, as_json(content))}) as server:
            assert (await ask(server)).spec_id
        assert decoy.requests == []
    assert log == []


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
    while True:
        writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
        await writer.drain()


async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A large body without a length."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 70_000 + DOCUMENT)
    await writer.drain()


OVERSIZED: dict[str, bytes | Answer] = {
    "announced": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{",
    "one byte more": http(200, DOCUMENT + b" " * (64 * 1024 - len(DOCUMENT) + 1)),
    "endless": endless,
    "until closed": until_closed,
}


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("case", OVERSIZED)
async def test_an_oversized_document_is_refused(case: str, log: list[Any]) -> None:
    """As soon as it says so, or as soon as it is."""
    async with serving({PATH: OVERSIZED[case]}) as server:
        found = await ask(server)
    assert found == Scrape(summary=f"none: {PATH}: it is larger than 64 KiB")
    refused(log, "too-large")


async def test_a_document_of_just_the_limit_is_kept() -> None:
    """The limit is the largest that is allowed."""
    async with serving({PATH: http(200, DOCUMENT + b" " * (64 * 1024 - len(DOCUMENT)))}) as server:
        assert (await ask(server)).spec_id


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
async def test_a_compressed_answer_is_never_unpacked(encoding: str, log: list[Any]) -> None:
    """It was not asked for, and 64 KiB of it could become 64 MiB."""
    bomb = gzip.compress(b" " * 10_000_000)
    assert len(bomb) < LIMITS.openapi_kib * 1024
    async with serving({PATH: http(200, bomb, content_encoding=encoding)}) as server:
        found = await ask(server)
    assert found == Scrape(summary=f"none: {PATH}: it is compressed ({encoding}), which was not asked for")
    refused(log, "compressed")


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await reader.read()


async def dripping_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A header line of a few bytes, again and again."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"a: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte at a time, so that no single read ever waits long."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def always_continue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One informational answer after another."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("drip", [never, dripping_head, dripping_body, always_continue])
async def test_a_slow_answer_is_given_up(drip: Answer, log: list[Any]) -> None:
    """The time is for all of it together, however busy the app keeps us."""
    async with serving({"*": drip}) as server:
        found = await ask(server, None, HASTY)
    assert found == Scrape(summary="none: it took longer than 0.6 s")
    assert server.paths == [PATH]
    refused(log, "too-slow")


async def test_the_time_is_never_that_of_the_whole_step() -> None:
    """Else the step would be tried again, and in the end fail the deploy."""
    async with serving({"*": never}) as server:
        found = await ask(server, PATH, replace(LIMITS, openapi_seconds=600.0, step_seconds=1.0))
    assert found == Scrape(summary="none: it took longer than 0.5 s")


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "answer",
    [
        b"hello\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 200_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused(answer: bytes, log: list[Any]) -> None:
    """Or breaks off, or says two things at once."""
    async with serving({PATH: answer}) as server:
        found = await ask(server)
    assert found.spec_id == ""
    assert refused(log, "not-http")["path"] == PATH


@pytest.mark.parametrize("status", [201, 204, 206, 401, 403, 500, 503, 999])
async def test_other_answers_are_no_documents(status: int, log: list[Any]) -> None:
    """Whatever their bodies say."""
    async with serving({PATH: http(status, DOCUMENT if status != 204 else b"")}) as server:
        found = await ask(server)
    assert found == Scrape(summary=f"none: {PATH}: it answered {status}")
    refused(log, "refused")


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "what it answered is not JSON: "),
        (b"a: &a [*a]", "what it answered has an alias that leads nowhere, or into itself at line 1"),
        (b"a: &a [1]\nb: &b [*a,*a]\n" + b"".join(b"c%d: &c%d [%s]\n" % (n, n, b"*b," * 9) for n in range(9)), "3.0"),
        (b"[" * 60_000, "what it answered is nested deeper than 100 levels"),
        (b'{"a":' * 10_000, "what it answered is nested deeper than 100 levels"),
        (json.dumps({"swagger": "2.0"}).encode(), "what it answered is a Swagger 2.0 document"),
        (b'{"openapi": "9\\u001b[2J\\r\\nHost: x"}', r"what it answered is OpenAPI 9\x1b[2J\r\nHost: x;"),
        (b"\xff\xfe", "what it answered is not UTF-8 text"),
    ],
)
async def test_broken_documents_are_refused(body: bytes, says: str, log: list[Any]) -> None:
    """With the reason, in one printable line."""
    async with serving({PATH: http(200, body)}) as server:
        found = await ask(server)
    assert found.spec_id == ""
    assert says in found.summary or "no `openapi`" in found.summary
    assert found.summary.isprintable()
    refused(log, "unreadable")


async def test_a_fault_of_ours_fails_no_deploy(monkeypatch: pytest.MonkeyPatch, log: list[Any]) -> None:
    """It is logged as one."""

    def fault(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(openapi, "read_served", fault)
    async with serving({PATH: http(200, DOCUMENT)}) as server:
        found = await ask(server)
    assert found == Scrape(summary="none: a fault in Turnout while reading it (MemoryError)")
    assert [line["event"] for line in log] == ["openapi.failed"]
