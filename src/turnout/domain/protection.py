"""The protection of an environment: what stands in front of all its domains, whatever its apps say. Pure.

The JSON in the database is for people too: camel case like the sentinel config's, and what is off is absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from turnout.domain.errors import Invalid
from turnout.domain.header_rules import HeaderRule, check_rules, header_rule
from turnout.domain.networks import check_ranges
from turnout.domain.passwords import Credential, check_credentials

VERSION: Final = 1
"""Of the JSON's shape. It grows when an older Turnout would read a newer document wrongly."""

PAGE_MAX: Final = 16 * 1024
"""Bytes of a maintenance page, as UTF-8. Every gateway holds it once for each domain of the environment."""
RETRY_AFTER: Final = 300
"""Seconds after which a client is told to come back, unless said otherwise."""
RETRY_AFTER_MAX: Final = 7 * 24 * 3600

_KEYS: Final = frozenset({"version", "maintenance", "allow", "basicAuth", "headers"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """Everybody gets 503, but for those who are let in."""

    retry_after: int = RETRY_AFTER
    """Seconds, as clients are told."""
    page: str | None = None
    """HTML for browsers; None is a page of the gateway's own."""
    let_in: tuple[str, ...] = ()
    """Ranges of addresses whose requests pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """All knobs of one environment; as it is made, everything is off."""

    allow: tuple[str, ...] = ()
    """Ranges of addresses; empty lets everybody in."""
    basic_auth: tuple[Credential, ...] = ()
    """By name; empty asks nobody for a password."""
    maintenance: Maintenance | None = None
    """None: off."""
    headers: tuple[HeaderRule, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether nothing is protected."""
        return self == Protection()


def check_protection(protection: Protection) -> Protection:
    """The same with every part in its one spelling. Raises Invalid for the first that cannot be."""
    return Protection(
        allow=check_ranges(protection.allow),
        basic_auth=check_credentials(protection.basic_auth),
        maintenance=None if protection.maintenance is None else _check_maintenance(protection.maintenance),
        headers=check_rules(
            header_rule(side=rule.side, action=rule.action, name=rule.name, value=rule.value)
            for rule in protection.headers
        ),
    )


def _check_maintenance(maintenance: Maintenance) -> Maintenance:
    if not 1 <= maintenance.retry_after <= RETRY_AFTER_MAX:
        raise Invalid(f"cannot ask clients to come back after {maintenance.retry_after} s: say 1 s to 7 days")
    if maintenance.page is not None:
        try:
            size = len(maintenance.page.encode())
        except UnicodeEncodeError:
            raise Invalid("cannot use this maintenance page: it is not valid text") from None
        if not 1 <= size <= PAGE_MAX or "\0" in maintenance.page:
            raise Invalid(
                f"cannot use this maintenance page: it has to be HTML of 1 byte to {PAGE_MAX // 1024} KiB; "
                "put pictures elsewhere"
            )
    return Maintenance(
        retry_after=maintenance.retry_after, page=maintenance.page, let_in=check_ranges(maintenance.let_in)
    )


def to_json(protection: Protection) -> str:
    """Write a protection; the same one always gives the same text."""
    document: dict[str, Any] = {"version": VERSION}
    if protection.maintenance is not None:
        maintenance: dict[str, Any] = {"retryAfterSeconds": protection.maintenance.retry_after}
        if protection.maintenance.let_in:
            maintenance["letIn"] = list(protection.maintenance.let_in)
        if protection.maintenance.page is not None:
            maintenance["page"] = protection.maintenance.page
        document["maintenance"] = maintenance
    if protection.allow:
        document["allow"] = list(protection.allow)
    if protection.basic_auth:
        document["basicAuth"] = [{"user": each.user, "hash": each.hash} for each in protection.basic_auth]
    if protection.headers:
        document["headers"] = [
            {"side": rule.side.value, "action": rule.action.value, "name": rule.name}
            | ({} if rule.value is None else {"value": rule.value})
            for rule in protection.headers
        ]
    return json.dumps(document, indent=2)


def from_json(text: str) -> Protection:
    """Read what `to_json` wrote. Raises Invalid when it is something else: half a protection protects nothing."""
    try:
        document = json.loads(text)
        if document["version"] != VERSION:
            raise Invalid(f"cannot read a protection of version {document['version']!r}: this Turnout is older")
        if document.keys() - _KEYS:
            raise LookupError("a key that means nothing")
        return check_protection(
            Protection(
                allow=tuple(_text(each) for each in document.get("allow", [])),
                basic_auth=tuple(
                    Credential(user=_text(each["user"]), hash=_text(each["hash"]))
                    for each in document.get("basicAuth", [])
                ),
                maintenance=_maintenance(document["maintenance"]) if "maintenance" in document else None,
                headers=tuple(
                    header_rule(
                        side=_text(each["side"]),
                        action=_text(each["action"]),
                        name=_text(each["name"]),
                        value=_text(each["value"]) if "value" in each else None,
                    )
                    for each in document.get("headers", [])
                ),
            )
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"cannot read a protection: {type(error).__name__}") from None


def _maintenance(document: Any) -> Maintenance:
    seconds = document["retryAfterSeconds"]
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise TypeError("not a number of seconds")
    return Maintenance(
        retry_after=seconds,
        page=_text(document["page"]) if "page" in document else None,
        let_in=tuple(_text(each) for each in document.get("letIn", [])),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
