"""What one instance printed, in a file that outlives krane, with positions that outlive its rotation."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.krane.files import read_json, write_atomically
from turnout.krane.ports import Output

TAIL: Final = 16384


class OutputFile:
    """`output.log` and, once that has grown beyond `limit` bytes, the older `output.log.1`.

    The instance itself appends to the file, so that krane's death loses nothing; hence rotation copies and
    truncates. A write that falls between the copy's last byte and the truncation is lost: microseconds, once
    per `limit` bytes. At most about twice the limit is kept on disk while krane runs.
    """

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._path = folder / "output.log"
        self._older = folder / "output.log.1"
        self._note = folder / "output.json"
        self._limit = limit
        self._base = int((read_json(self._note) or {}).get("base", 0))
        """Position in the whole output of the file's first byte."""

    def open(self) -> int:
        """A file descriptor for appending. Raises Unavailable when the disk does not let us."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        if _size(self._path) <= self._limit:
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
            self._base += max(source.tell(), self._limit)
            os.truncate(self._path, 0)
        write_atomically(self._note, {"base": self._base})


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
