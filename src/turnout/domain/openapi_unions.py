"""Unions: schemas of which one has to match, and by what a branch is recognised in another document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = tuple[Any, ...]
"""Nodes of a document that hold together; none of them allows everything."""
_FOR_PEOPLE: Final = frozenset({"title", "description", "default", "example", "examples", "deprecated"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """One of several schemas."""

    label: str
    """What it is recognised by."""
    schema: Schema


def label_of(schema: Schema) -> str:
    """What a schema is recognised by: the name it refers to, else all that it says but to people."""
    if len(schema) != 1:
        return as_text(list(schema))
    node = schema[0]
    if not isinstance(node, dict):
        return as_text(node)
    if isinstance(node.get("$ref"), str):
        return str(node["$ref"])
    return as_text({name: value for name, value in node.items() if name not in _FOR_PEOPLE})


def as_text(value: Any) -> str:
    """A value as JSON, the same for equal values."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def unions(node: Mapping[str, Any]) -> list[list[Any]]:
    """The unions that a node asks for, but for those that only say nullable."""
    return [branches for branches in _unions(node) if _without_null(branches) is None]


def nullable_schemas(node: Mapping[str, Any]) -> list[Any]:
    """What a node asks for as "this or null", which is only another way to write nullable."""
    return [only for branches in _unions(node) if (only := _without_null(branches)) is not None]


def branches_of(union: list[Any]) -> tuple[Branch, ...]:
    """Each with its label."""
    return tuple(Branch(label=label_of((node,)), schema=(node,)) for node in union)


def _unions(node: Mapping[str, Any]) -> list[list[Any]]:
    return [found for name in ("oneOf", "anyOf") if isinstance(found := node.get(name), list) and found]


def _without_null(union: list[Any]) -> dict[str, Any] | None:
    left = [each for each in union if not (isinstance(each, dict) and each.get("type") == "null")]
    return left[0] if len(left) == 1 and len(union) == 2 and isinstance(left[0], dict) else None
