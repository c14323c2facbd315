"""A whole document, ready to check requests against. An operation is compiled when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from turnout.checking.bodies import BodyRule, body_rule
from turnout.checking.documents import Document
from turnout.checking.parameters import Parameter, parameters_of
from turnout.checking.paths import Match, PathTree
from turnout.checking.requests import CheckedRequest, decoded, is_text
from turnout.checking.violations import Place, Violation
from turnout.domain.errors import Invalid

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LONGEST_PATH: Final = 8192
_MOST_BASES: Final = 64


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    parameters: tuple[Parameter, ...]
    body: BodyRule

    def check(self, request: CheckedRequest, in_path: dict[str, str]) -> Iterator[Violation]:
        """All that is wrong with the request."""
        for parameter in self.parameters:
            yield from parameter.check(request, in_path)
        yield from self.body.check(request)

    @property
    def size(self) -> int:
        """The schemas that were compiled for it."""
        bodies = sum(rule.validator.size for rule in self.body.types.values())
        return bodies + sum(parameter.validator.size for parameter in self.parameters)


class Spec:
    """One OpenAPI document."""

    def __init__(self, text: bytes) -> None:
        """Raises Invalid when requests cannot be checked against it; `compile_all` looks into every corner."""
        self._document = Document.parse(text)
        self._tree = PathTree()
        self._compiled: dict[tuple[str, str], Operation] = {}
        self.size = 0
        """How many schemas are compiled by now."""
        for template, item in self._document.root.get("paths", {}).items():
            if not template.startswith("/"):
                continue  # an extension
            for base in _bases(self._document, item):
                self._tree.add(base + template, template)

    def check(self, request: CheckedRequest) -> tuple[Violation, ...]:
        """What is wrong with the request; empty when it may pass. Raises Invalid for a part that cannot be used.

        Excluded from every check are a browser's preflight, and a WebSocket where no GET is documented:
        OpenAPI has no words for either.
        """
        if request.is_preflight:
            return ()
        segments = _segments(request.path) if request.target.isascii() else None
        if segments is None:
            return (_of_path(request, "has a part that apps could read in several ways"),)
        matches = list(self._tree.find(segments))
        method = "get" if request.is_upgrade else request.method.lower()
        for match in matches:
            if (operation := self._operation(match.value, method)) is not None:
                return (*_upgrade(request, operation), *operation.check(request, match.parameters))
        if request.is_upgrade:
            return tuple(_upgrade(request, None))
        return (self._undocumented(request, matches),)

    def compile_all(self) -> int:
        """Compile every operation; returns how many there are. Raises Invalid, naming the operation."""
        count = 0
        for template in self._document.root.get("paths", {}):
            for method in METHODS if template.startswith("/") else ():
                try:
                    count += method in self._item(template) and self._operation(template, method) is not None
                except Invalid as error:
                    raise Invalid(f"{method.upper()} {template[:200]}: {error.detail}") from None
        return count

    def forget(self) -> None:
        """Give back the memory of what was compiled."""
        self._compiled.clear()
        self.size = 0

    def _item(self, template: str) -> dict[str, Any]:
        return self._document.follow(self._document.root["paths"][template])

    def _operation(self, template: str, method: str) -> Operation | None:
        known = self._compiled.get((template, method))
        if known is not None:
            return known
        item = self._item(template)
        node = item.get(method) if method in METHODS else None
        if node is None and method == "head":
            return self._operation(template, "get")
        if node is None:
            return None
        node = self._document.follow(node)
        operation = Operation(
            parameters=tuple(parameters_of(item, node, self._document)), body=body_rule(node, self._document)
        )
        self._compiled[template, method] = operation
        self.size += operation.size
        return operation

    def _undocumented(self, request: CheckedRequest, matches: list[Match]) -> Violation:
        if not matches:
            return _of_path(request, "is not documented")
        documented = {each.upper() for match in matches for each in self._item(match.value)}
        allowed = sorted(documented & {each.upper() for each in METHODS})
        detail = f"is not documented for this path; documented are {', '.join(allowed) or 'none'}"
        return Violation(place=Place.METHOD, name=request.method, detail=detail)


def _upgrade(request: CheckedRequest, operation: Operation | None) -> Iterator[Violation]:
    """A body passes by unread with such a request, so it must not be able to matter."""
    if not request.is_upgrade:
        return
    if request.method != "GET":
        yield Violation(place=Place.METHOD, name=request.method, detail="a WebSocket is asked for by GET")
    if operation is not None and operation.body.types:
        yield Violation(place=Place.HEADER, name="upgrade", detail="this operation takes a body, and is no WebSocket")


def _of_path(request: CheckedRequest, detail: str) -> Violation:
    return Violation(place=Place.PATH, name=request.path, detail=detail)


def _segments(path: str) -> list[str] | None:
    """The decoded segments; None for a path that an app might divide otherwise, or that is no text."""
    if len(path) > _LONGEST_PATH:
        return None
    segments = [decoded(segment) for segment in path.split("/")]
    for segment in segments:
        if not is_text(segment) or segment in (".", "..") or any(each in segment for each in "/\\\0"):
            return None
    return segments


def _bases(document: Document, item: Any) -> list[str]:
    """The paths of the servers, without their last slash; those of a path take the place of the document's."""
    own = document.follow(item).get("servers") if isinstance(item, dict) else None
    servers = own or document.root.get("servers") or [{"url": "/"}]
    if not isinstance(servers, list):
        raise Invalid("its servers are no list")
    bases: dict[str, None] = {}
    for server in servers:
        for url in _urls(server):
            bases[urlsplit(urljoin("http://app/", url)).path.rstrip("/")] = None
    return list(bases)[:_MOST_BASES]


def _urls(server: Any) -> Iterator[str]:
    """The URL of a server with every value that its variables may have."""
    if not isinstance(server, dict) or not isinstance(server.get("url"), str):
        raise Invalid("it has a server without a URL")
    variables = server.get("variables", {})
    choices = []
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        known = variable if isinstance(variable, dict) else {}
        values = known["enum"] if isinstance(known.get("enum"), list) else [known.get("default", "")]
        choices.append([(name, str(value)) for value in values[:_MOST_BASES]])
    for number, chosen in enumerate(product(*choices)):
        if number >= _MOST_BASES:
            return
        url = server["url"]
        for name, value in chosen:
            url = url.replace(f"{{{name}}}", value)
        yield url
