"""Requests made from the API's own description: good ones, bad ones, and good ones with one thing wrong.

What the description says of the answers is true, bad ones are refused, and none is answered by a fault of ours.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store
from tests.contract.store_kit import REGION, Clock
from tests.faults.attack_kit import SECRET, World, world
from tests.faults.routes_kit import ENDLESS
from tests.faults.rows import Row
from tests.faults.test_hostile_connections import listening
from turnout.api.access import Access
from turnout.api.routes import ROUTES, Route
from turnout.store import Store

__all__ = ["clock", "database_url", "postgres_template", "sqlite_template", "store"]  # fixtures

pytestmark = pytest.mark.fault(Row.HOSTILE)

_CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
async def here(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[World]:
    """Two workspaces and the API."""
    async with world(store, clock, tmp_path / "home") as made:
        yield made


@pytest.mark.parametrize("examples", [8, pytest.param(150, marks=pytest.mark.full)])
async def test_what_the_description_allows_and_forbids(here: World, examples: int, subtests: pytest.Subtests) -> None:
    """Every route, by somebody who owns one of everything; half of the names in the paths are of something real."""
    tokens = {
        Access.OPEN: "",
        Access.ADMIN: await here.token("vera", of=here.victim),
        Access.KRANE: await here.token("krane", access="krane", region=REGION, of=here.victim),
    }
    described = schemathesis.openapi.from_dict(here.app.openapi())
    async with listening(here) as port:
        for route in ROUTES:
            if route.handler.__name__ in ENDLESS:
                continue
            for mode in GenerationMode:
                with subtests.test(f"{route.method} {route.path}: {mode.value}"):
                    await asyncio.to_thread(
                        _exercise, described, route, mode, tokens[route.access], here.belongings.ids, port, examples
                    )


def _exercise(
    described: Any, route: Route, mode: GenerationMode, token: str, ids: dict[str, str], port: int, examples: int
) -> None:
    operation = described[route.path][route.method]
    real = random.Random(1)  # noqa: S311  # which names are real is no secret
    headers = {"authorization": f"Bearer {token}"} if token else {}

    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and real.random() < 0.5:
            case.path_parameters = {name: ids.get(name, was) for name, was in (case.path_parameters or {}).items()}
        answer = case.call(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, allow_redirects=False)
        case.validate_response(answer, checks=_CHECKS)
        assert SECRET not in answer.text

    run()
