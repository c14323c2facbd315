"""Path templates: which documented path a request means. A tree of segments, so that size costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from turnout.domain.errors import Invalid

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One segment of a template: literal texts around parameters, as in `{year}-{month}.csv`."""

    literals: tuple[str, ...]
    """One more than there are names; those between two names are never empty."""
    names: tuple[str, ...]

    @property
    def is_literal(self) -> bool:
        """Whether it has no parameter."""
        return not self.names

    def match(self, text: str) -> dict[str, str] | None:
        """The parameters in a decoded segment, none of them empty; None when it is another segment.

        Reads from left to right without ever going back, so a long segment costs its length.
        """
        first, *between, last = self.literals
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return None
        rest = text[len(first) : len(text) - len(last)]
        values = []
        for literal in between:
            at = rest.find(literal, 1)
            if at < 0:
                return None
            values.append(rest[:at])
            rest = rest[at + len(literal) :]
        if not rest:
            return None
        return dict(zip(self.names, [*values, rest], strict=True))


@dataclass(slots=True)
class _Node:
    exact: dict[str, _Node] = field(default_factory=dict)
    templated: list[tuple[Segment, _Node]] = field(default_factory=list)
    value: Any = None


@dataclass(frozen=True, slots=True)
class Match:
    """A documented path that a request may mean."""

    value: Any
    parameters: dict[str, str]


class PathTree:
    """All documented paths. A literal segment is preferred to a parameter, as the specification asks."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, template: str, value: Any) -> None:
        """Raises Invalid for a template that could be read in several ways."""
        node = self._root
        for text in template.split("/"):
            segment = _segment(text, template)
            node = _exact(node, text) if segment.is_literal else _templated(node, segment)
        if node.value is None:
            node.value = value

    def find(self, segments: Sequence[str]) -> Iterator[Match]:
        """Every documented path that these decoded segments fit, the most specific one first."""
        return _walk(self._root, segments, 0, {})


def _walk(node: _Node, parts: Sequence[str], at: int, found: dict[str, str]) -> Iterator[Match]:
    if at == len(parts):
        if node.value is not None:
            yield Match(node.value, found)
        return
    text = parts[at]
    if (child := node.exact.get(text)) is not None:
        yield from _walk(child, parts, at + 1, found)
    for segment, child in node.templated:
        if (values := segment.match(text)) is not None:
            yield from _walk(child, parts, at + 1, found | values)


def _exact(node: _Node, text: str) -> _Node:
    return node.exact.setdefault(text, _Node())


def _templated(node: _Node, segment: Segment) -> _Node:
    for known, child in node.templated:
        if known == segment:
            return child
    child = _Node()
    node.templated.append((segment, child))
    # What says more of itself is tried first.
    node.templated.sort(key=lambda each: -sum(map(len, each[0].literals)))
    return child


def _segment(text: str, template: str) -> Segment:
    pieces = _PARAMETER.split(text)
    literals, names = tuple(pieces[::2]), tuple(pieces[1::2])
    if not all(literals[1:-1]) or "" in names or len(set(names)) < len(names) or re.search(r"[{}]", "".join(literals)):
        raise Invalid(f"its path {template[:200]} has a segment that could be read in several ways")
    return Segment(literals=literals, names=names)
