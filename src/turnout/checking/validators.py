"""Compiled schemas. Whatever a schema or a value is like: regular expressions are bounded, nothing is fetched."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from turnout.checking.documents import Document
from turnout.checking.schemas import Bundle
from turnout.domain.errors import Invalid

_BACKTRACKS: Final = 20_000
"""Steps of one regular expression on one text, for those that a linear engine cannot run: some milliseconds."""
_EXPRESSION_BYTES: Final = 1024 * 1024
"""Memory of one compiled regular expression."""
_MANY: Final = 2_000
"""Values in one body. Of a body with more that is wrong somewhere, only the first place is named: to collect
everything that is wrong costs a hundred times what it costs to find that something is."""
_IT: Final = "it"
"""Stands in messages where the value would: a value may be a secret, and may be long."""


class Validator:
    """One schema of a document, ready to be used. Raises Invalid when it cannot be checked."""

    def __init__(self, schema: Any, document: Document) -> None:
        bundle = Bundle(document)
        converted = bundle.convert(schema)
        self.size = bundle.size
        try:
            self._compiled = jsonschema_rs.Draft202012Validator(
                converted,
                formats={"byte": _is_base64},
                validate_formats=True,
                mask=_IT,
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(
                    backtrack_limit=_BACKTRACKS, size_limit=_EXPRESSION_BYTES, dfa_size_limit=_EXPRESSION_BYTES
                ),
            )
        except (ValueError, TypeError) as error:
            raise Invalid(f"it has a schema that cannot be used: {_first_line(error)}") from None

    def accepts(self, value: Any) -> bool:
        """Whether the value is of the schema. Raises ValueError for one that is nested too deeply to say."""
        return self._compiled.is_valid(value)

    def complaints(self, value: Any) -> list[tuple[str, str]]:
        """What is wrong, each with a JSON pointer to where; empty when the value is of the schema."""
        try:
            if self._compiled.is_valid(value):
                return []
            if _is_large(value):
                return [_first_of(self._compiled, value)]
            found = [each for error in self._compiled.iter_errors(value) for each in _told(error)]
        except ValueError as error:
            return [("", _first_line(error))]
        return list(dict.fromkeys(found))


def _first_of(compiled: Any, value: Any) -> tuple[str, str]:
    try:
        compiled.validate(value)
    except jsonschema_rs.ValidationError as error:
        return _pointer(error), f"{error.message} (the first violation of a body with many values)"
    raise AssertionError("a value that is not valid has something wrong with it")


def _told(error: Any) -> Iterator[tuple[str, str]]:
    """The error, or of several alternatives the one that was clearly meant."""
    kind = error.kind
    if kind.name in ("anyOf", "oneOf") and hasattr(kind, "context"):
        close = [branch for branch in kind.context if branch and not any(_misses(each, error) for each in branch)]
        if len(close) == 1:
            for each in close[0]:
                yield from _told(each)
            return
    yield _pointer(error), error.message


def _misses(error: Any, of: Any) -> bool:
    """Whether the alternative is of another type altogether, or has another constant in its first level."""
    depth = len(error.instance_path) - len(of.instance_path)
    return (error.kind.name == "type" and depth == 0) or (error.kind.name in ("const", "enum") and depth <= 1)


def _pointer(error: Any) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path)
    return "".join(f"/{part}" for part in parts)


def _is_large(value: Any) -> bool:
    waiting, count = [value], 0
    while waiting and count <= _MANY:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node[:_MANY]
    return count > _MANY


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except (ValueError, binascii.Error):
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
