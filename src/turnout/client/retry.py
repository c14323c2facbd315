"""When to try again after a stream was cut."""

from __future__ import annotations

import time

from turnout.client.problems import Unreachable
from turnout.domain.errors import TurnoutError


class Patience:
    """How long to wait before the next attempt, and when to give up: `total` seconds after a message."""

    def __init__(self, *, total: float | None, first: float = 0.1, most: float = 2.0) -> None:
        self._total = total
        self._first = first
        self._most = most
        self.alive()

    def alive(self) -> None:
        """The server has spoken: count from now, and try again quickly after the next cut."""
        self._pause = self._first
        self._since = time.monotonic()

    def pause_after(self, cut: TurnoutError | None) -> float:
        """Seconds to wait. Raises `cut` when waiting cannot mend it or has lasted long enough."""
        if cut is not None and cut.status < 500 and not cut.retryable:
            raise cut
        if self._total is not None and time.monotonic() - self._since > self._total:
            raise cut or Unreachable("cannot follow any longer: the server ends the stream again and again")
        pause, self._pause = self._pause, min(self._pause * 2, self._most)
        return pause
