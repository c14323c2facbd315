"""What changed from one OpenAPI document to another, the changes that break clients told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from turnout.domain.openapi_document import ApiDescription, TooLargeError, shown
from turnout.domain.openapi_operations import Body, Operation, Response, read_operations, same_path
from turnout.domain.openapi_rules import OPERATION_RULES, SCHEMA_RULES, ApiChange, Direction
from turnout.domain.openapi_schema_diff import SchemaComparison
from turnout.domain.openapi_schemas import Schemas
from turnout.domain.openapi_unions import Schema

RULES_VERSION: Final = 1
"""Grows when the same two documents would be told other changes: what was compared before is compared again."""
MAX_CHANGES: Final = 1000
"""So many are told at most, the breaking ones first: that there is a breaking one is known whatever their number."""


def compare_descriptions(before: ApiDescription, after: ApiDescription) -> tuple[ApiChange, ...]:
    """Every change, by path and method, the breaking ones of an operation first. Never raises."""
    found: list[ApiChange] = []
    documents = _Documents(before, after)
    try:
        found += documents.changes_of_operations()
        breaks = documents.compare_schemas()
        told = bool(breaking(found))
        for change in documents.changes_of_schemas():
            if len(found) >= MAX_CHANGES and (told or not breaks):
                break
            if len(found) < MAX_CHANGES or change.breaking:
                found.append(change)
            told = told or change.breaking
    except TooLargeError:
        found.append(_operation_change("too-large-to-compare", "the document", "", "it could not be compared whole"))
    chosen = sorted(dict.fromkeys(found), key=lambda change: not change.breaking)[:MAX_CHANGES]
    return tuple(sorted(chosen, key=_order))


def breaking(changes: Iterable[ApiChange]) -> tuple[ApiChange, ...]:
    """Those that break clients."""
    return tuple(change for change in changes if change.breaking)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in an operation two schemas stand."""

    operation: str
    name: str
    direction: Direction


class _Documents:
    def __init__(self, before: ApiDescription, after: ApiDescription) -> None:
        self._before, self._after = before, after
        one, other = Schemas(before), Schemas(after)
        self._schemas = {way: SchemaComparison(one, other, way) for way in _DIRECTIONS}
        self._uses: list[tuple[_Place, int]] = []

    def compare_schemas(self) -> bool:
        """Compare what the operations use; returns whether anything there breaks. Raises TooLargeError."""
        found = [(way, rule) for way in _DIRECTIONS for rule in self._schemas[way].compare()]
        return any(SCHEMA_RULES[rule].breaks(way) for way, rule in found)

    def changes_of_schemas(self) -> Iterator[ApiChange]:
        """Use by use. Raises TooLargeError."""
        for place, number in self._uses:
            for path, found in self._schemas[place.direction].changes(number):
                yield ApiChange(
                    rule=f"{place.direction}-{found.rule}",
                    breaking=SCHEMA_RULES[found.rule].breaks(place.direction),
                    operation=shown(place.operation, 200),
                    place=f"{place.name}, {path}" if path else place.name,
                    text=found.text,
                )

    def changes_of_operations(self) -> Iterator[ApiChange]:
        """All that is not inside of a schema; on the way it is found out which schemas are to be compared."""
        before, after = read_operations(self._before), read_operations(self._after)
        pairs = _pairs(before, after)
        for path, methods in before.items():
            new = after.get(pairs.get(path, ""))
            if new is None:
                yield _operation_change("path-removed", shown(path), "", "the path was removed")
                continue
            for method, operation in methods.items():
                if method in new:
                    yield from self._operation(operation, new[method])
                else:
                    yield _operation_change("operation-removed", operation.title, "", "it was removed")
            for method in sorted(new.keys() - methods.keys()):
                yield _operation_change("operation-added", new[method].title, "", "it was added")
        for path in sorted(after.keys() - set(pairs.values())):
            yield _operation_change("path-added", shown(path), "", "the path was added")

    def _operation(self, before: Operation, after: Operation) -> Iterator[ApiChange]:
        title = after.title
        if after.deprecated and not before.deprecated:
            yield _operation_change("operation-deprecated", title, "", "it is deprecated now")
        if any(not any(new <= old for new in after.security) for old in before.security):
            yield _operation_change("security-tightened", title, "", "what was enough to be let in is not any more")
        elif after.security != before.security:
            yield _operation_change("security-loosened", title, "", "less is enough to be let in")
        yield from self._parameters(before, after)
        yield from self._body(title, before.body, after.body)
        yield from self._responses(before, after)

    def _parameters(self, before: Operation, after: Operation) -> Iterator[ApiChange]:
        title = after.title
        for identity in before.parameters | after.parameters:
            old, new = before.parameters.get(identity), after.parameters.get(identity)
            one = new or old
            assert one is not None  # noqa: S101  # the name comes from one of the two
            place = f"{one.place} parameter {shown(one.name, 40)}"
            if old is None:
                rule = "request-required-parameter-added" if one.required else "request-parameter-added"
                yield _operation_change(rule, title, place, "it was added" + ", and is required" * one.required)
            elif new is None:
                yield _operation_change("request-parameter-removed", title, place, "it was removed")
            else:
                if old.required != new.required:
                    word = "required" if new.required else "optional"
                    yield _operation_change(f"request-parameter-became-{word}", title, place, f"it became {word}")
                if old.style != new.style:
                    text = f"its style changed from {shown(old.style, 40)} to {shown(new.style, 40)}"
                    yield _operation_change("request-parameter-style-changed", title, place, text)
                self._use(_Place(title, place, "request"), old.schema, new.schema)

    def _body(self, title: str, before: Body | None, after: Body | None) -> Iterator[ApiChange]:
        place = "request body"
        if before is None or after is None:
            if after is not None:
                rule = "request-required-body-added" if after.required else "request-body-added"
                yield _operation_change(rule, title, place, "it was added" + ", and is required" * after.required)
            elif before is not None:
                yield _operation_change("request-body-removed", title, place, "it was removed")
            return
        if before.required != after.required:
            word = "required" if after.required else "optional"
            yield _operation_change(f"request-body-became-{word}", title, place, f"it became {word}")
        yield from self._media(_Place(title, place, "request"), before.media, after.media)

    def _responses(self, before: Operation, after: Operation) -> Iterator[ApiChange]:
        title = after.title
        for status in sorted(before.responses.keys() - after.responses.keys()):
            means_success = status[:1] in ("2", "3") and f"{status[0]}XX" not in after.responses
            rule = "response-success-status-removed" if means_success else "response-status-removed"
            yield _operation_change(rule, title, f"response {shown(status, 20)}", "it was removed")
        for status in sorted(after.responses.keys() - before.responses.keys()):
            yield _operation_change("response-status-added", title, f"response {shown(status, 20)}", "it was added")
        for status, old in before.responses.items():
            if status in after.responses:
                place = _Place(title, f"response {shown(status, 20)}", "response")
                yield from self._media(place, old.media, after.responses[status].media)
                yield from self._headers(place, old, after.responses[status])

    def _headers(self, place: _Place, before: Response, after: Response) -> Iterator[ApiChange]:
        for name in before.headers | after.headers:
            old, new = before.headers.get(name), after.headers.get(name)
            at = f"{place.name}, header {shown(name, 40)}"
            if new is None:
                rule = "response-required-header-removed" if old and old.required else "response-header-removed"
                yield _operation_change(rule, place.operation, at, "it was removed")
            elif old is None:
                yield _operation_change("response-header-added", place.operation, at, "it was added")
            else:
                if old.required != new.required:
                    word = "required" if new.required else "optional"
                    yield _operation_change(f"response-header-became-{word}", place.operation, at, f"it became {word}")
                self._use(_Place(place.operation, at, "response"), old.schema, new.schema)

    def _media(self, place: _Place, before: Mapping[str, Schema], after: Mapping[str, Schema]) -> Iterator[ApiChange]:
        for name, schema in before.items():
            covering = next((each for each in (name, f"{name.partition('/')[0]}/*", "*/*") if each in after), None)
            if covering is None:
                rule = f"{place.direction}-media-type-removed"
                yield _operation_change(rule, place.operation, place.name, f"{shown(name, 60)} was removed")
            else:
                at = _Place(place.operation, f"{place.name} {shown(name, 60)}", place.direction)
                self._use(at, schema, after[covering])
        for name in sorted(after.keys() - before.keys()):
            rule = f"{place.direction}-media-type-added"
            yield _operation_change(rule, place.operation, place.name, f"{shown(name, 60)} was added")

    def _use(self, place: _Place, before: Schema, after: Schema) -> None:
        self._uses.append((place, self._schemas[place.direction].add(before, after)))


_DIRECTIONS: Final[tuple[Direction, ...]] = ("request", "response")


def _pairs(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, str]:
    """Which path of the second document each of the first one is: by its own name, else but for its parameters'."""
    pairs = {path: path for path in before if path in after}
    free = {same_path(path): path for path in after if path not in pairs}
    for path in before:
        if path not in pairs and (other := free.pop(same_path(path), None)) is not None:
            pairs[path] = other
    return pairs


def _operation_change(rule: str, operation: str, place: str, text: str) -> ApiChange:
    breaks = OPERATION_RULES[rule].request
    return ApiChange(rule=rule, breaking=breaks, operation=shown(operation, 200), place=place, text=text)


def _order(change: ApiChange) -> tuple[str, str, bool, str, str]:
    method, slash, path = change.operation.partition("/")
    return (slash + path, method, not change.breaking, change.place, change.text)
