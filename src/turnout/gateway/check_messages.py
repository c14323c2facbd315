"""Envoy's question about a request, and our answer, as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from turnout.checking.requests import CheckedRequest
from turnout.checking.violations import Violation, refusal
from turnout.gateway import protos
from turnout.gateway.policies.validation import BODY, SPEC

_PERMISSION_DENIED = 7
_PASS: Any = protos.CheckResponse().SerializeToString()


def asked(message: Any) -> tuple[str, CheckedRequest]:
    """Which document, and the request. Raises KeyError for one that lacks its first line."""
    context = message.attributes.context_extensions
    http = message.attributes.request.http
    # Byte by byte as it came: the fields that are texts were made UTF-8, and would show what the app does not see.
    sent = tuple((each.key.lower(), each.raw_value.decode("latin-1")) for each in http.header_map.headers)
    pseudo = dict(sent)
    headers = tuple(header for header in sent if not header[0].startswith(":"))
    names = {name for name, _ in headers}
    lengths = {value for name, value in headers if name == "content-length"}
    # HTTP/1 says beforehand whether there is a body; HTTP/2 need not.
    bodiless = http.protocol.startswith("HTTP/1") and "transfer-encoding" not in names and lengths <= {"0"}
    request = CheckedRequest(
        method=pseudo[":method"],
        target=pseudo[":path"],
        headers=headers,
        body=http.raw_body or http.body.encode(),
        body_unread=context.get(BODY) != "read" and not bodiless,
    )
    return context.get(SPEC, ""), request


def passes() -> Any:
    """It may go on to the app."""
    return protos.CheckResponse.FromString(_PASS)


def refused(violations: Sequence[Violation]) -> Any:
    """It breaks the document."""
    return _denied(400, refusal(violations))


def undecided(detail: str) -> Any:
    """It cannot be checked, so it does not pass."""
    problem = {"type": "about:blank", "title": "Requests cannot be checked", "status": 503, "detail": detail}
    return _denied(503, json.dumps(problem).encode())


def _denied(status: int, body: bytes) -> Any:
    response = protos.CheckResponse()
    response.status.code = _PERMISSION_DENIED
    response.denied_response.status.code = status
    response.denied_response.body = body.decode()
    return response
