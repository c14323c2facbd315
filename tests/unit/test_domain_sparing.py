"""What happens again and again is told now and then, with how often it happened meanwhile."""

from __future__ import annotations

from turnout.domain.sparing import Sparing


def test_at_once_and_then_every_so_often() -> None:
    """With the number of those between."""
    sparing = Sparing(every_seconds=60)
    told = [sparing.left_out("a", now=now) for now in (0, 1, 59, 60, 61, 200)]
    assert told == [0, None, None, 2, None, 1]


def test_each_thing_has_its_own_time() -> None:
    """One that knocks hides no other."""
    sparing = Sparing(every_seconds=60)
    assert [sparing.left_out(each, now=0) for each in ("a", "b", "a")] == [0, 0, None]


def test_memory_is_bounded() -> None:
    """When there are too many at once, the others are told of as one; what is over is forgotten."""
    sparing = Sparing(every_seconds=60, kept=2)
    assert [sparing.left_out(each, now=0) for each in ("a", "b", "c", "d")] == [0, 0, 0, None]
    assert len(sparing._told) == 3
    assert sparing.left_out("e", now=100) == 0
    assert list(sparing._told) == ["e"]
