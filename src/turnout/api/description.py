"""The API's own OpenAPI document: what FastAPI finds out by itself, and what it cannot know."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from turnout.api.access import Access
from turnout.api.routes import JSON, ROUTES
from turnout.domain.documents import Problem

_REFUSAL: Final = {
    "description": "Refused: a sentence says why and what can be done. Nothing was changed.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_BEARER: Final = {"type": "http", "scheme": "bearer", "description": "A token: in `credentials.json` of the home."}


def describe(app: FastAPI) -> None:
    """Have `app` describe its tokens and its refusals, and not the answers that it never gives."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(made())
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for never in ("HTTPValidationError", "ValidationError"):
        schemas.pop(never, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {"bearer": _BEARER}
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _REFUSAL
        if route.media != JSON:
            operation["responses"]["200"]["content"] = {media: _content(media) for media in route.media}
        operation["operationId"] = route.handler.__name__
        operation["security"] = [] if route.access is Access.OPEN else [{"bearer": []}]


def _content(media: str) -> dict[str, Any]:
    """What FastAPI cannot see, because a handler makes the answer itself."""
    return {"schema": {"type": "string"} if media == "text/plain" else {}}
