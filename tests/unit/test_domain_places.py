"""Places to build, and the line before them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from turnout.domain.places import BuildPlace, next_to_build, ordinal, place_in_line, said

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def place(name: str, *, after: int = 0, production: bool = False, taken: bool = False) -> BuildPlace:
    return BuildPlace(operation_id=name, production=production, asked_at=NOON + timedelta(seconds=after), taken=taken)


def test_who_comes_first_builds_first() -> None:
    """As many as there are places."""
    line = [place("c", after=3), place("a", after=1), place("b", after=2)]
    assert next_to_build(line, limit=2) == ("a", "b")


def test_production_goes_first() -> None:
    """It overtakes whoever waits, and nobody who builds."""
    line = [place("a", after=1), place("b", after=2, production=True), place("c", taken=True)]
    assert next_to_build(line, limit=2) == ("b",)
    assert [place_in_line(line, name) for name in "abc"] == [2, 1, None]


def test_a_smaller_limit_sends_nobody_away() -> None:
    """It only lets nobody else in."""
    line = [place("a", taken=True), place("b", taken=True), place("c")]
    assert next_to_build(line, limit=1) == ()


def test_asked_at_the_same_moment() -> None:
    """The order is still one and the same."""
    assert next_to_build([place("b"), place("a")], limit=1) == ("a",)


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd")]
)
def test_said(number: int, text: str) -> None:
    """As a person says it."""
    assert ordinal(number) == text
    assert said(number) == f"a build place, {text} in line"
