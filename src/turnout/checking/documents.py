"""An OpenAPI document, and what its references lead to. Only what is inside of it is ever looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from turnout.domain.errors import Invalid

_CHAIN: Final = 32
"""References that lead to references: more than that is a circle."""


class Document:
    """A parsed document of a version that we know."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        """Raises Invalid for another version, or without a table of paths."""
        version = root.get("openapi")
        if not isinstance(version, str) or version[:4] not in ("3.0.", "3.1."):
            raise Invalid(f"it is of version {str(version)[:20]!r}, and requests are checked against 3.0 and 3.1")
        if not isinstance(root.get("paths", {}), Mapping):
            raise Invalid("its paths are no table")
        self.root = root
        self.is_3_0 = version.startswith("3.0.")

    @classmethod
    def parse(cls, text: bytes) -> Document:
        """Read JSON. Raises Invalid when it is none, or no OpenAPI document."""
        try:
            root = json.loads(text)
        except (ValueError, RecursionError):
            raise Invalid("it is not JSON") from None
        if not isinstance(root, dict):
            raise Invalid("it is not an OpenAPI document")
        return cls(root)

    def at(self, reference: Any) -> Any:
        """What `#/components/…` names. Raises Invalid when it is not there, or would have to be fetched."""
        if not isinstance(reference, str):
            raise Invalid("it has a reference that is no text")
        if reference not in ("#", "") and not reference.startswith("#/"):
            raise Invalid(f"it refers to {reference[:200]}, and nothing outside of the document is ever fetched")
        node: Any = self.root
        for part in reference[2:].split("/") if len(reference) > 1 else ():
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, Mapping) and key in node:
                node = node[key]
            else:
                raise Invalid(f"it refers to {reference[:200]}, which it does not have")
        return node

    def follow(self, node: Any) -> dict[str, Any]:
        """The object itself, or what it refers to. Raises Invalid when there is none."""
        for _ in range(_CHAIN):
            if not isinstance(node, dict):
                raise Invalid(f"it has {type(node).__name__} where an object has to be")
            if "$ref" not in node:
                return node
            node = self.at(node["$ref"])
        raise Invalid("its references lead in a circle")
