"""YAML as far as JSON goes, from a hostile hand: text in, a JSON value out, or one plain sentence.

Values are built from the parser's events one by one, so nothing exists that was not counted before: no tag makes an
object, an alias costs what it stands for, and the nesting has an end. Keys are texts as they are written (`200:` is
"200"), and a plain word is what YAML 1.2 says: `no`, `on` and dates are texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_DEPTH: Final = 100
"""Nesting of a document. Descriptions of real APIs stay below 40."""
MAX_SIZE: Final = 16 * 1024 * 1024
"""Characters of all texts, and some for each value, once every alias is written out."""

_VALUE_SIZE: Final = 64
_LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_DUMPER: Final = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,4000}")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))
_MERGE: Final = "<<"


class UnreadableError(ValueError):
    """Why the text is no document, as the end of a sentence that begins with "it"."""


class _Built(NamedTuple):
    """A finished value, what it costs to write it out, and how deep it is."""

    value: Any
    size: int
    depth: int
    key: str | None = None
    """As written, if it can be a key."""
    merges: bool = False


def parse_yaml(text: str) -> Any:
    """The one document of the text. Raises UnreadableError."""
    try:
        return _Builder().build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise UnreadableError(f"is not YAML{line}: {error.problem}") from None
    except (yaml.YAMLError, UnicodeError):
        raise UnreadableError("is not YAML: it has characters that YAML forbids") from None


def to_yaml(value: Any) -> str:
    """The same value as YAML, in its own order and without aliases. Half a character becomes a question mark."""
    whole = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    text: str = yaml.dump(whole, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return text


class _Plain(_DUMPER):  # type: ignore[valid-type, misc]  # the faster of two classes
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Builder:
    def __init__(self) -> None:
        self._anchors: dict[str, _Built | None] = {}
        """None while it is being built."""
        self._open: list[tuple[Event, list[_Built]]] = []
        self._size = 0
        self._documents: list[Any] = []

    def build(self, events: Iterable[Event]) -> Any:
        for event in events:
            if isinstance(event, DocumentStartEvent) and self._documents:
                raise UnreadableError("holds more than one YAML document")
            if isinstance(event, AliasEvent):
                meant = self._meant_by(event)
                self._charge(meant.size)
                self._add(meant)
            elif isinstance(event, ScalarEvent):
                self._begin(event)
                made = _scalar(event)
                self._charge(made.size)
                self._finish(event, made)
            elif isinstance(event, (SequenceStartEvent, MappingStartEvent)):
                self._begin(event)
                self._charge(_VALUE_SIZE)
                self._open.append((event, []))
                if len(self._open) > MAX_DEPTH:
                    raise UnreadableError(f"is nested deeper than {MAX_DEPTH} levels")
            elif isinstance(event, (SequenceEndEvent, MappingEndEvent)):
                start, parts = self._open.pop()
                made = _mapping(parts, start) if isinstance(event, MappingEndEvent) else _sequence(parts)
                self._finish(start, made)
        return self._documents[0] if self._documents else None

    def _begin(self, event: NodeEvent) -> None:
        if getattr(event, "tag", None) not in {None, "!", *_TAGS}:
            raise UnreadableError(f"has a tag that is not of JSON{_at(event)}")
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _meant_by(self, event: AliasEvent) -> _Built:
        built = self._anchors.get(event.anchor or "")
        if built is None:
            raise UnreadableError(f"has an alias that leads nowhere, or into itself{_at(event)}")
        return built._replace(merges=False)

    def _finish(self, event: Any, made: _Built) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = made
        self._add(made)

    def _charge(self, size: int) -> None:
        self._size += size
        if self._size > MAX_SIZE:
            raise UnreadableError("is too large once its aliases are written out")

    def _add(self, made: _Built) -> None:
        if made.depth + len(self._open) > MAX_DEPTH:
            raise UnreadableError(f"is nested deeper than {MAX_DEPTH} levels")
        if self._open:
            self._open[-1][1].append(made)
        else:
            self._documents.append(made.value)


def _scalar(event: ScalarEvent) -> _Built:
    text: str = event.value
    plain = bool(event.implicit[0]) and event.style in (None, "")
    value = _meaning(text, event.tag) if plain or event.tag not in (None, "!") else text
    return _Built(value, len(text) + _VALUE_SIZE, 0, key=text, merges=plain and text == _MERGE)


def _meaning(text: str, tag: str | None) -> Any:
    if tag == "tag:yaml.org,2002:str":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def _sequence(parts: list[_Built]) -> _Built:
    return _Built([part.value for part in parts], _sum(parts), 1 + max((part.depth for part in parts), default=0))


def _mapping(parts: list[_Built], start: Event) -> _Built:
    made: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    size = _sum(parts)
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        if name.merges:
            for other in part.value if isinstance(part.value, list) else [part.value]:
                if not isinstance(other, dict):
                    raise UnreadableError(f"merges something that is no mapping{_at(start)}")
                merged = {**other, **merged}
        elif name.key is None:
            raise UnreadableError(f"has a key that is no text{_at(start)}")
        elif name.key in made:
            raise UnreadableError(f"has a key twice{_at(start)}")
        else:
            made[name.key] = part.value
    return _Built({**merged, **made}, size, 1 + max((part.depth for part in parts), default=0))


def _sum(parts: list[_Built]) -> int:
    return _VALUE_SIZE + sum(part.size for part in parts)


def _at(event: Event) -> str:
    return f" at line {event.start_mark.line + 1}" if event.start_mark is not None else ""
