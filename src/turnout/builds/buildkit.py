"""What BuildKit tells while it builds: protocol buffers inside of the engine's JSON, and few enough to read by hand.

Fields are those of moby/buildkit's `control.proto`: StatusResponse, Vertex and VertexLog.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from turnout.builds.log import BuildLog

TRACE: Final = "moby.buildkit.trace"
_VERTEX, _LOG = 1, 3
_DIGEST, _NAME, _CACHED, _STARTED, _ERROR = 1, 3, 4, 5, 7
_LOG_MESSAGE: Final = 4


class Narrator:
    """Writes BuildKit's steps and their output into a log, each step once."""

    def __init__(self, log: BuildLog) -> None:
        self._log = log
        self._told: set[bytes] = set()

    def take(self, aux: Any) -> None:
        """One trace message. What cannot be read is left out: it is only shown, never acted upon."""
        try:
            for field, value in _fields(base64.b64decode(aux)):
                if field == _VERTEX and isinstance(value, bytes):
                    self._vertex(dict(_fields(value)))
                elif field == _LOG and isinstance(value, bytes):
                    message = dict(_fields(value)).get(_LOG_MESSAGE)
                    if isinstance(message, bytes):
                        self._log.feed(message)
        except (ValueError, TypeError, binascii.Error):
            return

    def _vertex(self, vertex: dict[int, int | bytes]) -> None:
        digest, name = vertex.get(_DIGEST), vertex.get(_NAME)
        if not isinstance(digest, bytes) or not isinstance(name, bytes) or digest in self._told:
            return
        if name.startswith(b"[internal]") or not (vertex.get(_STARTED) or vertex.get(_CACHED)):
            return
        self._told.add(digest)
        cached = " (cached)" if vertex.get(_CACHED) else ""
        self._log.say(f"{name.decode(errors='replace')}{cached}")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in order. Raises ValueError when it ends too early or is none."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire = key & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield key >> 3, value
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield key >> 3, _cut(message, position, size)
            position += size
        elif wire == 2:
            size, position = _varint(message, position)
            yield key >> 3, _cut(message, position, size)
            position += size
        else:
            raise ValueError("no wire type")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message) or shift > 63:
            raise ValueError("a number has no end")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _cut(message: bytes, position: int, size: int) -> bytes:
    if position + size > len(message):
        raise ValueError("a field has no end")
    return message[position : position + size]
