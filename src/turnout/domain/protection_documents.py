"""The JSON of protections and of seen traffic. Passwords come in, and nothing about them goes out but names."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from turnout.domain.document import Answer, Document
from turnout.domain.header_rules import Action, Side
from turnout.domain.protection import RETRY_AFTER


class MaintenanceBody(Document):
    """How everybody is turned away."""

    retry_after: int = RETRY_AFTER
    """Seconds, as clients are told."""
    page: str | None = None
    """HTML for browsers, 16 KiB at most; without it the gateway has one of its own."""
    let_in: tuple[str, ...] = ()
    """Ranges of addresses whose requests pass."""


class HeaderRuleBody(Document):
    """One header rule."""

    side: Side
    action: Action
    name: str
    value: str | None = None


class ProtectionBody(Document):
    """What to change. A part that is absent stays as it is; null switches it off."""

    allow: tuple[str, ...] | None = None
    """Ranges of addresses, in the place of those before; empty lets everybody in."""
    basic_auth: dict[str, str | None] | None = Field(default=None, repr=False)
    """Passwords by name, beside those that are there; a name with null is let in no more."""
    maintenance: MaintenanceBody | None = None
    headers: tuple[HeaderRuleBody, ...] | None = None
    """In the place of those before."""


class MaintenanceDocument(Answer):
    """How everybody is turned away."""

    retry_after: int
    page: str | None
    let_in: tuple[str, ...]


class HeaderRuleDocument(Answer):
    """One header rule."""

    side: Side
    action: Action
    name: str
    value: str | None


class ProtectionDocument(Answer):
    """The protection of an environment. Of basic auth only the names."""

    project: str
    environment: str
    allow: tuple[str, ...]
    basic_auth: tuple[str, ...]
    maintenance: MaintenanceDocument | None
    headers: tuple[HeaderRuleDocument, ...]
    generation: int
    """Gateways that have acknowledged it apply this; 0 when nothing was ever protected."""
    changed_at: datetime | None
    changed_by: str | None


class RequestDocument(Answer):
    """One request as a gateway saw it. Sizes are of the bodies; no query string is kept, it may hold a secret."""

    at: datetime
    domain: str | None
    deployment_id: str | None
    key_id: str | None = None
    """The key that was shown; null when none was needed or it was no good."""
    method: str | None
    path: str | None
    status: int
    """0: the client left before there was an answer."""
    latency_ms: float | None
    """From the first byte of the request to the last of the answer; null when that never came."""
    bytes_in: int
    bytes_out: int
    client: str | None
    region: str
    gateway: str
    request_id: str | None
    trace_id: str | None
    reason: str | None = None
    """Why there is this status, in Envoy's words; `via_upstream` when the app said so."""
