"""An app's OpenAPI document: bytes as they were served in, a checked document out, or one plain sentence.

What is checked is what everybody after it leans on: that it is JSON or YAML, of a version that is understood, and of
the right shape where paths and operations are. It is no linter: an odd document is still its app's own word.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

from turnout.domain.openapi_yaml import MAX_DEPTH, UnreadableError, parse_yaml
from turnout.domain.sentences import plain

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The operations that a path can have."""


class TooLargeError(Exception):
    """Documents that are too large, or too entangled, to be compared: their author shall not keep a machine busy."""


_VERSION: Final = re.compile(r"3\.([01])\.[0-9]{1,4}(-[0-9A-Za-z.-]{1,64})?")
_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecDocument:
    """A document as it is kept: what was served, and the same as JSON."""

    id: str
    """The SHA-256 of what was served."""
    format: Literal["json", "yaml"]
    served: bytes
    json: bytes
    """The served bytes themselves when those are JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiDescription:
    """What a document says, ready to be read. Nobody changes `content`."""

    version: Literal["3.0", "3.1"]
    content: dict[str, Any]

    @property
    def paths(self) -> dict[str, Any]:
        """The path items by their templates."""
        found = self.content.get("paths")
        return found if isinstance(found, dict) else {}

    def summary(self) -> str:
        """In half a line."""
        count = len(self.paths)
        return f"OpenAPI {self.content['openapi']}, {count} path{'s' if count != 1 else ''}"


def read_served(served: bytes) -> tuple[SpecDocument, ApiDescription]:
    """Read what an app served. Raises UnreadableError when it is no OpenAPI 3.0 or 3.1 document."""
    text = _decode(served)
    if text.lstrip().startswith("{"):
        content = _parse_json(text)
        form, as_json = "json", served
    else:
        if text.lstrip().startswith("<"):
            raise UnreadableError("is HTML or XML, neither JSON nor YAML")
        content = parse_yaml(text)
        form, as_json = "yaml", json.dumps(content, separators=(",", ":")).encode()
    described = describe(content)
    spec_id = hashlib.sha256(served).hexdigest()
    return SpecDocument(id=spec_id, format=form, served=served, json=as_json), described  # type: ignore[arg-type]


def read_stored(document: SpecDocument) -> ApiDescription:
    """Read what was kept. Raises UnreadableError for what an earlier version has let pass."""
    return describe(_parse_json(_decode(document.json)))


def describe(content: Any) -> ApiDescription:
    """Check the shape of a parsed document. Raises UnreadableError."""
    if not isinstance(content, dict):
        raise UnreadableError("is no mapping, which an OpenAPI document has to be")
    version = _version(content)
    _mapping(content.get("info"), "info")
    if "paths" not in content and (version == "3.0" or not {"components", "webhooks"} & content.keys()):
        raise UnreadableError("has no paths")
    for name, item in _mapping(content.get("paths", {}), "paths").items():
        if name.startswith("x-"):
            continue
        if not name.startswith("/"):
            raise UnreadableError(f"has the path {shown(name)}, which does not begin with a slash")
        _check_item(_mapping(item, f"path {shown(name)}"), name)
    _mapping(content.get("components", {}), "components")
    return ApiDescription(version=version, content=content)


def shown(text: str, limit: int = _SHOWN) -> str:
    """A text that an app has written, as it may stand in a sentence."""
    return plain(text, limit=limit)


def _version(content: dict[str, Any]) -> Literal["3.0", "3.1"]:
    told = content.get("openapi")
    if told is None and "swagger" in content:
        raise UnreadableError("is a Swagger 2.0 document; OpenAPI 3.0 and 3.1 are understood")
    if not isinstance(told, str):
        raise UnreadableError("is no OpenAPI document: it has no `openapi` with a version")
    if (found := _VERSION.fullmatch(told)) is None:
        raise UnreadableError(f"is OpenAPI {shown(told, 20)}; 3.0 and 3.1 are understood")
    return "3.1" if found[1] == "1" else "3.0"


def _check_item(item: dict[str, Any], name: str) -> None:
    _list(item.get("parameters", []), f"the parameters of {shown(name)}")
    for method in METHODS:
        if method in item:
            place = f"{method.upper()} {shown(name)}"
            operation = _mapping(item[method], place)
            _list(operation.get("parameters", []), f"the parameters of {place}")
            _mapping(operation.get("responses", {}), f"the responses of {place}")
            _mapping(operation.get("requestBody", {}), f"the request body of {place}")


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableError(f"is broken: {what} has to be a mapping")
    return value


def _list(value: Any, what: str) -> None:
    if not isinstance(value, list):
        raise UnreadableError(f"is broken: {what} have to be a list")


def _decode(served: bytes) -> str:
    try:
        return served.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8 text") from None


def _parse_json(text: str) -> Any:
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise UnreadableError(f"is nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise UnreadableError(f"is not JSON: {error.msg} at line {error.lineno}") from None
    except ValueError as error:  # a number with thousands of digits, and those that JSON does not have
        raise UnreadableError(f"is not JSON: {error}") from None
    _check_depth(content)
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it has no number {name}")


def _check_depth(content: Any) -> None:
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [
            each
            for value in level
            for each in (value.values() if isinstance(value, dict) else value)
            if isinstance(each, (dict, list))
        ]
        if not level:
            return
    raise UnreadableError(f"is nested deeper than {MAX_DEPTH} levels")
