"""Requests made from the API's own description: good ones, bad ones, and good ones with one thing wrong.

What the description says of the answers is true, bad ones are refused, and none is answered by a fault of ours.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.store_kit import REGION
from tests.faults.attack_kit import SECRET, World
from tests.faults.routes_kit import ENDLESS, NAMED, OPERATORS, model_of
from tests.faults.rows import Row
from tests.faults.test_hostile_connections import listening
from turnout.api.access import Access
from turnout.api.routes import ROUTES

pytestmark = pytest.mark.fault(Row.HOSTILE)

_CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_LONG: Final = ENDLESS | {"follow_operation"}
"""Handlers that answer for as long as something goes on."""


@pytest.mark.parametrize(
    "examples", [pytest.param(4, marks=pytest.mark.sample), pytest.param(20, marks=pytest.mark.full)]
)
async def test_what_the_description_allows_and_forbids(here: World, examples: int, subtests: pytest.Subtests) -> None:
    """Every route, by somebody who owns one of everything; half of the names in the paths are of something real."""
    tokens = {
        Access.OPEN: "",
        **dict.fromkeys(OPERATORS, await here.token("vera", of=here.victim)),
        Access.KRANE: await here.token("krane", access="krane", region=REGION, of=here.victim),
    }
    described = schemathesis.openapi.from_dict(here.app.openapi())
    async with listening(here) as port:
        for route in ROUTES:
            if route.handler.__name__ in _LONG:
                continue
            takes_something = NAMED.search(route.path) or model_of(route)
            for mode in GenerationMode if takes_something else (GenerationMode.POSITIVE,):
                send = _Sender(port, tokens[route.access], here.belongings.ids, mode)
                operation = described[route.path][route.method]
                with subtests.test(f"{route.method} {route.path}: {mode.value}"):
                    await asyncio.to_thread(_exercise, operation, send, examples)


class _Sender:
    """Sends a made request to the API, and looks at the answer."""

    def __init__(self, port: int, token: str, ids: Mapping[str, str], mode: GenerationMode) -> None:
        self.mode = mode
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._ids = ids
        self._random = random.Random(1)

    def __call__(self, case: Any) -> None:
        """Of good requests, every second one is about something that is there."""
        if self.mode is GenerationMode.POSITIVE and self._random.random() < 0.5:
            case.path_parameters = {
                name: self._ids.get(name, was) for name, was in (case.path_parameters or {}).items()
            }
        # What is wrong with a bad request may be the token that it was made with.
        headers = {} if case.headers is not None and "Authorization" in case.headers else self._headers
        answer = case.call(base_url=self._url, headers=headers, timeout=20, allow_redirects=False)
        if self.mode is GenerationMode.NEGATIVE:
            assert answer.status_code >= 400, f"taken: {answer.request.method} {answer.request.url}"[:500]
        case.validate_response(answer, checks=_CHECKS)
        assert SECRET not in answer.text


def _exercise(operation: Any, send: _Sender, examples: int) -> None:
    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=send.mode))
    def run(case: Any) -> None:
        send(case)

    run()
