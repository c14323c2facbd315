"""The ASGI application, made of the table of routes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.background import BackgroundTask

import turnout
from turnout.api import problems
from turnout.api.access import Access, authenticate, authorise
from turnout.api.description import describe
from turnout.api.limits import BodyLimit
from turnout.api.parts import Caller, Parts
from turnout.api.refusals import Refusals
from turnout.api.routes import ROUTES, Route
from turnout.domain.errors import TurnoutError


def make_app(parts: Parts) -> FastAPI:
    """The API over `parts`. `/openapi.json` describes it; there are no pages."""
    app = FastAPI(
        title="Turnout",
        version=turnout.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would send clients, and their tokens, to whatever host they had named
    )
    problems.install(app, parts.logger)
    refusals = Refusals(parts.store, parts.logger)
    for route in ROUTES:
        app.router.add_api_route(
            route.path,
            _endpoint(route, parts),
            methods=[route.method],
            status_code=route.status,
            name=route.handler.__name__,
            description=inspect.getdoc(route.handler),
            response_model=_response_model(route),
            route_class_override=_guarded(route.access, parts, refusals),
        )
    describe(app)
    app.add_middleware(BodyLimit, limit_bytes=parts.settings.api.body_kib * 1024)
    return app


def _guarded(access: Access, parts: Parts, refusals: Refusals) -> type[APIRoute]:
    """A route that looks at the token before it reads anything else of the request."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                token = None
                try:
                    request.state.token = token = await authenticate(request, parts.store, access)
                    authorise(request, token, access)
                    return await handle(request)
                except TurnoutError as error:
                    request.state.afterwards = BackgroundTask(refusals.note, request, error, needed=access, token=token)
                    raise

            return guarded

    return Guarded


def _endpoint(route: Route, parts: Parts) -> Callable[..., Awaitable[Any]]:
    """The handler as FastAPI calls it: with the request and its own parameters, but the caller made here."""

    @functools.wraps(route.handler)
    async def endpoint(*, request: Request, **parameters: Any) -> Any:
        caller = Caller(request=request, parts=parts, token=request.state.token)
        return await route.handler(caller, **parameters)

    signature = inspect.signature(route.handler, eval_str=True)
    _, *others = signature.parameters.values()
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    keyword_only = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in others]
    endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]  # where inspect looks first
        parameters=[request, *keyword_only]
    )
    return endpoint


def _response_model(route: Route) -> type[BaseModel] | None:
    answer = get_type_hints(route.handler).get("return")
    return answer if isinstance(answer, type) and issubclass(answer, BaseModel) else None
