"""References inside of one document. Nothing is ever fetched: what does not lie in the document is not there."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from turnout.domain.openapi_document import ApiDescription

_CHAIN: Final = 32
"""References to references that are followed: more are a circle."""


class References:
    """Follows the local references (`#/components/…`) of a document."""

    def __init__(self, description: ApiDescription) -> None:
        self._root = description.content

    def target(self, reference: str) -> Any:
        """What a local reference leads to; None when it leads nowhere or out of the document."""
        if not reference.startswith("#/"):
            return None
        value: Any = self._root
        for part in reference[2:].split("/"):
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and len(step) < 9 and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value

    def resolve(self, value: Any) -> dict[str, Any]:
        """The object itself, or the one that it refers to; an empty one when there is none."""
        for _ in range(_CHAIN):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self.target(reference)
        return {}
