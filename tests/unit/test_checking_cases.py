"""The table of requests, against the checks alone; the contract tests send the same ones through a real gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.validation_cases import ORDERS_BAD, ORDERS_GOOD, PETS_BAD, PETS_GOOD, Case
from tests.data.orders_app import make_app
from turnout.checking.media import is_read
from turnout.checking.requests import CheckedRequest
from turnout.checking.spec import Spec

PETS = Spec((Path(__file__).parents[1] / "data" / "petstore.json").read_bytes())
ORDERS = Spec(json.dumps(make_app().openapi()).encode())


def request(case: Case, base: str) -> CheckedRequest:
    """As the gateway would hand it over."""
    typed = (("content-type", case.content_type),) if case.content_type is not None else ()
    upgrades = "upgrade" in dict(case.headers)
    read = is_read(case.content_type) and not upgrades
    return CheckedRequest(
        method=case.method,
        target=base + (case.target.replace("/x/../", "/")),
        headers=tuple((name.lower(), value) for name, value in (*typed, *case.headers)),
        body=case.body or b"" if read else b"",
        body_unread=not read and not upgrades and case.body is not None,
    )


@pytest.mark.parametrize("case", PETS_GOOD + PETS_BAD, ids=str)
def test_petstore(case: Case) -> None:
    """OpenAPI 3.0: exactly the violations there are, each named."""
    found = PETS.check(request(case, "/api/v1"))
    assert sorted((str(each.place), each.name) for each in found) == list(case.violations), found


@pytest.mark.parametrize("case", ORDERS_GOOD + ORDERS_BAD, ids=str)
def test_orders(case: Case) -> None:
    """OpenAPI 3.1, as FastAPI writes it."""
    found = ORDERS.check(request(case, ""))
    assert sorted((str(each.place), each.name) for each in found) == list(case.violations), found


def test_both_documents_are_usable_to_the_last_corner() -> None:
    """What the deploy makes sure of."""
    assert PETS.compile_all() == 10
    assert ORDERS.compile_all() == 7
