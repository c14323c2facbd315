"""What two schemas ask of a value itself: types, formats, values, limits, patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from turnout.domain.openapi_document import shown
from turnout.domain.openapi_views import LOWER, UPPER, Limit, View, tighter

_LISTED: Final = 5
"""So many values are named in one sentence."""
_WIDER: Final = {("int32", "int64"), ("float", "double")}
"""Formats of which the second has room for all of the first."""


@dataclass(frozen=True, slots=True)
class Found:
    """One change of a schema: a rule of SCHEMA_RULES, and what was seen."""

    rule: str
    text: str


def compare_values(before: View, after: View) -> Iterator[Found]:
    """What of a value is asked for differently."""
    yield from _types(before, after)
    yield from _formats(before, after)
    yield from _enums(before, after)
    yield from _limits(before, after)
    yield from _multiples(before, after)
    yield from _patterns(before, after)
    yield from _conditions(before, after)


def _types(before: View, after: View) -> Iterator[Found]:
    one, other = before.types - {"null"}, after.types - {"null"}
    rule = (
        None if one == other else "type-narrowed" if other < one else "type-widened" if other > one else "type-changed"
    )
    if rule is not None:
        yield Found(rule, f"the type changed from {_named(before.types)} to {_named(after.types)}")
    # Null is told of by itself, unless the same was just said of the other types.
    if "null" in after.types - before.types and rule in (None, "type-narrowed"):
        yield Found("became-nullable", "it can be null now")
    elif "null" in before.types - after.types and rule in (None, "type-widened"):
        yield Found("became-not-nullable", "it cannot be null any more")


def _formats(before: View, after: View) -> Iterator[Found]:
    one, other = before.formats, after.formats
    if one == other:
        return
    told = f"the format changed from {_listed(one) or 'none'} to {_listed(other) or 'none'}"
    pairs = {(a, b) for a in one - other for b in other - one}
    if one < other or ({(b, a) for a, b in pairs} <= _WIDER and pairs):
        yield Found("format-narrowed", told)
    elif other < one or pairs <= _WIDER:
        yield Found("format-widened", told)
    else:
        yield Found("format-changed", told)


def _enums(before: View, after: View) -> Iterator[Found]:
    if before.enum is None and after.enum is not None:
        yield Found("enum-set", f"it has to be one of {_listed(after.enum)}")
    elif before.enum is not None and after.enum is None:
        yield Found("enum-unset", "it can have any value, no listed one only")
    elif before.enum is not None and after.enum is not None:
        if removed := before.enum - after.enum:
            yield Found("enum-value-removed", f"the value {_listed(removed)} was removed")
        if added := after.enum - before.enum:
            yield Found("enum-value-added", f"the value {_listed(added)} was added")


def _limits(before: View, after: View) -> Iterator[Found]:
    for name in (*LOWER, *UPPER):
        one, other = before.limits.get(name), after.limits.get(name)
        if one != other:
            tightened = one is None or (other is not None and tighter(name, one, other))
            rule = "limit-tightened" if tightened else "limit-loosened"
            yield Found(rule, f"{name} changed from {_limit(one)} to {_limit(other)}")
    if before.unique != after.unique:
        rule = "limit-tightened" if after.unique else "limit-loosened"
        yield Found(rule, f"its items {'have to' if after.unique else 'need not'} be unique")


def _multiples(before: View, after: View) -> Iterator[Found]:
    one, other = before.multiples, after.multiples
    if one == other:
        return
    told = f"multipleOf changed from {_numbers(one)} to {_numbers(other)}"
    if all(any(_divides(old, new) for new in other) for old in one):
        yield Found("limit-tightened", told)
    elif all(any(_divides(new, old) for old in one) for new in other):
        yield Found("limit-loosened", told)
    else:
        yield Found("limit-changed", told)


def _patterns(before: View, after: View) -> Iterator[Found]:
    one, other = before.patterns, after.patterns
    if one == other:
        return
    if one < other:
        yield Found("pattern-set", f"it has to match {_listed(other - one)}")
    elif other < one:
        yield Found("pattern-unset", f"it need not match {_listed(one - other)}")
    else:
        yield Found("pattern-changed", f"the pattern changed from {_listed(one)} to {_listed(other)}")


def _conditions(before: View, after: View) -> Iterator[Found]:
    for name in sorted(before.conditions.keys() | after.conditions.keys()):
        one, other = before.conditions.get(name), after.conditions.get(name)
        if one is None:
            yield Found("condition-set", f"`{name}` was added")
        elif other is None:
            yield Found("condition-unset", f"`{name}` was removed")
        elif one != other:
            yield Found("condition-changed", f"`{name}` changed")


def _divides(divisor: float, number: float) -> bool:
    return Fraction(str(number)) % Fraction(str(divisor)) == 0


def _named(types: frozenset[str]) -> str:
    """The types as a document has them."""
    if {"object", "array", "string", "boolean", "integer", "fraction"} <= types:
        return "any"
    names = types - {"fraction", "integer"} | {"number"} if {"fraction", "integer"} <= types else types
    return " or ".join(sorted(names)) or "nothing"


def _listed(values: frozenset[str]) -> str:
    names = [shown(each, 40) for each in sorted(values)]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _limit(limit: Limit | None) -> str:
    return "none" if limit is None else shown(str(limit), 40)


def _numbers(values: frozenset[float]) -> str:
    return shown(", ".join(f"{each}" for each in sorted(values)), 40) or "none"
