"""What the two clocks of a machine tell of each other: the one on the wall may be set, the other one only runs."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

_NOTICED: Final = 2.0
"""Seconds between the clocks that are no drift and no slow moment between two readings."""


class Leaps:
    """Notices when the clock on the wall was set forward, or the machine slept.

    Deadlines that were written down before come too early by that. Whoever decides by them gives what is under way
    so much more time.
    """

    def __init__(self, *, forget_after: float) -> None:
        """`forget_after`: seconds after which nothing is under way any more that had begun before a leap."""
        self._forget_after = forget_after
        self._last: tuple[datetime, float] | None = None
        self._leaps: deque[tuple[float, float]] = deque()

    def seconds(self, *, wall: datetime, steady: float) -> float:
        """How far the wall clock was set forward lately, read with both clocks at once; 0 almost always.

        `steady` is that of `time.monotonic`. A clock that was set back again takes the leap back with it; one
        that is set back further makes deadlines come late, and nobody's operation end early.
        """
        if self._last is not None:
            leap = (wall - self._last[0]).total_seconds() - (steady - self._last[1])
            if abs(leap) > _NOTICED:
                self._leaps.append((steady, leap))
        self._last = (wall, steady)
        while self._leaps and steady - self._leaps[0][0] > self._forget_after:
            self._leaps.popleft()
        return max(0.0, sum(leap for _, leap in self._leaps))
