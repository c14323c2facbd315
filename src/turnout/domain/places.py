"""Places to build: a workspace has a few, and those who wait stand in a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPlace:
    """What one operation that has not ended has asked for."""

    operation_id: str
    production: bool
    asked_at: datetime
    taken: bool
    """It may build; otherwise it waits."""


def waiting_line(places: Iterable[BuildPlace]) -> tuple[str, ...]:
    """The operations that wait, in the order they will be served: production first, then who came first."""
    waiting = [place for place in places if not place.taken]
    waiting.sort(key=lambda place: (not place.production, place.asked_at, place.operation_id))
    return tuple(place.operation_id for place in waiting)


def next_to_build(places: Sequence[BuildPlace], *, limit: int) -> tuple[str, ...]:
    """The operations that get a place now. Nobody who builds is sent away when the limit has become smaller."""
    free = max(0, limit - sum(place.taken for place in places))
    return waiting_line(places)[:free]


def place_in_line(places: Iterable[BuildPlace], operation_id: str) -> int | None:
    """1 is the next to be served; None when the operation does not wait."""
    line = waiting_line(places)
    return line.index(operation_id) + 1 if operation_id in line else None


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in {11, 12, 13} else endings.get(number % 10, "th")
    return f"{number}{ending}"


def said(number: int) -> str:
    """How a person is told: "a build place, 3rd in line"."""
    return f"a build place, {ordinal(number)} in line"
