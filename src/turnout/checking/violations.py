"""What is wrong with a request, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

MOST_TOLD: Final = 50
"""Violations in one answer. A body of thousands of wrong values is not worth an answer of that size."""
_LONGEST: Final = 300
"""Characters of a name or a detail."""


class Place(StrEnum):
    """Where in a request a violation is."""

    PATH = "path"
    METHOD = "method"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One thing that breaks the document. It never repeats a value, which may be a secret."""

    place: Place
    name: str
    """A parameter's or header's name, the path or method itself, or where in the body, as a JSON pointer."""
    detail: str
    """What is wrong, as the rest of a sentence."""

    def to_document(self) -> dict[str, str]:
        """As the answer has it."""
        return {"in": str(self.place), "name": _cut(self.name), "detail": _cut(self.detail)}


def refusal(violations: Sequence[Violation]) -> bytes:
    """The answer to a request with violations, as RFC 9457 has it."""
    told = violations[:MOST_TOLD]
    count = len(violations)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": "The request breaks the app's OpenAPI document",
        "status": 400,
        "detail": f"{count} violation{'s' if count > 1 else ''}; the app has not seen this request.",
        "violations": [violation.to_document() for violation in told],
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
