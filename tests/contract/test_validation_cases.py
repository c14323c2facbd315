"""Every request of the table, through a real Envoy and a real sentinel to a real app."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.validation_cases import ORDERS_BAD, ORDERS_GOOD, PETS_BAD, PETS_GOOD, Case
from tests.contract.validation_lab import Lab, Recorder, lab, named, served
from tests.data.orders_app import make_app

PETSTORE = (Path(__file__).parents[1] / "data" / "petstore.json").read_bytes()


@pytest.fixture
async def gateway() -> AsyncIterator[Lab]:
    """A gateway."""
    async with lab() as made:
        yield made


async def refused(gateway: Lab, case: Case, base: str) -> str | None:
    """What is wrong with the answer to a request that breaks the document; None when it is as it should be."""
    status, document = await gateway.send(case, base)
    if status != 400 or "violations" not in document:
        return f"{case}: {status} {document!r}"
    told = named(document)
    return None if told == list(case.violations) else f"{case}: {told} {document}"


async def test_petstore_3_0(gateway: Lab) -> None:
    """None of the violating requests reaches the app, each is answered by what is wrong; all valid ones pass."""
    app = Recorder()
    async with served(app) as address:
        await gateway.route(address, gateway.store.add(PETSTORE))
        wrong = [each for case in PETS_BAD if (each := await refused(gateway, case, "/api/v1"))]
        assert not wrong, "\n".join(wrong)
        assert app.seen == []
        passed = [(str(case), (await gateway.send(case, "/api/v1"))[0]) for case in PETS_GOOD]
        assert [each for each in passed if each[1] != 200] == []
        assert len(app.seen) == len(PETS_GOOD)
    assert len(PETS_BAD) >= 50


async def test_a_fastapi_app_3_1(gateway: Lab) -> None:
    """The same with the app itself behind it: what passes, it takes."""
    app = make_app()
    async with served(app) as address:
        await gateway.route(address, gateway.store.add(json.dumps(app.openapi()).encode()))
        wrong = [each for case in ORDERS_BAD if (each := await refused(gateway, case, ""))]
        assert not wrong, "\n".join(wrong)
        assert app.state.seen == []
        passed = [(str(case), (await gateway.send(case))[0]) for case in ORDERS_GOOD]
        assert [each for each in passed if each[1] not in (200, 201)] == []
        assert len(app.state.seen) == len(ORDERS_GOOD)
