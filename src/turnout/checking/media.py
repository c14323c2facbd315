"""Content types: which there are, which one a request means, and which bodies are read at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

READ_PATTERN: Final = (
    r"(?i)\s*(application/([a-z0-9!#$&^_.+-]+\+)?json|application/x-www-form-urlencoded|text/plain)\s*(;.*)?"
)
"""The content types whose bodies are read and checked, for RE2 and Python alike. All others pass the gateway as
a stream: an upload, multipart, gRPC or an event stream is neither collected nor limited."""

_READ: Final = re.compile(READ_PATTERN, re.DOTALL)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHARSET: Final = re.compile(r'charset="?([^";\s]+)', re.IGNORECASE)


class Reading(StrEnum):
    """How a body is understood."""

    JSON = "json"
    FORM = "form"
    TEXT = "text"
    UNREAD = "unread"


def is_read(content_type: str | None) -> bool:
    """Whether the gateway reads the body of a request with this header. Without one it does."""
    return content_type is None or _READ.fullmatch(content_type) is not None


def essence(content_type: str) -> str | None:
    """`application/json` of `application/JSON; charset=utf-8`; None when the header does not name one type alone.

    A comma means that the header was there twice, and apps differ in which one they take.
    """
    name = content_type.partition(";")[0].strip()
    return name.lower() if "," not in content_type and _NAME.fullmatch(name) else None


def charset(content_type: str) -> str:
    """The charset that it names, in lower case; utf-8 when it names none."""
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else "utf-8"


def reading(media_type: str) -> Reading:
    """How the body of that type is read."""
    if media_type == "application/x-www-form-urlencoded":
        return Reading.FORM
    if media_type == "text/plain":
        return Reading.TEXT
    return Reading.JSON if _READ.fullmatch(media_type) else Reading.UNREAD


def best_match(media_type: str, documented: Iterable[str]) -> str | None:
    """The documented type or range that is meant: the exact one, then `image/*`, then `*/*`."""
    by_essence = {(essence(each) or each.strip().lower()): each for each in documented}
    for wanted in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if wanted in by_essence:
            return by_essence[wanted]
    return None
