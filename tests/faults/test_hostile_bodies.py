"""Bodies that are none: on every route that reads JSON. Refused in a sentence, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.contract.store_kit import REGION
from tests.faults.attack_kit import SECRET, World, refusal
from tests.faults.hostile.bodies import BODIES
from tests.faults.routes_kit import OPERATORS, WITH_BODY, filled, label
from tests.faults.rows import Row
from turnout.api import limits
from turnout.api.access import Access

pytestmark = pytest.mark.fault(Row.HOSTILE)


@pytest.mark.full
async def test_bodies_that_are_none(here: World, subtests: pytest.Subtests) -> None:
    """Every route that takes JSON, with every kind of what is none."""
    tokens = {
        **dict.fromkeys(OPERATORS, await here.token("ada")),
        Access.KRANE: await here.token("krane", access="krane", region=REGION),
    }
    ids = here.belongings.ids | {"project": "shop", "instance_id": f"ins_{'0' * 26}"}
    for route in WITH_BODY:
        before = await here.dump(apart_from=("audit_log",))
        async with here.client(tokens[route.access]) as client:
            for kind, body in BODIES.items():
                with subtests.test(f"{label(route)}: {kind}"):
                    answer = await client.request(
                        route.method, filled(route, ids), content=body.content, headers=dict(body.headers)
                    )
                    refusal(answer, *body.statuses)
        with subtests.test(f"{label(route)}: nothing changed"):
            assert await here.dump(apart_from=("audit_log",)) == before


async def test_a_body_in_pieces_is_counted_as_it_comes(here: World) -> None:
    """Nothing says beforehand how long it is."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    async with here.client(await here.token("ada")) as client:
        answer = await client.post("/v1/keyspaces", content=endless(), headers={"content-type": "application/json"})
    assert "larger than 1024 KiB" in refusal(answer, 413)["detail"]
    assert answer.headers["connection"] == "close"


async def test_a_body_that_does_not_come_is_not_waited_for(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then buys no more time."""
    monkeypatch.setattr(limits, "_BODY_SECONDS", 0.3)

    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async with here.client(await here.token("ada")) as client:
        answer = await client.post("/v1/keyspaces", content=slow(), headers={"content-type": "application/json"})
    assert "takes too long" in refusal(answer, 408)["detail"]
    assert answer.headers["connection"] == "close"


async def test_two_lengths_are_one_too_many(here: World) -> None:
    """Whoever stands in front may have believed the other one."""
    headers = {"content-length": "4", "transfer-encoding": "chunked"}
    async with here.client(await here.token("ada")) as client:
        answer = await client.post("/v1/keyspaces", content=b"{}  ", headers=headers)
    refusal(answer, 400)
    assert answer.headers["connection"] == "close"


async def test_what_was_secret_in_a_refused_body_is_not_repeated(here: World) -> None:
    """Nor is what was said of somebody else."""
    async with here.client(await here.token("ada")) as client:
        for path, body in (
            ("/v1/keyspaces", {"name": SECRET}),
            ("/v1/certificates", {"chain": SECRET, "key": SECRET}),
            ("/v1/projects/shop/environments/production/variables", {"variables": {"A": SECRET, "9": SECRET}}),
            ("/v1/projects/shop/environments/production/variables", {"variables": {SECRET: SECRET}}),
            ("/v1/projects/shop/deployments", {"image": "a:b", "build": {"args": {"9": SECRET}}}),
        ):
            answer = await (client.put if "variables" in path else client.post)(path, json=body)
            refusal(answer, 400)
