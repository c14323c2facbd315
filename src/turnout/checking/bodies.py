"""The body of a request: is there to be one, of which type, and is it what its schema says?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from turnout.checking import media
from turnout.checking.documents import Document
from turnout.checking.media import Reading
from turnout.checking.requests import CheckedRequest, decoded, is_text, pairs
from turnout.checking.texts import Shape, Unreadable, read_json, shape_of, value_as
from turnout.checking.validators import Validator
from turnout.checking.violations import Place, Violation
from turnout.domain.errors import Invalid

_HEADER = "content-type"


@dataclass(frozen=True, kw_only=True)
class BodyRule:
    """What an operation says of its body."""

    required: bool
    types: Mapping[str, MediaRule]
    """By documented type or range; empty: it takes no body."""

    def check(self, request: CheckedRequest) -> Iterator[Violation]:
        """What is wrong with the body, or with what the request says of it."""
        content_type = request.header(_HEADER)
        if not request.body and not request.body_unread:
            if self.required:
                yield _violation("is required")
            return
        if not self.types:
            yield _violation("this operation takes no body")
            return
        if (encoding := request.header("content-encoding")) not in (None, "", "identity"):
            yield _of_header("content-encoding", f"is {encoding}, and a compressed body cannot be checked")
            return
        named = media.essence(content_type) if content_type is not None else None
        if named is None or request.body_unread == media.is_read(content_type):
            yield _of_header(_HEADER, "is missing" if content_type is None else "does not name one media type")
            return
        documented = media.best_match(named, self.types)
        if documented is None:
            yield _of_header(_HEADER, f"is {named}, and this operation takes {', '.join(sorted(self.types))}")
            return
        if not request.body_unread:
            yield from self.types[documented].check(request.body, named, media.charset(content_type or ""))


class MediaRule:
    """The schema of one media type."""

    def __init__(self, schema: Any, document: Document) -> None:
        self._schema = schema
        self._document = document
        self.validator = Validator(schema, document)

    @cached_property
    def _shape(self) -> Shape:
        return shape_of(self._schema, self._document)

    def check(self, body: bytes, media_type: str, charset: str) -> Iterator[Violation]:
        """Read the body and hold it against the schema."""
        if charset not in ("utf-8", "us-ascii"):
            yield _of_header(_HEADER, "names another charset than utf-8")
            return
        try:
            value = self._read(body, media.reading(media_type))
        except Unreadable as error:
            yield _violation(str(error))
            return
        for pointer, detail in self.validator.complaints(value):
            yield _violation(detail, pointer)

    def _read(self, body: bytes, reading: Reading) -> Any:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable("is not UTF-8") from None
        if reading is Reading.JSON:
            return read_json(text)
        return self._form(text) if reading is Reading.FORM else text

    def _form(self, text: str) -> dict[str, Any]:
        """Names and values; a property that is a list may be there several times, one that is a table is JSON."""
        given: dict[str, list[str]] = {}
        for name, encoded in pairs(text):
            given.setdefault(name, []).append(decoded(encoded, plus=True))
        form: dict[str, Any] = {}
        for name, texts in given.items():
            kinds = self._shape.properties.get(name, self._shape.other)
            if not is_text(name) or not all(map(is_text, texts)):
                raise Unreadable("is not UTF-8")
            if "array" in kinds and "string" not in kinds:
                form[name] = [value_as(each, _SCALARS) for each in texts]
            elif len(texts) > 1:
                raise Unreadable(f"has {name[:80]!r} {len(texts)} times")
            elif "object" in kinds and "string" not in kinds:
                form[name] = read_json(texts[0])
            else:
                form[name] = value_as(texts[0], kinds)
        return form


_SCALARS = frozenset({"boolean", "integer", "number"})


def body_rule(operation: dict[str, Any], document: Document) -> BodyRule:
    """Read `requestBody`. Raises Invalid for one that cannot be checked."""
    if operation.get("requestBody") is None:
        return BodyRule(required=False, types={})
    node = document.follow(operation["requestBody"])
    content = node.get("content", {})
    if not isinstance(content, dict):
        raise Invalid("it has a request body whose content is no table")
    types = {}
    for media_type, each in content.items():
        inner = document.follow(each) if isinstance(each, dict) else {}
        named = media.essence(media_type) or ""
        # A range such as */* may mean a type that is read, too.
        read = media.reading(named) is not Reading.UNREAD or named.endswith("/*")
        types[media_type] = MediaRule(inner.get("schema", True) if read else True, document)
    return BodyRule(required=node.get("required") is True, types=types)


def _violation(detail: str, pointer: str = "") -> Violation:
    return Violation(place=Place.BODY, name=pointer, detail=detail)


def _of_header(name: str, detail: str) -> Violation:
    return Violation(place=Place.HEADER, name=name, detail=detail)
