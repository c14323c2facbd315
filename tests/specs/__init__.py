"""OpenAPI documents that several tests use."""

from __future__ import annotations

import copy
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turnout.domain.openapi_document import ApiDescription, describe, read_served

PETSTORE = (Path(__file__).parent / "petstore-3.0.yaml").read_bytes()
"""OpenAPI 3.0, as YAML."""

_CONTENT = read_served(PETSTORE)[1].content


def petstore(change: Callable[[dict[str, Any]], None] = lambda _: None) -> ApiDescription:
    """The Petstore, changed in place by `change`."""
    # By way of JSON, so that what was one thing with an alias can be changed in one place.
    content = json.loads(json.dumps(_CONTENT))
    change(content)
    return describe(content)


def api(paths: dict[str, Any], *, schemas: dict[str, Any] | None = None, version: str = "3.1.0") -> dict[str, Any]:
    """A document with these paths."""
    content: dict[str, Any] = {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths}
    if schemas is not None:
        content["components"] = {"schemas": schemas}
    return copy.deepcopy(content)


def as_json(content: Any) -> bytes:
    """A document as an app serves it."""
    return json.dumps(content).encode()


def fastapi_app() -> bytes:
    """The document of examples/fastapi-app, as FastAPI writes it: OpenAPI 3.1."""
    file = Path(__file__).resolve().parents[2] / "examples" / "fastapi-app" / "app.py"
    return as_json(runpy.run_path(str(file), run_name="example")["app"].openapi())
