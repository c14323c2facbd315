"""The operations of a document, in a form in which two of them can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from turnout.domain.openapi_document import METHODS, ApiDescription, TooLargeError
from turnout.domain.openapi_refs import References
from turnout.domain.openapi_unions import Schema

_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")
_PLACES: Final = ("path", "query", "header", "cookie")
_NOT_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
"""Headers that are told of elsewhere (OpenAPI 3.0.3, Parameter Object)."""

MAX_PARTS: Final = 100_000
"""Parameters, answers, headers and media types of all operations together, as often as they are referred to."""
_ALTERNATIVES: Final = 50
"""Of the security of an operation, so many are looked at."""

NOBODY_ASKED: Final[frozenset[frozenset[str]]] = frozenset({frozenset()})
"""The security of an operation that lets everybody in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    place: str
    """`path`, `query`, `header` or `cookie`."""
    name: str
    required: bool
    style: str
    schema: Schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """The body of a request."""

    required: bool
    media: dict[str, Schema]


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """One header of an answer."""

    required: bool
    schema: Schema


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What comes back with one status."""

    media: dict[str, Schema]
    headers: dict[str, Header]
    """By their names in lower case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    deprecated: bool
    parameters: dict[tuple[str, str], Parameter]
    """By place and name; those of the path by their position, because nobody sees their names."""
    body: Body | None
    responses: dict[str, Response]
    security: frozenset[frozenset[str]]
    """Alternatives, each of all that is needed."""

    @property
    def title(self) -> str:
        """Such as `GET /pets`."""
        return f"{self.method.upper()} {self.path}"


def read_operations(description: ApiDescription) -> dict[str, dict[str, Operation]]:
    """The operations by path and method, in the order of the document. Raises TooLargeError."""
    reader = _Reader(description)
    return {
        path: {method: reader.operation(path, method, item) for method in METHODS if isinstance(item.get(method), dict)}
        for path, item in reader.items()
    }


def same_path(path: str) -> str:
    """The path without the names in its template: paths that are equal then mean the same requests."""
    return _TEMPLATE.sub("{}", path)


class _Reader:
    def __init__(self, description: ApiDescription) -> None:
        self._references = References(description)
        self._resolve = self._references.resolve
        self._root = description.content
        self._paths = description.paths
        self._parts = 0

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path, item in self._paths.items():
            if path.startswith("/"):
                yield path, self._resolve(item)

    def _counted(self, parts: Any) -> Any:
        self._parts += 1 + (len(parts) if isinstance(parts, (dict, list)) else 0)
        if self._parts > MAX_PARTS:
            raise TooLargeError
        return parts

    def operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        found = item[method]
        parameters = self._parameters(path, item.get("parameters")) | self._parameters(path, found.get("parameters"))
        responses = {
            str(status).upper(): self._response(self._resolve(response))
            for status, response in _mapping(self._counted(found.get("responses"))).items()
            if not str(status).startswith("x-")
        }
        return Operation(
            method=method,
            path=path,
            deprecated=found.get("deprecated") is True,
            parameters=parameters,
            body=self._body(found.get("requestBody")),
            responses=responses,
            security=_security(found.get("security", self._root.get("security"))),
        )

    def _parameters(self, path: str, listed: Any) -> dict[tuple[str, str], Parameter]:
        found: dict[tuple[str, str], Parameter] = {}
        positions = {name: str(number) for number, name in enumerate(_TEMPLATE.findall(path))}
        for each in self._counted(listed) if isinstance(listed, list) else []:
            node = self._resolve(each)
            place, name = node.get("in"), node.get("name")
            if place not in _PLACES or not isinstance(name, str):
                continue
            if place == "header" and name.lower() in _NOT_PARAMETERS:
                continue
            found[_identity(positions, place, name)] = Parameter(
                place=place,
                name=name,
                required=node.get("required") is True or place == "path",
                style=_style(node, place),
                schema=self._schema(node),
            )
        return found

    def _body(self, given: Any) -> Body | None:
        if not isinstance(given, dict):
            return None
        node = self._resolve(given)
        return Body(required=node.get("required") is True, media=self._media(node))

    def _response(self, node: Mapping[str, Any]) -> Response:
        headers = {
            name.lower(): Header(required=header.get("required") is True, schema=self._schema(header))
            for name, given in _mapping(self._counted(node.get("headers"))).items()
            if name.lower() != "content-type"
            for header in (self._resolve(given),)
        }
        return Response(media=self._media(node), headers=headers)

    def _media(self, node: Mapping[str, Any]) -> dict[str, Schema]:
        return {
            name.partition(";")[0].strip().lower(): _one(_mapping(media).get("schema"))
            for name, media in _mapping(self._counted(node.get("content"))).items()
        }

    def _schema(self, node: Mapping[str, Any]) -> Schema:
        """Of a parameter or a header: its schema, or that of the one media type it is written in."""
        if "schema" in node:
            return _one(node["schema"])
        return next(iter(self._media(node).values()), ())


def _identity(positions: Mapping[str, str], place: str, name: str) -> tuple[str, str]:
    if place == "path":
        return (place, positions.get(name, name))
    return (place, name.lower() if place == "header" else name)


def _style(node: Mapping[str, Any], place: str) -> str:
    if "schema" not in node and (content := _mapping(node.get("content"))):
        return next(iter(content))
    style = node.get("style") or ("simple" if place in ("path", "header") else "form")
    explode = node.get("explode", style == "form")
    return f"{style}{', exploded' if explode is True else ''}"


def _security(given: Any) -> frozenset[frozenset[str]]:
    if not isinstance(given, list) or not given:
        return NOBODY_ASKED
    return frozenset(
        frozenset(
            needed
            for scheme, scopes in _mapping(alternative).items()
            for needed in (scheme, *(f"{scheme}:{scope}" for scope in (scopes if isinstance(scopes, list) else ())))
        )
        for alternative in given[:_ALTERNATIVES]
    )


def _one(schema: Any) -> Schema:
    return (schema,) if isinstance(schema, (dict, bool)) else ()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
