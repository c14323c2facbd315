"""Krane's side of the client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from turnout.client import RegionClient, Unreachable
from turnout.domain.documents import RegionReport
from turnout.domain.errors import TurnoutError, Unauthenticated, Undecryptable


def region(handler: object) -> RegionClient:
    """A client whose server is a function."""
    return RegionClient("http://server.test", "t", "local", transport=httpx.MockTransport(handler))  # type: ignore[arg-type]


def state(revision: int) -> bytes:
    """One message of the stream."""
    document = {"revision": revision, "complete": revision == 1, "deployments": [], "removed": []}
    return b": keep-alive\n\nevent: desired\ndata: " + json.dumps(document).encode() + b"\n\n"


async def test_watch_ends_when_the_connection_breaks() -> None:
    """What came before the break was handed out; whoever watches connects again."""

    async def cut() -> AsyncIterator[bytes]:
        yield state(1) + b"event: other\ndata: {}\n\n" + state(2)
        raise httpx.ReadError("cut")

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/regions/local/desired"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=cut())

    async with region(answer) as control_plane:
        seen = [(each.revision, each.complete) async for each in control_plane.watch()]
    assert seen == [(1, True), (2, False)]


async def test_watch_raises_when_there_was_no_connection_or_no_permission() -> None:
    """The two are told apart: one is worth another try."""

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away", request=request)

    async with region(away) as control_plane:
        with pytest.raises(Unreachable):
            await anext(control_plane.watch())
    problem = {"type": "unauthenticated", "title": "Not signed in", "status": 401, "detail": "nobody we know"}
    async with region(lambda _: httpx.Response(401, json=problem)) as control_plane:
        with pytest.raises(Unauthenticated):
            await anext(control_plane.watch())


async def test_the_variables_of_a_deployment() -> None:
    """Asked for by its id; an error is of its own kind, so that krane knows whether to wait."""
    problem = {"type": "undecryptable", "title": "x", "status": 500, "detail": "cannot decrypt A version 1"}
    unknown = {"type": "internal", "title": "x", "status": 500, "detail": "an unexpected error"}
    answers = [
        httpx.Response(200, json={"variables": {"A": "1"}, "more": 1}),
        httpx.Response(500, json=problem),
        httpx.Response(500, json=unknown),
        httpx.Response(200, json={"variables": {"A": ["s3cr3t"]}}),
    ]
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return answers[len(paths) - 1]

    async with region(answer) as control_plane:
        assert await control_plane.environment("dep_1") == {"A": "1"}
        with pytest.raises(Undecryptable, match="A version 1"):
            await control_plane.environment("dep_1")
        for _ in range(2):
            with pytest.raises(TurnoutError) as other:
                await control_plane.environment("dep_1")
            assert type(other.value) is TurnoutError
            assert "s3cr3t" not in other.value.detail
    assert set(paths) == {"/v1/regions/local/deployments/dep_1/environment"}


async def test_reports_and_output_reach_their_routes() -> None:
    """A report has no answer; output has the size to go on from."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return (
            httpx.Response(204) if request.url.path.endswith("/report") else httpx.Response(200, json={"size_bytes": 7})
        )

    async with region(answer) as control_plane:
        await control_plane.report(RegionReport(complete=True, backends=(), instances=()))
        size = await control_plane.append_log(instance_id="ins_1", deployment_id="dep_1", offset=3, data=b"text")
    assert size == 7
    assert seen[1].url.path == "/v1/regions/local/instances/ins_1/log"
    assert dict(seen[1].url.params) == {"deployment_id": "dep_1", "offset": "3"}
    assert seen[1].content == b"text"
