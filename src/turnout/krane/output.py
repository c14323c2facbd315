"""What one instance printed, in a file that outlives krane, with positions that outlive its rotation."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.krane.files import read_json, write_atomically
from turnout.krane.ports import Output
from turnout.krane.reserve import reserve

TAIL: Final = 16384


class OutputFile:
    """`output.log` and, once that has grown beyond `limit` bytes, the older `output.log.1`.

    The instance itself appends to the file, so that krane's death loses nothing; hence rotation copies and
    truncates. A write that falls between the copy's last byte and the truncation is lost: microseconds, once
    per `limit` bytes. At most about twice the limit is kept on disk while krane runs.
    """

    def __init__(self, folder: Path, *, limit: int, reserved: int = 0) -> None:
        """Of the disk, so many bytes are `reserved` for what is printed next. See `_reserve`."""
        self._path = folder / "output.log"
        self._older = folder / "output.log.1"
        self._note = folder / "output.json"
        self._limit = limit
        self._base = int((read_json(self._note) or {}).get("base", 0))
        """Position in the whole output of the file's first byte."""
        self._wanted = reserved
        self._reserved_to = 0

    def open(self) -> int:
        """A file descriptor for appending. Raises Unavailable when the disk does not let us."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._reserved_to = 0
            self.rotate()
            return descriptor
        except OSError as error:
            raise Unavailable(f"cannot write {self._path}: {error.strerror}; free some space") from error

    def read(self, offset: int, limit: int) -> Output:
        """Read from `offset` of the whole output; from the oldest byte kept, when that is gone."""
        self.rotate()
        if offset >= self._base:
            return Output(offset=offset, data=_read(self._path, offset - self._base, limit))
        oldest = self._base - _size(self._older)
        start = max(offset, oldest)
        if start == self._base:
            return Output(offset=start, data=_read(self._path, 0, limit))
        return Output(offset=start, data=_read(self._older, start - oldest, limit))

    def tail(self) -> bytes:
        """The last bytes, across a rotation if need be."""
        last = _read(self._path, max(0, _size(self._path) - TAIL), TAIL)
        if len(last) < TAIL and self._base:
            last = _read(self._older, max(0, _size(self._older) - TAIL + len(last)), TAIL) + last
        return last

    def rotate(self) -> None:
        """Move what there is to the older file, if it is too much."""
        size = _size(self._path)
        if size <= self._limit:
            self._reserve(size)
            return
        beside = self._older.with_suffix(".new")
        with self._path.open("rb") as source:
            try:
                with beside.open("wb") as target:
                    shutil.copyfileobj(source, target)
                beside.replace(self._older)
            except OSError:  # the disk is full: old output is the cheapest thing on it
                beside.unlink(missing_ok=True)
                self._older.unlink(missing_ok=True)
            self._empty(max(source.tell(), self._limit))

    def _reserve(self, size: int) -> None:
        """Have room for what is printed next. On a full disk what was printed makes room for it.

        To most apps a print that fails is an error like any other, and they stop answering: a disk that is filled
        by somebody else must not take them down.
        """
        if not self._wanted or size + self._wanted // 8 <= self._reserved_to:
            return
        if self._take(size):
            return
        self._older.unlink(missing_ok=True)
        if not self._take(size):
            self._empty(size)

    def _take(self, size: int) -> bool:
        """Reserve what the disk has behind `size`, if that is anything worth it."""
        for room in (self._wanted, self._wanted // 2, self._wanted // 4):
            if reserve(self._path, size, room):
                self._reserved_to = size + room
                return True
        return False

    def _empty(self, size: int) -> None:
        """Start the file anew after so many bytes."""
        if not size:
            return
        self._base += size
        os.truncate(self._path, 0)
        self._reserved_to = 0
        if self._wanted:
            self._take(0)  # before anybody else does
        try:
            write_atomically(self._note, {"base": self._base})
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise  # else: the next krane counts from an earlier position, and the server from its own


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path, position: int, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(limit)
    except FileNotFoundError:
        return b""
