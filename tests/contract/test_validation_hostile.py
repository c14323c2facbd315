"""Documents that are made to hurt. A real Envoy, a real sentinel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.validation_cases import good
from tests.contract.validation_lab import (
    GATEWAY,
    NOTES,
    ON,
    Lab,
    Recorder,
    document,
    lab,
    served,
    takes,
)
from tests.faults.rows import Row
from tests.support import eventually


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


@pytest.mark.fault(Row.HOSTILE)
async def test_documents_made_to_hurt(gateway: Lab, app: Recorder) -> None:
    """Circles, two MiB, an expression that backtracks, a reference to elsewhere: all bounded, none ever open."""
    listening = await asyncio.start_server(lambda _r, w: fetched.append(w), "127.0.0.1", 0)
    fetched: list[Any] = []
    port = listening.sockets[0].getsockname()[1]
    tree = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Tree"}, "n": {"type": "integer"}}}
    padding = {f"S{n}": {"type": "string", "description": "x" * 1000, "maxLength": n} for n in range(2000)}
    spec = document(
        {
            "/tree": {"post": takes({"$ref": "#/components/schemas/Tree"})},
            "/remote": {"post": takes({"$ref": f"http://127.0.0.1:{port}/schema.json"})},
            "/word": {"get": {"parameters": [{"name": "w", "in": "query", "schema": {
                "type": "string", "pattern": "^(a|aa|a)+(?!b)$"}}]}},
            "/linear": {"get": {"parameters": [{"name": "w", "in": "query", "schema": {"pattern": "^(a+)+$"}}]}},
        },
        {"Tree": tree} | padding,
    )  # fmt: skip
    assert len(json.dumps(spec)) > 2_000_000
    await gateway.route(app.address, gateway.store.add(spec))
    deep: dict[str, Any] = {"n": 1}
    for _ in range(60):
        deep = {"next": deep}
    assert (await gateway.send(good("POST", "/tree", deep)))[0] == 200
    assert (await gateway.send(good("POST", "/tree", {"next": {"next": {"n": "x"}}})))[0] == 400
    assert (await gateway.send(good("GET", f"/word?w={'a' * 5000}!")))[0] == 400
    assert (await gateway.send(good("GET", f"/linear?w={'a' * 5000}!")))[0] == 400
    status, told = await gateway.send(good("POST", "/remote", {}))
    assert status == 503
    assert "ever fetched" in told["detail"]
    assert fetched == []
    assert app.seen == ["POST /tree"]
    listening.close()


@pytest.mark.fault(Row.HOSTILE)
async def test_a_check_without_end_ends_the_sentinel_and_sets_its_document_aside(gateway: Lab, app: Recorder) -> None:
    """Alternatives of alternatives: two to the power of fifty. Others are checked again at once."""
    ever = {f"A{n}": {"anyOf": [{"$ref": f"#/components/schemas/A{n + 1}"}] * 2} for n in range(50)}
    slow = document({"/": {"post": takes({"$ref": "#/components/schemas/A0"})}}, ever | {"A50": {"type": "string"}})
    await gateway.route(app.address, gateway.store.add(slow))
    first = gateway.keeper.pid
    status, _ = await gateway.send(good("POST", "/", {"x": 1}))
    assert status == 503
    await eventually(lambda: gateway.keeper.pid not in (None, first), within=20, what="another sentinel runs")

    async def is_aside() -> bool:
        status, told = await gateway.send(good("POST", "/", {"x": 1}))
        return status == 503 and "too long" in told["detail"]

    await eventually(is_aside, within=20, what="the document is set aside")
    second = gateway.keeper.pid
    await gateway.route(app.address, gateway.store.add(NOTES))
    assert (await gateway.send(good("GET", "/notes")))[0] == 200
    assert gateway.keeper.pid == second
    assert app.seen == ["GET /notes"]


async def test_a_document_that_is_not_to_be_had_closes_its_routes_and_no_others(gateway: Lab, app: Recorder) -> None:
    """Nothing unchecked passes; what was there goes on."""
    await gateway.route(app.address, "0" * 64)
    status, told = await gateway.send(good("GET", "/notes"))
    assert (status, told["title"]) == (503, "Requests cannot be checked")
    generation = await gateway.store.put(gateway.view(app.address, None, ON))
    assert "has no OpenAPI document" in await gateway.store.until_rejected(generation, timeout=30)
    assert (await gateway.send(good("GET", "/notes")))[0] == 503
    assert app.seen == []
    assert gateway.store.acknowledged[GATEWAY]
    assert Path(gateway.folder / "gateway" / "specs").is_dir()
