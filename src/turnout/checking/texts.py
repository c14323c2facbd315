"""From text to value. Parameters and forms are texts; what they mean is for their schema to say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from turnout.checking.documents import Document
from turnout.checking.schemas import kinds, parts

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,3})?")
_WORDS: Final = {"true": True, "false": False}
_ANYTHING: Final[dict[str, Any]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a text has to be taken apart for: a list, a table, or neither."""

    kinds: frozenset[str]
    item: frozenset[str]
    """The types of an item."""
    properties: Mapping[str, frozenset[str]]
    """The types of the properties that the schema names."""
    other: frozenset[str]
    """The types of the others."""

    @property
    def is_list(self) -> bool:
        """Whether it is a list and never a table."""
        return "array" in self.kinds and "object" not in self.kinds

    @property
    def is_table(self) -> bool:
        """Whether it is a table and never a list."""
        return "object" in self.kinds and "array" not in self.kinds


def shape_of(schema: Any, document: Document) -> Shape:
    """Read off a schema how its texts are written."""
    items: list[Any] = []
    others: list[Any] = []
    properties: dict[str, frozenset[str]] = {}
    for part in parts(schema, document):
        items += [part["items"]] if "items" in part else []
        others += [part["additionalProperties"]] if isinstance(part.get("additionalProperties"), dict) else []
        table = part.get("properties")
        for name, each in table.items() if isinstance(table, dict) else ():
            properties[name] = properties.get(name, frozenset()) | kinds(each, document)
    return Shape(
        kinds=kinds(schema, document),
        item=_union(items, document),
        properties=properties,
        other=_union(others, document),
    )


def _union(schemas: Sequence[Any], document: Document) -> frozenset[str]:
    return frozenset().union(*(kinds(each, document) for each in schemas or [_ANYTHING]))


def values_of(text: str, shape: Shape) -> list[Any]:
    """All that a single text may mean, a number, a truth value or itself; what the schema says of it first."""
    special = _special(text)
    if special is None:
        return [text]
    return [special, text] if value_as(text, shape.kinds) is not text else [text, special]


def value_as(text: str, allowed: frozenset[str]) -> Any:
    """The meaning that is of one of these types; the text itself when there is none."""
    special = _special(text)
    if isinstance(special, bool):
        return special if "boolean" in allowed else text
    if isinstance(special, int):
        return special if allowed & {"integer", "number"} else text
    return special if special is not None and "number" in allowed else text


def list_of(texts: Sequence[str], shape: Shape) -> list[list[Any]]:
    """What a list of texts may mean."""
    typed = [value_as(text, shape.item) for text in texts]
    return [typed, list(texts)]


def table_of(texts: Mapping[str, str], shape: Shape) -> list[dict[str, Any]]:
    """What a table of texts may mean."""
    typed = {name: value_as(text, shape.properties.get(name, shape.other)) for name, text in texts.items()}
    return [typed, dict(texts)]


class Unreadable(ValueError):
    """A text is no JSON that every app would read alike; the reason is the rest of a sentence."""


def read_json(text: str) -> Any:
    """Read JSON as strictly as the strictest app. Raises Unreadable.

    A name that is there twice, NaN, a number beyond every number and half a character are read differently by
    different apps: what was checked would not be what the app sees.
    """
    try:
        value = json.loads(text, object_pairs_hook=_table, parse_constant=_constant, parse_float=_float)
    except Unreadable:
        raise
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not JSON: {error.msg.lower()} at character {error.pos + 1}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError:
        raise Unreadable("has a number of too many digits") from None
    if "\\u" in text and _has_half_characters(value):
        raise Unreadable("has half a character in a text")
    return value


def _special(text: str) -> int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return None


def _table(members: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(members)
    if len(table) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"has the name {twice[:80]!r} twice in one object")
    return table


def _constant(name: str) -> Any:
    raise Unreadable(f"has {name}, which is not JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable("has a number that is too large")
    return number


def _has_half_characters(value: Any) -> bool:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            if any("\ud800" <= character <= "\udfff" for character in node):
                return True
        elif isinstance(node, dict):
            waiting += node.keys()
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return False
