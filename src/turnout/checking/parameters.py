"""Parameters in path, query, headers and cookies: taken from the request as their style says, then checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from turnout.checking.documents import Document
from turnout.checking.media import Reading, essence, reading
from turnout.checking.requests import CheckedRequest, decoded, is_text
from turnout.checking.texts import Shape, Unreadable, list_of, read_json, shape_of, table_of, values_of
from turnout.checking.validators import Validator
from turnout.checking.violations import Place, Violation
from turnout.domain.errors import Invalid

_STYLES: Final = {
    Place.PATH: ("simple", "label", "matrix"),
    Place.QUERY: ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    Place.HEADER: ("simple",),
    Place.COOKIE: ("form",),
}
_ELSEWHERE: Final = frozenset({"accept", "authorization", "content-type"})
"""Headers that the specification says are described elsewhere."""
_BETWEEN: Final = {"form": r",", "spaceDelimited": r"%20|\+", "pipeDelimited": r"\||%7[Cc]", "simple": r","}


class _WrongError(Exception):
    """A parameter cannot be taken from the request; the rest of the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One documented parameter of an operation."""

    place: Place
    name: str
    required: bool
    style: str
    explode: bool
    may_be_empty: bool
    as_json: bool
    """It is JSON in a text."""
    shape: Shape
    validator: Validator

    def check(self, request: CheckedRequest, in_path: Mapping[str, str]) -> Iterator[Violation]:
        """What is wrong with it in this request."""
        try:
            candidates = self._candidates(request, in_path)
        except _WrongError as wrong:
            yield self._violation(str(wrong))
            return
        if candidates is None:
            if self.required:
                yield self._violation("is required")
            return
        if candidates == [""] and self.may_be_empty:
            return
        first: list[tuple[str, str]] | None = None
        for candidate in candidates:
            complaints = self.validator.complaints(candidate)
            if not complaints:
                return
            first = first or complaints
        for pointer, detail in first or ():
            yield self._violation(f"{detail} (at {pointer})" if pointer else detail)

    def _violation(self, detail: str) -> Violation:
        return Violation(place=self.place, name=self.name, detail=detail)

    def _candidates(self, request: CheckedRequest, in_path: Mapping[str, str]) -> list[Any] | None:
        """All that the parameter may mean; None when it is not there."""
        if self.place is Place.QUERY:
            return self._in_query(request)
        raw = self._single(request, in_path)
        if raw is None:
            return None
        if not is_text(raw):
            raise _WrongError("is not UTF-8")
        if self.as_json:
            return [_json(raw)]
        if self.place is Place.PATH and self.style != "simple":
            raw, separator = self._unstyled(raw)
        else:
            separator = ","
        if self.shape.is_list:
            return list(list_of(raw.split(separator) if raw else [], self.shape))
        if self.shape.is_table:
            return list(table_of(_table(raw.split(separator), explode=self.explode), self.shape))
        return values_of(raw, self.shape)

    def _single(self, request: CheckedRequest, in_path: Mapping[str, str]) -> str | None:
        if self.place is Place.PATH:
            return in_path.get(self.name)
        if self.place is Place.HEADER:
            return request.header(self.name.lower())
        found = [value for name, value in request.cookies if name == self.name]
        if len(found) > 1:
            raise _WrongError(f"is there {len(found)} times")
        return decoded(found[0]) if found else None

    def _unstyled(self, raw: str) -> tuple[str, str]:
        """`.a,b` and `;name=a,b`, without what the style adds; and what stands between two items."""
        if self.style == "label":
            if not raw.startswith("."):
                raise _WrongError("has to begin with a dot")
            return raw[1:], "." if self.explode else ","
        if self.shape.is_table and self.explode and raw.startswith(";"):
            return raw[1:], ";"
        if not raw.startswith(f";{self.name}="):
            raise _WrongError(f"has to begin with ;{self.name}=")
        if self.shape.is_list and self.explode:
            return raw[1:].replace(f"{self.name}=", ""), ";"
        return raw.removeprefix(f";{self.name}="), ","

    def _in_query(self, request: CheckedRequest) -> list[Any] | None:
        if self.style == "deepObject" or (self.shape.is_table and self.explode and not self.as_json):
            return self._table_in_query(request)
        found = [value for name, value in request.query if name == self.name]
        if not found:
            return None
        if self.shape.is_list and not self.as_json:
            return list(list_of([_text(each) for each in self._items(found)], self.shape))
        if len(found) > 1:
            raise _WrongError(f"is there {len(found)} times")
        if self.as_json:
            return [_json(_text(found[0]))]
        if self.shape.is_table:
            pieces = [_text(each) for each in re.split(_BETWEEN[self.style], found[0])]
            return list(table_of(_table(pieces, explode=False), self.shape))
        return values_of(_text(found[0]), self.shape)

    def _items(self, found: list[str]) -> list[str]:
        if self.explode:
            return found
        if len(found) > 1:
            raise _WrongError(f"is there {len(found)} times")
        return re.split(_BETWEEN[self.style], found[0]) if found[0] else []

    def _table_in_query(self, request: CheckedRequest) -> list[Any] | None:
        """A table whose properties are parameters of their own: `a=1`, or `name[a]=1` as a deep object has it."""
        deep = self.style == "deepObject"
        named = self._deep(request) if deep else [each for each in request.query if each[0] in self.shape.properties]
        return list(table_of(_once(named), self.shape)) if named else None

    def _deep(self, request: CheckedRequest) -> list[tuple[str, str]]:
        named = []
        for name, value in request.query:
            if name == self.name or name.startswith(f"{self.name}["):
                inner = re.fullmatch(r"\[([^\[\]]+)\]", name.removeprefix(self.name))
                if inner is None:
                    raise _WrongError(f"has to be written as {self.name}[property]=value")
                named.append((inner[1], value))
        return named


def parameters_of(path_item: dict[str, Any], operation: dict[str, Any], document: Document) -> list[Parameter]:
    """The parameters of an operation; its own take the place of its path's. Raises Invalid."""
    found: dict[tuple[str, str], Parameter] = {}
    for owner in (path_item, operation):
        listed = owner.get("parameters", [])
        if not isinstance(listed, list):
            raise Invalid("it has parameters that are no list")
        for each in listed:
            parameter = _parameter(document.follow(each), document)
            found[(parameter.place, parameter.name)] = parameter
    return [each for each in found.values() if each.place is not Place.HEADER or each.name.lower() not in _ELSEWHERE]


def _parameter(node: dict[str, Any], document: Document) -> Parameter:
    name, place = node.get("name"), node.get("in")
    if not isinstance(name, str) or place not in _PLACES:
        raise Invalid("it has a parameter without a name, or in no place that there is")
    at = Place(str(place))
    style = node.get("style", _STYLES[at][0])
    if style not in _STYLES[at]:
        raise Invalid(f"its parameter {name[:80]} has a style that there is not in a {at}")
    schema, as_json = node.get("schema", True), False
    content = node.get("content")
    if isinstance(content, dict) and content:
        media_type, media = next(iter(content.items()))
        schema = media.get("schema", True) if isinstance(media, dict) else True
        as_json = reading(essence(media_type) or "") is Reading.JSON
    return Parameter(
        place=at,
        name=name,
        required=node.get("required") is True or at is Place.PATH,
        style=style,
        explode=bool(node.get("explode", style == "form")),
        may_be_empty=node.get("allowEmptyValue") is True,
        as_json=as_json,
        shape=shape_of(schema, document),
        validator=Validator(schema, document),
    )


_PLACES: Final = frozenset(str(place) for place in _STYLES)


def _text(encoded: str) -> str:
    text = decoded(encoded, plus=True)
    if not is_text(text):
        raise _WrongError("is not UTF-8")
    return text


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except Unreadable as error:
        raise _WrongError(str(error)) from None


def _once(named: list[tuple[str, str]]) -> dict[str, str]:
    table: dict[str, str] = {}
    for name, value in named:
        if name in table:
            raise _WrongError(f"has {name[:80]} twice")
        table[name] = _text(value)
    return table


def _table(pieces: list[str], *, explode: bool) -> dict[str, str]:
    """`a=1,b=2` or `a,1,b,2`, split already."""
    members = [piece.partition("=")[::2] for piece in pieces] if explode else list(zip(pieces[::2], pieces[1::2]))  # noqa: B905
    if not explode and len(pieces) % 2:
        raise _WrongError("has to be names and values in turn")
    table = dict(members)
    if len(table) < len(members):
        raise _WrongError("has a name twice")
    return table
