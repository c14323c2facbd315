"""Seen traffic: the requests to a project, as the gateway of this machine wrote them down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from fastapi.responses import StreamingResponse

from turnout.api.parts import Caller, DeploymentId
from turnout.domain.documents import Slug
from turnout.domain.errors import Conflict
from turnout.domain.protection_documents import RequestDocument
from turnout.domain.requests import Wanted, older, parse_statuses, request_log
from turnout.domain.since import parse_since
from turnout.tail import Tail

_LOOK_EVERY_SECONDS: Final = 0.1

Last = Annotated[int | None, Query(ge=1, le=10_000, description="Only the newest so many of those there are.")]


async def list_requests(
    caller: Caller,
    project: Slug,
    *,
    follow: bool = False,
    since: str | None = None,
    status: str | None = None,
    deployment: DeploymentId | None = None,
    last: Last = None,
) -> StreamingResponse:
    """The requests to a project's domains, oldest first, as lines of JSON; with `follow` also those that come.

    `since` is how long ago (`10m`) or a time, `status` such as `404`, `5xx` or `404,5xx`.
    """
    found = await caller.store.find_project(workspace_id=caller.workspace_id, slug=project)
    settings = caller.parts.settings
    if settings.gateway.access_log == "off":
        raise Conflict("cannot show requests: they are not written down here; start with TURNOUT_GATEWAY_ACCESS_LOG=on")
    if deployment is not None:
        await caller.store.get_deployment(deployment_id=deployment, workspace_id=caller.workspace_id)
    wanted = Wanted(
        project_id=found.id,
        deployment_id=deployment,
        since=None if since is None else parse_since(since, now=datetime.now(UTC)),
        status=None if status is None else parse_statuses(status),
    )
    log = request_log(settings.home)
    lines = _lines(Tail(log, older(log)), wanted, last=last, follow=follow)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})


async def _lines(tail: Tail, wanted: Wanted, *, last: int | None, follow: bool) -> AsyncIterator[bytes]:
    with tail:
        kept: deque[bytes] = deque(maxlen=last)
        while True:
            more, found = await asyncio.to_thread(_some, tail, wanted)
            kept.extend(found)
            if last is None or not more:
                if kept:
                    yield b"".join(kept)
                kept.clear()
            if not more:
                if not follow:
                    return
                last = None
                await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _some(tail: Tail, wanted: Wanted) -> tuple[bool, list[bytes]]:
    """Whether there was anything to read, and what of it is wanted."""
    lines = tail.lines()
    return bool(lines), [_shown(request) for line in lines if (request := wanted.line(line)) is not None]


def _shown(request: dict[str, Any]) -> bytes:
    latency = request.get("latency_us")
    document = RequestDocument.model_validate(
        request | {"latency_ms": None if latency is None else latency / 1000}, strict=False
    )
    return document.model_dump_json().encode() + b"\n"
