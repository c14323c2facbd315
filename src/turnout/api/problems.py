"""The boundary where an error becomes an HTTP answer (RFC 9457)."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from turnout.domain.errors import TurnoutError
from turnout.domain.keyspaces import hide_keys
from turnout.domain.sentences import plain

_MEDIA_TYPE: Final = "application/problem+json"
_LONGEST: Final = 2000
"""Characters of a detail."""


def problem(*, kind: str, title: str, status: int, detail: str) -> JSONResponse:
    """One error, as JSON: on one line, and without what would steer a terminal.

    A key that somebody put where something else belongs is not repeated.
    """
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(
        {"type": kind, "title": title, "status": status, "detail": plain(hide_keys(detail), limit=_LONGEST)},
        status_code=status,
        media_type=_MEDIA_TYPE,
        headers=headers,
    )


def install(app: FastAPI, logger: Any) -> None:
    """Answer every error of `app` with a problem; only unexpected ones are logged, and none shows its insides."""

    @app.exception_handler(TurnoutError)
    async def refused(request: Request, error: TurnoutError) -> JSONResponse:
        answer = problem(kind=error.type, title=error.title, status=error.status, detail=error.detail)
        answer.background = getattr(request.state, "afterwards", None)
        return answer

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(kind="invalid", title="Invalid request", status=400, detail=_first_violation(error))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, TurnoutError):  # what was said of the body while it was read
            return await refused(request, error.__cause__)
        detail = f"cannot {request.method} {plain(request.url.path, limit=200)}: {error.detail}"
        return problem(kind="http", title=str(error.detail), status=error.status_code, detail=detail)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("api.unexpected", path=request.url.path, error=type(error).__name__, exc_info=error)
        return problem(
            kind="internal",
            title="Something went wrong",
            status=500,
            detail="an unexpected error; the server's log has it",
        )


def _first_violation(error: RequestValidationError) -> str:
    """The first thing that is wrong, named by its place, without repeating what was sent."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return f"{place}: {first['msg']}"
