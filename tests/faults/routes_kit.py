"""The table of routes as an attacker reads it: what each takes, filled with what somebody chooses."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from turnout.api.access import Access
from turnout.api.routes import ROUTES, Route

NAMED: Final = re.compile(r"{(\w+)}")

_BODIES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "add_certificate": {"chain": "x", "key": "x"},
        "add_domain": {"fqdn": "app.example.com"},
        "begin_job": {"claim": "0" * 32},
        "change_protection": {"allow": ["192.0.2.0/24"]},
        "create_key": {"name": "made"},
        "create_keyspace": {"name": "made"},
        "create_token": {"name": "made"},
        "deploy": {"image": "shop:v2"},
        "expire_key": {"expires_at": None},
        "limit_key": {"limit": None},
        "limit_keyspace": {"limit": None},
        "promote": {"target_deployment_id": f"dep_{'0' * 26}"},
        "report": {"complete": False, "backends": [], "instances": []},
        "set_variables": {"variables": {"A": "1"}},
    }
)
"""A good body by handler, where `{}` is none."""

QUERIES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "append_log": {"offset": "0", "deployment_id": f"dep_{'0' * 26}"},
        "remove_variables": {"name": "A"},
    }
)
"""What a handler has to be asked with."""

ENDLESS: Final = frozenset({"follow_desired"})
"""Handlers whose good answer never ends."""


def model_of(route: Route) -> type[BaseModel] | None:
    """What its body is read as; None when it takes none."""
    body = inspect.signature(route.handler, eval_str=True).parameters.get("body")
    return None if body is None else body.annotation


def good_body(route: Route) -> Any:
    """One that the model takes. The test fails when nobody has said one for a new route."""
    model = model_of(route)
    if model is None:
        return None
    body = _BODIES.get(route.handler.__name__, {})
    try:
        model.model_validate(body)
    except ValidationError as error:
        raise AssertionError(f"say in routes_kit which body {route.handler.__name__} takes: {error}") from None
    return body


def filled(route: Route, ids: Mapping[str, str]) -> str:
    """Its path with these in it."""
    return NAMED.sub(lambda found: ids[found[1]], route.path)


def label(route: Route) -> str:
    """How it is called in the name of a test."""
    return f"{route.method} {route.path}"


WITH_BODY: Final = tuple(route for route in ROUTES if model_of(route) is not None)
WITH_ID: Final = tuple(route for route in ROUTES if NAMED.search(route.path))
OPERATORS: Final = (Access.READ, Access.DEPLOY, Access.ADMIN)
"""What an admin's token opens."""
CLOSED: Final = tuple(route for route in ROUTES if route.access is not Access.OPEN)
