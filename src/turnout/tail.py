"""Whole lines of a file that somebody else writes and rotates, without losing one or reading one twice.

Rotating means: the file is moved to its older name, replacing what was there, and is there again under its own
name only when nothing is written into the moved one any more.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stopped reading: which file it was, whatever its name is now, and the byte after the last line."""

    inode: int
    offset: int


class Tail:
    """Lines of the older file, then of the file, then of whatever takes its place. For one thread at a time."""

    def __init__(self, path: Path, older: Path, *, after: Position | None = None) -> None:
        """Begin with the oldest line there is, or behind `after`, if that file is still there."""
        self._path, self._older = path, older
        self._files: deque[BinaryIO] = deque()
        self._rest = b""
        self._open_next()
        if after is not None:
            self._skip(after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def position(self) -> Position | None:
        """Behind the last line that was given out; None before there is a file."""
        if not self._files:
            return None
        file = self._files[0]
        return Position(os.fstat(file.fileno()).st_ino, file.tell() - len(self._rest))

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
        inodes = [os.fstat(file.fileno()).st_ino for file in self._files]
        if after.inode not in inodes:
            return
        for _ in range(inodes.index(after.inode)):
            self._files.popleft().close()
        first = self._files[0]
        if after.offset <= os.fstat(first.fileno()).st_size:
            first.seek(after.offset)


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
