"""Identifiers."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.hostnames import normalise
from turnout.domain.ids import Prefix, is_id, new_id, short

PREFIXES: tuple[Prefix, ...] = get_args(Prefix)
prefixes = st.sampled_from(PREFIXES)
milliseconds = st.integers(0, 2**48 - 1)
entropies = st.integers(0, 2**80 - 1)


@given(prefixes, milliseconds, milliseconds, entropies, entropies)
def test_sorted_by_time(prefix: Prefix, one: int, other: int, entropy: int, more: int) -> None:
    """Of two ids of a kind, the one made earlier sorts first, whatever their random parts are."""
    earlier, later = sorted((one, other))
    if earlier < later:
        assert new_id(prefix, at_ms=earlier, entropy=entropy) < new_id(prefix, at_ms=later, entropy=more)


@given(st.sets(st.tuples(milliseconds, entropies), max_size=50))
def test_different_inputs_make_different_ids(made: set[tuple[int, int]]) -> None:
    """Nothing of the time or of the random bits is lost on the way into the id."""
    assert len({new_id("dep", at_ms=at, entropy=entropy) for at, entropy in made}) == len(made)


def test_collision_free_in_one_millisecond() -> None:
    """Ten thousand ids made at the same moment are ten thousand ids, and their short forms differ too."""
    made = [new_id("op", at_ms=1) for _ in range(10_000)]
    assert len(set(made)) == len({short(each) for each in made}) == 10_000


@given(prefixes, milliseconds, entropies)
def test_an_id_is_recognised(prefix: Prefix, at: int, entropy: int) -> None:
    """is_id knows every id of its own kind and none of another; the short form is a legal part of a host name."""
    made = new_id(prefix, at_ms=at, entropy=entropy)
    assert [kind for kind in PREFIXES if is_id(made, kind)] == [prefix]
    assert normalise(short(made)) == short(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dep_",
        "dep",
        "dep_01jd",
        "dep_" + "0" * 27,
        "dep_" + "0" * 25 + "\n",
        "dep_" + "0" * 25 + "u",
        "dep_" + "0" * 25 + "L",
        "DEP_" + "0" * 26,
        "dep_8" + "0" * 25,
        "dep_../../etc/passwd",
        "op_" + "0" * 26,
    ],
)
def test_anything_else_is_not_an_id(text: str) -> None:
    """Wrong lengths, letters outside the alphabet, other cases and other kinds are refused."""
    assert not is_id(text, "dep")
    assert is_id("dep_" + "0" * 26, "dep")
