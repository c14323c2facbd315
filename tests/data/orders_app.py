"""A FastAPI app whose OpenAPI 3.1 document is made by FastAPI itself, with much of what such documents have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, Cookie, FastAPI, Header, Path, Query, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field


class Size(StrEnum):
    """Of a shirt."""

    S = "s"
    M = "m"


class Card(BaseModel):
    """Pays at once."""

    type: Literal["card"]
    number: str = Field(pattern=r"^[0-9]{12,19}$")


class Invoice(BaseModel):
    """Pays later."""

    type: Literal["invoice"]
    days: int = Field(ge=1, le=90)


class Line(BaseModel):
    """One kind of thing."""

    model_config = ConfigDict(extra="forbid")
    sku: str = Field(min_length=3, max_length=12)
    count: int = Field(gt=0)
    size: Size | None = None


class Order(BaseModel):
    """What somebody buys."""

    lines: list[Line] = Field(min_length=1, max_length=5)
    payment: Card | Invoice = Field(discriminator="type")
    note: str | None = Field(default=None, max_length=20)
    wanted_by: datetime | None = None
    labels: dict[str, int] = {}


def make_app(name: str = "orders") -> FastAPI:
    """The app; it answers with its name, and counts what it sees in `app.state.seen`."""
    app = FastAPI(title=name, version="1")
    app.state.seen = []

    @app.middleware("http")
    async def count(request: Request, call_next: Any) -> Any:
        app.state.seen.append(f"{request.method} {request.url.path}")
        response = await call_next(request)
        response.headers["x-app"] = name
        return response

    _orders(app)
    _changes(app)
    _streams(app, name)
    _unmentioned(app)
    return app


def _orders(app: FastAPI) -> None:
    @app.get("/orders")
    async def list_orders(
        *,
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
        before: UUID | None = None,
        sizes: Annotated[list[Size] | None, Query(alias="size", max_length=2)] = None,
        paid: bool | None = None,
        x_tenant: Annotated[str | None, Header(pattern="^[a-z]+$")] = None,
        theme: Annotated[Literal["dark", "light"] | None, Cookie()] = None,
    ) -> dict[str, str]:
        return {}

    @app.post("/orders", status_code=201)
    async def place(order: Order) -> dict[str, str]:
        return {}

    @app.get("/orders/{order_id}")
    async def show(order_id: UUID) -> dict[str, str]:
        return {}


def _changes(app: FastAPI) -> None:
    @app.patch("/orders/{order_id}/count/{index}")
    async def recount(
        order_id: UUID, index: Annotated[int, Path(ge=0, le=4)], count: Annotated[int, Body(embed=True, gt=0)]
    ) -> dict[str, str]:
        return {}

    @app.put("/orders/{order_id}/scores")
    async def score(order_id: UUID, scores: list[Annotated[float, Field(ge=0, le=1)]]) -> dict[str, str]:
        return {}


def _streams(app: FastAPI, name: str) -> None:
    upload = {"requestBody": {"required": True, "content": {"application/octet-stream": {}, "multipart/form-data": {}}}}

    @app.put("/files/{name}", openapi_extra=upload)
    async def keep(name: str, request: Request) -> dict[str, int]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return {"size": size}

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def tell() -> AsyncIterator[str]:
            yield "data: 1\n\n"

        return StreamingResponse(tell(), media_type="text/event-stream")

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"hello from {name}")
        await socket.close()


def _unmentioned(app: FastAPI) -> None:
    @app.get("/internal", include_in_schema=False, response_class=PlainTextResponse)
    async def internal() -> str:
        return "not for you"

    @app.post("/hooks/{anything:path}", include_in_schema=False)
    async def hook(anything: str) -> dict[str, str]:
        return {}
