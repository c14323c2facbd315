"""Two schemas and all that lie below them, compared in one direction.

Pairs of schemas are compared once, each for itself; what lies below is another pair. So a recursive schema has an
end, and one that is used in a hundred places costs one comparison. A use of it is then a walk from pair to pair.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from turnout.domain.openapi_constraints import Found, compare_values
from turnout.domain.openapi_document import TooLargeError, shown
from turnout.domain.openapi_rules import Direction
from turnout.domain.openapi_schemas import Key, Schemas
from turnout.domain.openapi_unions import Branch, Schema
from turnout.domain.openapi_views import View

MAX_WORK: Final = 120_000
"""Changes and ways to other pairs that are found at most, in one direction."""
MAX_STEPS: Final = 2_000_000
"""Steps from pair to pair in all walks of one direction together."""

_PATH_STEPS: Final = 12
_HIDDEN: Final = {"request": "readOnly", "response": "writeOnly"}
"""A property that says so takes no part in that direction."""


@dataclass(frozen=True, slots=True)
class _Below:
    """A pair that lies below another one."""

    step: str
    before: Schema
    after: Schema


@dataclass(slots=True)
class _Pair:
    """Two schemas, and what was found of them themselves."""

    before: Schema
    after: Schema
    found: list[Found] = field(default_factory=list)
    below: list[tuple[str, int]] = field(default_factory=list)
    leads: bool = False
    """To a change, here or further below."""


class SchemaComparison:
    """Compares schemas of two documents that travel in one direction: first `add` every use, then `changes` of each."""

    def __init__(self, before: Schemas, after: Schemas, direction: Direction) -> None:
        self._before, self._after = before, after
        self._hidden = _HIDDEN[direction]
        self._numbers: dict[tuple[Key, Key], int] = {}
        self._pairs: list[_Pair] = []
        self._compared = 0
        self._work = 0
        self._steps = 0

    def add(self, before: Schema, after: Schema) -> int:
        """A use of two schemas; returns the number of their pair."""
        key = (self._before.key(before), self._after.key(after))
        if key not in self._numbers:
            self._numbers[key] = len(self._pairs)
            self._pairs.append(_Pair(before, after))
        return self._numbers[key]

    def compare(self) -> set[str]:
        """Compare what was added and all that lies below; returns the rules that were found. Raises TooLargeError."""
        while self._compared < len(self._pairs):
            pair = self._pairs[self._compared]
            self._compared += 1
            for each in self._compare(pair.before, pair.after):
                self._work += 1
                if self._work > MAX_WORK:
                    raise TooLargeError
                if isinstance(each, Found):
                    pair.found.append(each)
                else:
                    pair.below.append((each.step, self.add(each.before, each.after)))
        self._find_what_leads_to_changes()
        return {found.rule for pair in self._pairs for found in pair.found}

    def changes(self, number: int) -> Iterator[tuple[str, Found]]:
        """Each change of a use with the path to it, such as `owner.tags[]`. Raises TooLargeError."""
        if not self._pairs[number].leads:
            return
        came: dict[int, tuple[int, str]] = {number: (number, "")}
        waiting = deque([number])
        while waiting:
            here = waiting.popleft()
            pair = self._pairs[here]
            if pair.found:
                path = _path(came, here)
                yield from ((path, found) for found in pair.found)
            self._steps += len(pair.below)
            if self._steps > MAX_STEPS:
                raise TooLargeError
            for step, below in pair.below:
                if below not in came and self._pairs[below].leads:
                    came[below] = (here, step)
                    waiting.append(below)

    def _find_what_leads_to_changes(self) -> None:
        above: list[list[int]] = [[] for _ in self._pairs]
        for number, pair in enumerate(self._pairs):
            for _, below in pair.below:
                above[below].append(number)
        waiting = [number for number, pair in enumerate(self._pairs) if pair.found]
        while waiting:
            number = waiting.pop()
            if not self._pairs[number].leads:
                self._pairs[number].leads = True
                waiting += above[number]

    def _compare(self, before: Schema, after: Schema) -> Iterator[Found | _Below]:
        if len(self._before.branches(before)) > 1 or len(self._after.branches(after)) > 1:
            yield from self._unions(self._before.alternatives(before), self._after.alternatives(after))
            return
        old, new = self._before.view(before), self._after.view(after)
        values = list(compare_values(old, new))
        yield from values
        if any(found.rule == "type-changed" for found in values):
            return  # what lies below has nothing to do with each other
        yield from self._properties(old, new)
        yield from _others(old, new)
        if old.items != () or new.items != ():
            yield _Below("[]", old.items, new.items)
        for old_union, new_union in zip(old.unions, new.unions, strict=False):
            yield from self._unions(old_union, new_union)
        if len(new.unions) > len(old.unions):
            yield Found("union-set", "one of several schemas has to match in addition")
        elif len(old.unions) > len(new.unions):
            yield Found("union-unset", "none of several schemas has to match any more")

    def _properties(self, old: View, new: View) -> Iterator[Found | _Below]:
        before, after = _described(old, self._before, self._hidden), _described(new, self._after, self._hidden)
        for name in sorted(before.keys() | after.keys()):
            step, required = shown(name, 40), (name in old.required, name in new.required)
            if name not in before:
                rule = "required-property-added" if required[1] else "property-added"
                yield Found(rule, f"the {'required ' * required[1]}property `{step}` was added")
            elif name not in after:
                rule = "property-refused" if new.additional is None else "property-removed"
                yield Found(rule, f"the property `{step}` was removed")
            else:
                if required == (False, True):
                    yield Found("property-became-required", f"the property `{step}` became required")
                elif required == (True, False):
                    yield Found("property-became-optional", f"the property `{step}` became optional")
                yield _Below(f".{step}", before[name], after[name])

    def _unions(self, before: tuple[Branch, ...], after: tuple[Branch, ...]) -> Iterator[Found | _Below]:
        """Branches that bear the same name are pairs, and so are those that are left and of the same types."""
        named = {branch.label: branch for branch in after}
        gone: list[Branch] = []
        for branch in {branch.label: branch for branch in before}.values():
            if (same := named.pop(branch.label, None)) is None:
                gone.append(branch)
            else:
                yield _Below("", branch.schema, same.schema)
        new: dict[frozenset[str], deque[Branch]] = {}
        for branch in named.values():
            new.setdefault(self._after.view(branch.schema).types, deque()).append(branch)
        for branch in gone:
            if alike := new.get(self._before.view(branch.schema).types):
                yield _Below("", branch.schema, alike.popleft().schema)
            else:
                yield Found("union-branch-removed", f"{_branch(branch)} is not one of several schemas any more")
        for left in new.values():
            for branch in left:
                yield Found("union-branch-added", f"{_branch(branch)} is one of several schemas now")


def _described(view: View, schemas: Schemas, hidden: str) -> dict[str, Schema]:
    """The properties that take part; one that is only said to be required is what the others have to be."""
    others: Schema = (False,) if view.additional is None else view.additional
    known = {name: view.properties.get(name, others) for name in {*view.properties, *view.required}}
    return {name: schema for name, schema in known.items() if not schemas.says(schema, hidden)}


def _others(old: View, new: View) -> Iterator[Found | _Below]:
    """Properties that are not described."""
    if old.additional is not None and new.additional is None:
        yield Found("additional-properties-refused", "properties that are not described are refused now")
    elif old.additional is None and new.additional is not None:
        yield Found("additional-properties-allowed", "properties that are not described are allowed now")
    elif old.additional or new.additional:
        yield _Below(".*", old.additional or (), new.additional or ())


def _path(came: dict[int, tuple[int, str]], number: int) -> str:
    """The way to a pair, from the beginning on; of a very long one the end."""
    steps: list[str] = []
    while (previous := came[number])[0] != number and len(steps) < _PATH_STEPS:
        number = previous[0]
        steps.append(previous[1])
    return "".join(reversed(steps)).removeprefix(".")


def _branch(branch: Branch) -> str:
    return f"`{shown(branch.label.rpartition('/')[2] if branch.label.startswith('#/') else branch.label)}`"
