"""Which generation a gateway has answered for, and how. Pure bookkeeping, one instance per stream.

Whoever waits for generation n takes the first verdict for n or a later one: verdicts come in the order of
generations, an acknowledgement stands for all generations since the verdict before it, and a rejection for
its own generation alone. So one project that Envoy refuses is reported once, and the generations of
everybody else go on being acknowledged after it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged:
    """Everything of this generation, and of those since the last verdict, directs traffic now."""

    generation: int
    whole: bool = True
    """Nothing that was refused is wanted any more: what the gateway has is all that it should have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """Something of this generation was refused; the gateway goes on with what it had for that project."""

    generation: int
    error: str


Verdict = Acknowledged | Rejected


class Generations:
    """Counts, for every announced generation, the projects whose change is not in effect yet."""

    def __init__(self, generation: int, *, projects: int) -> None:
        self._announced: deque[int] = deque([generation])
        self._pending: Counter[int] = Counter({generation: projects})
        self._spoiled: dict[int, str] = {}
        self._newest = generation
        self._acknowledged = -1

    @property
    def newest(self) -> int:
        """The newest generation announced so far."""
        return self._newest

    def announce(self, generation: int) -> None:
        """The state contains this generation now. Not smaller than any announced before."""
        if not self._announced or generation > self._announced[-1]:
            self._announced.append(generation)
        self._newest = generation

    def begin(self, generation: int) -> None:
        """One more project has a change of this generation that is not in effect."""
        self._pending[generation] += 1

    def end(self, generation: int) -> None:
        """One of them is in effect, or was refused."""
        self._pending[generation] -= 1

    def spoil(self, generation: int, error: str) -> None:
        """This generation will be rejected, for the first reason given."""
        self._spoiled.setdefault(generation, error)

    def verdicts(self, *, whole: bool = True) -> Iterator[Verdict]:
        """Those that are due: nothing of their generation or an older one is pending. `whole`: see `Acknowledged`."""
        self._pending = +self._pending
        oldest_pending = min(self._pending, default=None)
        while self._announced and (oldest_pending is None or self._announced[0] < oldest_pending):
            generation = self._announced.popleft()
            error = self._spoiled.pop(generation, None)
            if error is not None:
                yield Rejected(generation=generation, error=error)
            elif generation > self._acknowledged:
                self._acknowledged = generation
                yield Acknowledged(generation=generation, whole=whole)
