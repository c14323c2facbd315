"""Header rules: what the gateway adds to, sets in, or removes from requests and answers of an environment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from turnout.domain.errors import Invalid

RULES_MAX: Final = 64
"""Header rules of one environment."""
VALUE_MAX: Final = 4096
"""Characters of a header's value."""

_NAME: Final = re.compile(r"[a-z0-9!#$&'*+.^`|~-]{1,128}")
"""RFC 9110's token without `_`, which many apps read as `-`, and without `%`, which Envoy would interpret."""
_VALUE: Final = re.compile(r"[!-~]([\t -~]*[!-~])?")

_HOP_BY_HOP: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_MESSAGE: Final = frozenset({"content-length", "content-encoding", "content-range", "expect", "host", "date"})
"""They say how the message is to be read, or whom it is for: a wrong one breaks it, or smuggles a second one."""
_GATEWAY: Final = frozenset({"forwarded", "x-real-ip", "x-request-id", "traceparent", "tracestate"})
_GATEWAY_PREFIXES: Final = ("x-forwarded-", "x-envoy-", "x-turnout-")


class Side(StrEnum):
    """Which message a rule is about."""

    REQUEST = "request"
    RESPONSE = "response"


class Action(StrEnum):
    """What a rule does. `set` replaces what is there, `add` leaves it and adds another."""

    ADD = "add"
    SET = "set"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderRule:
    """One rule. Make it with `header_rule`, which checks it."""

    side: Side
    action: Action
    name: str
    """In lower case."""
    value: str | None = None
    """None for `remove`, and only then."""


def header_rule(*, side: str, action: str, name: str, value: str | None) -> HeaderRule:
    """A checked rule. Raises Invalid with what can be done; a value is never repeated."""
    try:
        of, does = Side(side), Action(action)
    except ValueError:
        raise Invalid(
            f"cannot use a header rule that would {action[:20]!r} in the {side[:20]!r}: "
            "it adds, sets or removes, in the request or the response"
        ) from None
    lower = name.strip().lower()
    if not name.isascii() or not _NAME.fullmatch(lower):
        raise Invalid(
            f"cannot use {name[:60]!r} as a header's name: it consists of letters, digits and dashes, "
            "and has 128 characters at most"
        )
    if lower in _HOP_BY_HOP:
        raise Invalid(f"cannot {does} the header {lower}: it belongs to one connection, not to the message")
    if lower in _MESSAGE:
        raise Invalid(f"cannot {does} the header {lower}: it says how the message is to be read")
    if lower in _GATEWAY or lower.startswith(_GATEWAY_PREFIXES):
        raise Invalid(f"cannot {does} the header {lower}: it is the gateway's, and apps rely on it")
    if does is Action.REMOVE:
        if value is not None:
            raise Invalid(f"cannot remove the header {lower} with a value: leave the value out")
        return HeaderRule(side=of, action=does, name=lower)
    if value is None or len(value) > VALUE_MAX or not _VALUE.fullmatch(value):
        raise Invalid(
            f"cannot {does} the header {lower}: its value has to be printable ASCII on one line, "
            f"from 1 to {VALUE_MAX} characters, without spaces at its ends"
        )
    return HeaderRule(side=of, action=does, name=lower, value=value)


def parse_header_rule(text: str) -> HeaderRule:
    """`set response X-Robots-Tag: noindex`, `add request X-Env: preview`, `remove response Server`.

    Raises Invalid with the form, or with what is wrong in it.
    """
    words = text.split(None, 2)
    if len(words) != 3:
        raise Invalid(
            "cannot read this header rule: write such as 'set response X-Robots-Tag: noindex' "
            "or 'remove response Server'"
        )
    action, side, rest = words
    name, colon, value = rest.partition(":")
    return header_rule(side=side.lower(), action=action.lower(), name=name, value=value.strip() if colon else None)


def check_rules(rules: Iterable[HeaderRule]) -> tuple[HeaderRule, ...]:
    """The rules, in their order and without repeats. Raises Invalid for too many, or for two that contradict."""
    checked = tuple(dict.fromkeys(rules))
    if len(checked) > RULES_MAX:
        raise Invalid(f"cannot use {len(checked)} header rules: an environment has {RULES_MAX} at most")
    about: dict[tuple[Side, str], HeaderRule] = {}
    for rule in checked:
        other = about.setdefault((rule.side, rule.name), rule)
        if other is not rule and not other.action is rule.action is Action.ADD:
            raise Invalid(
                f"cannot use two rules about {rule.name} in the {rule.side}: which of them comes last would be a guess"
            )
    return checked
