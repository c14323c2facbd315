"""Whole lines of a file that somebody else writes and rotates, without losing one or reading one twice.

Rotating means: the file is moved to its older name, replacing what was there, and is there again under its own
name only when nothing is written into the moved one any more.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stopped reading, for another process to go on there."""

    file: str
    """The hash of its first line. Its name changes, and the number of its inode is given away again."""
    offset: int
    """The byte behind the last line that was read."""


class Tail:
    """Lines of the older file, then of the file, then of whatever takes its place. For one thread at a time."""

    def __init__(self, path: Path, older: Path, *, after: Position | None = None) -> None:
        """Begin with the oldest line there is, or behind `after`, if that file is still there."""
        self._path, self._older = path, older
        self._files: deque[BinaryIO] = deque()
        self._rest = b""
        self._left = after
        self._open_next()
        if after is not None:
            self._skip(after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def position(self) -> Position | None:
        """Behind the last line that was given out, in the file before if there is none in this one; None before any."""
        name = _first_line(self._files[0]) if self._files else None
        return self._left if name is None else Position(name, self._files[0].tell() - len(self._rest))

    def lines(self) -> list[bytes]:
        """Some more lines, without their ends; empty when there is nothing new at this moment."""
        while self._files or self._open_next():
            # Asked before reading: once another file has the name, what is read now is all there will be.
            is_done = len(self._files) > 1 or self._was_replaced()
            if chunk := self._files[0].read(_CHUNK):
                *whole, self._rest = (self._rest + chunk).split(b"\n")
                if whole:
                    return whole
            elif not is_done:
                return []
            else:
                if len(self._files) == 1:
                    self._open_next()
                self._left = self.position
                self._files.popleft().close()
                self._rest = b""
        return []

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            self._files.popleft().close()

    def _was_replaced(self) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._files[-1].fileno()))
        except FileNotFoundError:
            return False

    def _open_next(self) -> bool:
        """Open what is not open yet, the older file first."""
        # The newer one is opened first: were it moved in between, it is met again under the other name, and known.
        newer, older = _open(self._path), _open(self._older)
        known = {os.fstat(each.fileno()).st_ino for each in self._files}
        for file in (older, newer):
            if file is None:
                continue
            inode = os.fstat(file.fileno()).st_ino
            if inode in known:
                file.close()
            else:
                known.add(inode)
                self._files.append(file)
        return bool(self._files)

    def _skip(self, after: Position) -> None:
        """Go behind the position, if the file is still there and has not become shorter."""
        for number, file in enumerate(self._files):
            if _first_line(file) == after.file and after.offset <= os.fstat(file.fileno()).st_size:
                file.seek(after.offset)
                for _ in range(number):
                    self._files.popleft().close()
                return


def _first_line(file: BinaryIO) -> str | None:
    """The hash of the first line; None while it is not whole."""
    start = os.pread(file.fileno(), _CHUNK, 0)
    end = start.find(b"\n")
    return None if end < 0 else hashlib.sha256(start[:end]).hexdigest()


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
