"""A request as the checks see it, taken apart once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, kw_only=True)
class CheckedRequest:
    """One request, after the gateway has normalised its path."""

    method: str
    """In capitals."""
    target: str
    """Path and query as they were sent, still encoded."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case; a name may be there twice."""
    body: bytes = b""
    body_unread: bool = False
    """The body passes by unseen: nobody may conclude from an empty `body` that there is none."""

    @property
    def path(self) -> str:
        """Without the query, still encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """Names decoded, values still encoded: some styles separate by characters that are data when encoded."""
        return pairs(self.target.partition("?")[2])

    def header(self, name: str) -> str | None:
        """All values under that name, joined as RFC 9110 has it; None when there is none."""
        found = [value for each, value in self.headers if each == name]
        return ", ".join(found) if found else None

    @cached_property
    def cookies(self) -> tuple[tuple[str, str], ...]:
        """The cookies, in their order."""
        lines = (value for name, value in self.headers if name == "cookie")
        return tuple(_cookies(lines))

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket. The gateway reads no body then, whatever the method."""
        return "websocket" in (self.header("upgrade") or "").lower()

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks by itself if it may send the real request."""
        asks = self.header("origin") is not None and self.header("access-control-request-method") is not None
        return self.method == "OPTIONS" and asks and not self.body and not self.body_unread


def pairs(encoded: str) -> tuple[tuple[str, str], ...]:
    """Names and values of a query or a form; names decoded, values not."""
    found = []
    for part in encoded.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((decoded(name, plus=True), value))
    return tuple(found)


def decoded(text: str, *, plus: bool = False) -> str:
    """Percent-decoded. What is no UTF-8 keeps a mark (a lone surrogate) that `is_text` finds."""
    return unquote_to_bytes(text.replace("+", " ") if plus else text).decode("utf-8", "surrogateescape")


def is_text(text: str) -> bool:
    """Whether the bytes were UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _cookies(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        for part in line.split(";"):
            name, equals, value = part.strip().partition("=")
            if equals:
                yield name, value.strip('"')
