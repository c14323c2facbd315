"""When which part of a log was written: an index beside the file, so that its lines stay what they were."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

_GRAIN_SECONDS: Final = 0.2
"""Entries are at least this far apart: a log that flows is not followed by an index of its own size."""


class TimeIndex:
    """Lines of `<seconds since 1970> <offset>`: from this offset on, it was written at that time or later.

    Kept apart from the log itself: a damaged or missing index costs the times and nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: float | None = None

    def note(self, at: datetime, offset: int) -> None:
        """Something is about to be written at `offset`. A full disk loses the time and not the log."""
        moment = at.timestamp()
        if self._last is None:
            entries = self._entries()
            self._last = entries[-1][0] if entries else 0.0
        # A clock that was set back must not hide what is written from now on behind what was.
        if 0 <= moment - self._last < _GRAIN_SECONDS:
            return
        with suppress(OSError):
            with self._path.open("a") as file:
                file.write(f"{max(moment, self._last):.3f} {offset}\n")
            self._last = max(moment, self._last)

    def offset_since(self, since: datetime) -> int | None:
        """Where what was written at `since` or later begins; None when nothing was."""
        moment = since.timestamp()
        entries = self._entries()
        for number, (written, offset) in enumerate(entries):
            if written >= moment:
                # What came less than a grain after an entry has none of its own.
                before = entries[number - 1] if number else None
                return before[1] if before is not None and moment - before[0] < _GRAIN_SECONDS else offset
        if entries and moment - entries[-1][0] < _GRAIN_SECONDS:
            return entries[-1][1]
        return None

    def drop_before(self, offset: int) -> None:
        """The log's bytes before `offset` are gone."""
        kept = [entry for entry in self._entries() if entry[1] >= offset]
        shorter = self._path.with_suffix(self._path.suffix + ".tmp")
        with suppress(OSError):
            shorter.write_text("".join(f"{moment:.3f} {place}\n" for moment, place in kept))
            shorter.replace(self._path)

    def _entries(self) -> list[tuple[float, int]]:
        try:
            lines = self._path.read_text().splitlines()
        except (OSError, ValueError):
            return []
        entries: list[tuple[float, int]] = []
        for line in lines:
            moment, _, offset = line.partition(" ")
            with suppress(ValueError):  # a crash cut the line
                entries.append((float(moment), int(offset)))
        return entries
