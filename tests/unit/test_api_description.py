"""The API describes itself truthfully."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from turnout.api.app import make_app
from turnout.api.parts import Parts
from turnout.api.routes import ROUTES
from turnout.settings import load_settings


@pytest.fixture
def document() -> dict[str, Any]:
    """The OpenAPI document of an API that is never called."""
    settings = load_settings({"TURNOUT_HOME": "/nowhere"})
    nothing: dict[str, Any] = {field.name: None for field in fields(Parts)}
    parts = Parts(**nothing | {"settings": settings})
    return make_app(parts).openapi()


def test_every_route_is_described(document: dict[str, Any]) -> None:
    """Path, method, what it is for, and an operation id that a client generator can use."""
    described = {
        (path, method.upper()): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(described) == {(route.path, route.method) for route in ROUTES}
    assert all(operation["description"] for operation in described.values())
    ids = [operation["operationId"] for operation in described.values()]
    assert len(ids) == len(set(ids))


def test_only_the_health_of_the_server_is_open(document: dict[str, Any]) -> None:
    """Everything else needs a token."""
    without = [
        path for path, operations in document["paths"].items() for each in operations.values() if not each["security"]
    ]
    assert without == ["/healthz"]


def test_refusals_are_problems(document: dict[str, Any]) -> None:
    """Every operation says so, and none promises FastAPI's own form of error."""
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
