"""Telling of the same thing again and again, but not each time: whoever knocks must not fill our disk. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

_KEPT: Final = 1000
_THE_OTHERS: Final = object()


@dataclass(slots=True)
class _Told:
    at: float
    left_out: int = 0


class Sparing:
    """Decides for each thing whether it is time to tell of it: at once, and then every so often.

    Things are remembered until they may be told of again. When there are too many they are told of as one.
    """

    def __init__(self, *, every_seconds: float, kept: int = _KEPT) -> None:
        self._every = every_seconds
        self._kept = kept
        self._told: dict[Hashable, _Told] = {}

    def left_out(self, what: Hashable, *, now: float) -> int | None:
        """How often it happened untold since the last time; None when it is to be left out now too.

        `now` in seconds, of a clock that only goes forward.
        """
        if what not in self._told and len(self._told) >= self._kept:
            self._told = {each: told for each, told in self._told.items() if now - told.at < self._every}
            if len(self._told) >= self._kept:
                what = _THE_OTHERS
        told = self._told.get(what)
        if told is not None and now - told.at < self._every:
            told.left_out += 1
            return None
        self._told[what] = _Told(at=now)
        return 0 if told is None else told.left_out
