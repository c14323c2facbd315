"""Around the checks: bodies, and what is excluded from them. A real Envoy, a real sentinel."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contract.validation_cases import JSON, good
from tests.contract.validation_lab import (
    HOST,
    NOTES,
    Lab,
    Recorder,
    lab,
    named,
    served,
)
from tests.data.orders_app import make_app
from tests.support import patiently
from turnout.domain.validation import Validation


@pytest.fixture
async def gateway() -> AsyncIterator[Lab]:
    """A gateway."""
    async with lab() as made:
        yield made


@pytest.fixture
async def app() -> AsyncIterator[Recorder]:
    """An app that takes everything, at `app.address`."""
    made = Recorder()
    async with served(made) as made.address:
        yield made


async def chunks(total: int) -> AsyncIterator[bytes]:
    """A JSON text of about that size, bit by bit."""
    yield b'{"text": "'
    for _ in range(total // 1000):
        yield b"x" * 1000
    yield b'"}'


async def test_a_body_has_a_limit_with_and_without_a_length(gateway: Lab, app: Recorder) -> None:
    """413 in the gateway's own words, at the limit of the app; chunked or not, and over HTTP/2."""
    await gateway.route(app.address, gateway.store.add(NOTES), Validation(enabled=True, max_body_kib=64))
    url, headers = f"http://127.0.0.1:{gateway.port}/notes", {"host": HOST, "content-type": JSON}
    for http2 in (False, True):
        async with httpx.AsyncClient(http1=not http2, http2=http2) as client:
            assert (await client.post(url, headers=headers, content=chunks(60_000))).status_code == 200
            assert (await client.post(url, headers=headers, json={"text": "x" * 60_000})).status_code == 200
            assert (await client.post(url, headers=headers, content=b"[]")).status_code == 400
            for huge in (chunks(70_000), json.dumps({"text": "x" * 70_000}).encode()):
                answer = await client.post(url, headers=headers, content=huge)
                assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
                assert answer.json()["title"] == "Too large"
    for enormous in (chunks(50_000_000), json.dumps({"text": "x" * 50_000_000}).encode()):
        async with gateway.client.post(url, headers=headers, data=enormous) as refused:
            assert (refused.status, (await refused.json(content_type=None))["title"]) == (413, "Too large")
    assert len(app.seen) == 4


async def test_a_chunked_body_is_checked_like_any_other(gateway: Lab, app: Recorder) -> None:
    """No length says how much there is, and nothing of it goes on before all of it was seen."""
    await gateway.route(app.address, gateway.store.add(NOTES))
    start = f"POST /notes HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {JSON}\r\nconnection: close\r\n"
    async with patiently(10):
        broken = await gateway.raw(
            f'{start}transfer-encoding: chunked\r\n\r\n6\r\n{{"text\r\n5\r\n": 5}}\r\n0\r\n\r\n'.encode()
        )
        whole = await gateway.raw(
            f'{start}transfer-encoding: chunked\r\n\r\n6\r\n{{"text\r\n7\r\n": "a"}}\r\n0\r\n\r\n'.encode()
        )
        none = await gateway.raw(f"{start}\r\n".encode())
    assert b" 400 " in broken.split(b"\r\n")[0]
    assert b'"name": "/text"' in broken
    assert b" 200 " in whole.split(b"\r\n")[0]
    assert b" 400 " in none.split(b"\r\n")[0]
    assert app.seen == ["POST /notes"]


async def test_a_body_of_megabytes_where_the_app_allows_it(gateway: Lab, app: Recorder) -> None:
    """Four MiB, more than most buffers on the way have by default; and the worst that can be in them."""
    await gateway.route(app.address, gateway.store.add(NOTES), Validation(enabled=True, max_body_kib=4096))
    status, _ = await gateway.send(good("POST", "/notes", {"text": "x" * 4_100_000}))
    assert status == 200
    status, told = await gateway.send(good("POST", "/notes", {"text": [{}] * 1_000_000}))
    assert (status, named(told)) == (400, [("body", "/text")])


async def test_what_is_skipped_and_what_only_looks_like_it(gateway: Lab, app: Recorder) -> None:
    """Skipped paths pass unchecked and unlimited; a path that could be read as another one does not."""
    skip = ("/upload/*", "/*/stream", "/docs")
    await gateway.route(app.address, gateway.store.add(NOTES), Validation(enabled=True, skip=skip, max_body_kib=1))
    for target in ("/upload/", "/upload/a/b%20c", "/live/stream?x=1", "/docs", "/docs?x", "/upload/../docs"):
        status, _ = await gateway.send(good("POST", target, {"text": "x" * 5000}))
        assert status == 200, target
    app.seen.clear()
    for target in (
        "/upload", "/uploads/x", "/a/b/stream", "/docs/", "/Docs", "/upload/..%2fsecret", "/upload/%2e%2e%2Fx",
        "/upload/%5c..%5cx", "/upload/%252e", "/upload/../secret", "/x%2fy/stream", "/docsx",
    ):  # fmt: skip
        status, _ = await gateway.send(good("POST", target, {}))
        assert status == 400, target
    assert app.seen == []


async def test_websockets_and_preflights_are_not_described_and_pass(gateway: Lab) -> None:
    """But nothing passes by calling itself one: the rest of such a request is checked, or has no body."""
    app = make_app()
    async with served(app) as address:
        await gateway.route(address, gateway.store.add(app.openapi()))
        async with gateway.client.ws_connect(f"http://127.0.0.1:{gateway.port}/ws", headers={"host": HOST}) as ws:
            assert await ws.receive_str() == "hello from orders"
        asks = {"origin": "http://x.example", "access-control-request-method": "POST"}
        assert (await gateway.send(good("OPTIONS", "/orders", **asks)))[0] == 405, "the app's own answer"
        app.state.seen.clear()
        pretends = {"connection": "Upgrade", "upgrade": "websocket"}
        assert (await gateway.send(good("POST", "/orders", {"lines": []}, **pretends)))[0] == 400
        assert (await gateway.send(good("GET", "/orders?limit=x", **pretends)))[0] == 400
        assert (await gateway.send(good("OPTIONS", "/orders", {"x": 1}, **asks)))[0] == 400
        assert (await gateway.send(good("OPTIONS", "/orders")))[0] == 400
        assert app.state.seen == []


async def test_every_spelling_of_the_host_name_is_checked(gateway: Lab, app: Recorder) -> None:
    """The scope of `Shop.Example.` is found later than that of `shop.example`, and is guarded all the same."""
    await gateway.route(app.address, gateway.store.add(NOTES))
    for host in (HOST, HOST.upper(), f"{HOST}.", f"{HOST.title()}:80"):
        assert (await gateway.send(good("GET", "/nothing"), host=host))[0] == 400, host
        assert (await gateway.send(good("GET", "/notes"), host=host))[0] == 200, host
    assert app.seen == ["GET /notes"] * 4
