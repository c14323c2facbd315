"""All that the nodes of a schema ask for together, keyword by keyword."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from turnout.domain.openapi_unions import Branch, Schema, as_text, branches_of, unions

ALL_TYPES: Final = frozenset({"null", "boolean", "object", "array", "string", "integer", "fraction"})
"""`number` is both of the last two."""
LOWER: Final = ("minimum", "minLength", "minItems", "minProperties")
UPPER: Final = ("maximum", "maxLength", "maxItems", "maxProperties")

_CONDITIONS: Final = (
    "not", "if", "then", "else", "contains", "minContains", "maxContains", "prefixItems", "propertyNames",
    "patternProperties", "dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties",
    "$dynamicRef",
)  # fmt: skip
"""Compared as they are written, and not looked into."""
_CONSTRAINING: Final = frozenset(
    {"type", "enum", "const", "format", "pattern", "multipleOf", "uniqueItems", "properties", "required", "items"}
    | {"additionalProperties", "exclusiveMinimum", "exclusiveMaximum", *LOWER, *UPPER, *_CONDITIONS}
)


@dataclass(frozen=True, slots=True)
class Atom:
    """One node of a document, without its references and its `allOf`."""

    node: dict[str, Any]
    nullable: bool
    """Null is valid too, by what stands around the node."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The end of a range of numbers."""

    value: float
    exclusive: bool = False

    def __str__(self) -> str:
        return f"{self.value}{', exclusive' if self.exclusive else ''}"


@dataclass(kw_only=True, slots=True)
class View:
    """What is asked for. A new one asks for nothing."""

    types: frozenset[str] = ALL_TYPES
    formats: frozenset[str] = frozenset()
    enum: frozenset[str] | None = None
    """The values as JSON, but for null, of which the types tell; None: any."""
    limits: dict[str, Limit] = field(default_factory=dict)
    multiples: frozenset[float] = frozenset()
    patterns: frozenset[str] = frozenset()
    unique: bool = False
    properties: dict[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: Schema | None = ()
    """What properties have to be that are not described; None: there are none."""
    items: Schema = ()
    unions: list[tuple[Branch, ...]] = field(default_factory=list)
    conditions: dict[str, str] = field(default_factory=dict)


def view_of(atoms: Iterable[Atom]) -> View:
    """What the atoms ask for together."""
    made = View()
    for atom in atoms:
        _add(made, atom)
    return made


def constrains(node: Mapping[str, Any]) -> bool:
    """Whether the node asks for anything itself, beside its references, its `allOf` and its unions."""
    return not _CONSTRAINING.isdisjoint(node)


def weight_of(node: Mapping[str, Any]) -> int:
    """About how many characters are read when the node is looked at."""
    large = [node[name] for name in ("oneOf", "anyOf", "enum", "required", *_CONDITIONS) if name in node]
    return 1 + len(_mapping(node.get("properties"))) + (len(as_text(large)) if large else 0)


def _add(made: View, atom: Atom) -> None:
    node = atom.node
    made.types &= _types(node) | ({"null"} if atom.nullable else frozenset())
    made.formats |= _texts([node.get("format")])
    made.patterns |= _texts([node.get("pattern")])
    made.multiples |= {each for each in (_number(node.get("multipleOf")),) if each is not None and each > 0}
    made.unique = made.unique or node.get("uniqueItems") is True
    made.required |= _texts(_list(node.get("required")))
    listed = _enum(node)
    if listed is not None:
        made.enum = listed if made.enum is None else made.enum & listed
    for name, limit in _limits(node):
        known = made.limits.get(name)
        made.limits[name] = limit if known is None else _stricter(name, known, limit)
    for name, property_ in _mapping(node.get("properties")).items():
        made.properties[name] = (*made.properties.get(name, ()), property_)
    if isinstance(node.get("items"), (dict, bool)):
        made.items += (node["items"],)
    others = node.get("additionalProperties")
    if others is False:
        made.additional = None
    elif isinstance(others, dict) and made.additional is not None:
        made.additional += (others,)
    made.unions += map(branches_of, unions(node))
    for name in _CONDITIONS:
        if name in node and not (name == "not" and _is_never(node)):
            made.conditions[name] = made.conditions.get(name, "") + as_text(node[name])
    reference = node.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#/"):
        made.conditions["$ref"] = reference


def _is_never(node: Mapping[str, Any]) -> bool:
    """Whether it is the other way to write `false`."""
    return "not" in node and node["not"] in ({}, True)


def _types(node: Mapping[str, Any]) -> frozenset[str]:
    if _is_never(node):
        return frozenset()
    told = node.get("type")
    names = _texts(told if isinstance(told, list) else [told])
    if not names:
        return ALL_TYPES
    known = {"fraction", "integer"} if "number" in names else set()
    return frozenset(known | (names & ALL_TYPES - {"fraction"}) | ({"null"} if node.get("nullable") is True else set()))


def _enum(node: Mapping[str, Any]) -> frozenset[str] | None:
    if "const" in node:
        return frozenset({as_text(node["const"])})
    listed = node.get("enum")
    return frozenset(as_text(each) for each in listed if each is not None) if isinstance(listed, list) else None


def _limits(node: Mapping[str, Any]) -> Iterable[tuple[str, Limit]]:
    """Also those of 3.0, where `exclusiveMinimum: true` is said of the minimum. That nothing is below 0 is no limit."""
    for name in (*LOWER, *UPPER):
        value, exclusive = _number(node.get(name)), node.get(f"exclusive{name.capitalize()}")
        if value is not None and not (value == 0 and name in LOWER[1:]):
            yield name, Limit(value, exclusive is True)
        if (beyond := _number(exclusive)) is not None:
            yield name, Limit(beyond, True)


def _stricter(name: str, one: Limit, other: Limit) -> Limit:
    return other if tighter(name, one, other) else one


def tighter(name: str, one: Limit, other: Limit) -> bool:
    """Whether the other one leaves less room."""
    if name in UPPER:
        return (other.value, not other.exclusive) < (one.value, not one.exclusive)
    return (other.value, other.exclusive) > (one.value, one.exclusive)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(values: Iterable[Any]) -> frozenset[str]:
    return frozenset(each for each in values if isinstance(each, str))
