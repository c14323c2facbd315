"""The operator's client, against answers that a test makes up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnout.client import Client, Unreachable
from turnout.domain.documents import DeployBody
from turnout.domain.errors import (
    Conflict,
    DeploymentFailed,
    Forbidden,
    Invalid,
    NotBuilt,
    NotFound,
    TooLarge,
    TurnoutError,
    Unauthenticated,
    Unavailable,
)

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    """A client whose server is a function."""
    return Client("http://server.test", "tno_secret", transport=httpx.MockTransport(handler))


def operation(status: str = "running", **fields: Any) -> dict[str, Any]:
    """An operation document."""
    return {
        "operation_id": "op_1", "kind": "deploy", "project": "hello", "environment": "production",
        "deployment_id": "dep_1", "status": status, "reason": None, "live": False, "live_deployment_id": None,
        "previous_deployment_id": None, "generation": None, "propagation_ms": None, "waiting_for": None,
        "domains": [], "steps": [], "created_at": "2026-01-01T00:00:00Z", "started_at": None, "ended_at": None,
        "duration_ms": None,
    } | fields  # fmt: skip


def events(*documents: dict[str, Any]) -> bytes:
    """A stream of operation events, with a comment before each."""
    return b"".join(b": still here\n\nevent: operation\ndata: " + json.dumps(d).encode() + b"\n\n" for d in documents)


@pytest.mark.parametrize(
    "kind", [Invalid, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, NotBuilt, Unavailable, DeploymentFailed]
)
async def test_a_problem_becomes_the_error_it_names(kind: type[TurnoutError]) -> None:
    """By its type, and with its detail."""
    problem = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": "cannot: because; do this"}
    async with client(lambda _: httpx.Response(kind.status, json=problem)) as api:
        with pytest.raises(kind) as caught:
            await api.projects()
    assert caught.value.detail == "cannot: because; do this"


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (502, Unavailable), (500, TurnoutError), (418, TurnoutError)]
)
async def test_an_error_that_is_no_problem_document_is_not_quoted(status: int, kind: type[TurnoutError]) -> None:
    """It may be a proxy's page; the status alone decides."""
    async with client(lambda _: httpx.Response(status, text="<html>secret</html>")) as api:
        with pytest.raises(kind) as caught:
            await api.projects()
    assert "secret" not in caught.value.detail
    assert "TURNOUT_API_URL" in caught.value.detail


async def test_an_answer_of_somebody_else_is_said_to_be_unreadable() -> None:
    """200 with other fields is no answer of ours."""
    async with client(lambda _: httpx.Response(200, json={"hello": "world"})) as api:
        with pytest.raises(TurnoutError, match="same version"):
            await api.status()


async def test_nobody_there_says_what_to_do() -> None:
    """Unreachable is an Unavailable, so that whoever can wait may."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async with client(refuse) as api:
        with pytest.raises(Unreachable, match=r"turnout up.*TURNOUT_API_URL") as caught:
            await api.projects()
    assert isinstance(caught.value, Unavailable)
    assert "tno_secret" not in caught.value.detail


@pytest.mark.parametrize("url", ["", "server", "ftp://server", "http://", "http://[::1"])
def test_an_address_that_is_none_is_invalid(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Invalid, match="server address"):
        Client(url, "tno_x")


async def test_requests_carry_the_token_and_names_stay_one_part_of_the_path() -> None:
    """Whatever a name holds, it does not reach another route."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json={"operation_id": "op_1", "deployment_id": "dep_1"})

    async with client(answer) as api:
        accepted = await api.deploy("a/b?c", DeployBody(image="app:v1"))
    assert accepted.operation_id == "op_1"
    assert seen[0].headers["authorization"] == "Bearer tno_secret"
    assert seen[0].url.raw_path == b"/v1/projects/a%2Fb%3Fc/deployments"
    assert json.loads(seen[0].content)["image"] == "app:v1"


async def test_events_end_after_a_terminal_status() -> None:
    """Even when the stream would go on."""

    async def endless() -> AsyncIterator[bytes]:
        yield events(operation(), operation("succeeded"))
        raise AssertionError("read on after the end")

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=endless())

    async with client(answer) as api:
        seen = [document.status async for document in api.operation_events("op_1")]
    assert seen == ["running", "succeeded"]


async def test_events_go_on_after_a_cut_a_refusal_and_an_early_end() -> None:
    """The operation is the same; only the line was bad."""
    tries = 0

    async def cut() -> AsyncIterator[bytes]:
        yield events(operation())
        raise httpx.ReadError("cut")

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if tries == 1:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=cut())
        if tries == 2:
            raise httpx.ConnectError("restarting", request=request)
        content = events(operation()) if tries == 3 else events(operation("failed"))
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)

    async with client(answer) as api:
        seen = [document.status async for document in api.operation_events("op_1")]
    assert seen == ["running", "running", "failed"]
    assert tries == 4


async def test_events_give_up_when_patience_ends_and_at_once_for_what_waiting_cannot_mend() -> None:
    """A server that stays away, and an operation that does not exist."""

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away", request=request)

    async with client(away) as api:
        with pytest.raises(Unreachable):
            _ = [document async for document in api.operation_events("op_1", patience=0)]
    problem = {"type": "not-found", "title": "Not found", "status": 404, "detail": "no such operation"}
    async with client(lambda _: httpx.Response(404, json=problem)) as api:
        with pytest.raises(NotFound):
            _ = [document async for document in api.operation_events("op_1", patience=None)]


async def test_an_upload_is_streamed_and_tells_how_far_it_is(tmp_path: Path) -> None:
    """With its length, so that a server can refuse it before it is sent."""
    archive = tmp_path / "source.tar.gz"
    archive.write_bytes(b"x" * 600_000)
    progress: list[tuple[int, int]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        assert len(await request.aread()) == 600_000
        assert request.headers["content-length"] == "600000"
        assert request.headers["content-type"] == "application/gzip"
        return httpx.Response(201, json={"source_id": "a" * 64, "size_bytes": 600_000})

    async with Client("http://server.test", "t", transport=httpx.MockTransport(answer)) as api:
        accepted = await api.upload_source(archive, progress=lambda *step: progress.append(step))
    assert accepted.source_id == "a" * 64
    assert progress[-1] == (600_000, 600_000)
    assert len(progress) == 3


async def test_logs_come_as_they_are() -> None:
    """Bytes, with what was asked for in the query."""
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, content=b"\xff one\ntwo\n")

    async with client(answer) as api:
        text = b"".join([chunk async for chunk in api.logs("dep_1", follow=True, instance="ins_1")])
    assert text == b"\xff one\ntwo\n"
    assert seen[0].query == b"follow=true&instance=ins_1"
