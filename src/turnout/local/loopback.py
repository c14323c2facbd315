"""The few HTTP calls of the supervisor, with what Python brings along: it has to stay small."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from turnout.domain.errors import Unavailable


async def call(
    method: str,
    url: str,
    *,
    body: object | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 2.0,
) -> tuple[int, Any]:
    """Return the status and the JSON of an answer, None when it is none. Raises Unavailable without an answer."""
    return await asyncio.to_thread(_call, method, url, body, dict(headers or {}), timeout)


def _call(method: str, url: str, body: object | None, headers: dict[str, str], timeout: float) -> tuple[int, Any]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        content = None if body is None else json.dumps(body)
        if content is not None:
            headers["content-type"] = "application/json"
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), content, headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"cannot reach {parts.scheme}://{parts.netloc}: {error}") from None
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text) if text else None
    except ValueError:
        return answer.status, None
