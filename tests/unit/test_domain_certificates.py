"""Which certificate serves which name, and which pairs are taken at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates_kit import DAY, Authority
from turnout.domain.certificates import choose, covers, is_name, is_valid

NOW = datetime(2030, 6, 1, tzinfo=UTC)
AUTHORITY = Authority(NOW)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What choosing looks at."""

    id: str
    names: tuple[str, ...]
    not_before: datetime = NOW - DAY
    not_after: datetime = NOW + DAY
    created_at: datetime = NOW


# ---------------------------------------------------------------------------------------------- choosing


@pytest.mark.parametrize(
    ("name", "host", "stands"),
    [
        ("shop.example", "shop.example", True),
        ("shop.example", "www.shop.example", False),
        ("*.shop.example", "www.shop.example", True),
        ("*.shop.example", "shop.example", False),
        ("*.shop.example", "a.www.shop.example", False),
        ("*.shop.example", "*.shop.example", False),
        ("*.localhost", "hello.localhost", True),
        ("shop.example", "shop.example.org", False),
        ("example", "example", True),
    ],
)
def test_a_wildcard_stands_for_exactly_one_label(name: str, host: str, stands: bool) -> None:
    """As browsers have it."""
    assert covers(name, host) is stands


@pytest.mark.parametrize(
    "text", ["shop.example", "*.shop.example", "xn--bcher-kva.example", "a_b.example", "localhost"]
)
def test_host_names_and_wildcards_are_names(text: str) -> None:
    """What a certificate can be for."""
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "*", "*.", "a.*.example", "**.example", "-a.example", "a..b", "a b", "ä.example"])
def test_anything_else_is_not(text: str) -> None:
    """A star stands alone and in front."""
    assert not is_name(text)


def test_the_order_of_choosing() -> None:
    """Valid, then exact, then newest, then longest; whatever order they are found in."""
    host = "a.shop.example"
    best = [
        Held(id="longest", names=(host,), not_after=NOW + 9 * DAY),
        Held(id="exact", names=(host,)),
        Held(id="older", names=(host,), created_at=NOW - DAY),
        Held(id="wildcard", names=("*.shop.example",), created_at=NOW + DAY),
        Held(id="future", names=(host,), not_before=NOW + DAY, created_at=NOW + DAY),
        Held(id="expired", names=(host,), not_after=NOW),
    ]
    others = [Held(id="other", names=("b.shop.example", "*.example"), created_at=NOW + 9 * DAY)]
    for order in permutations(range(len(best)), 3):
        chosen = choose([*others, *(best[place] for place in order)], host, NOW)
        assert chosen is not None
        assert chosen.id == best[min(order)].id
    assert choose(others, host, NOW) is None


LABELS = st.sampled_from(["a", "b", "shop", "x-1"])
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
NAMES = st.one_of(HOSTS, HOSTS.map("*.{}".format))
TIMES = st.integers(-5, 5).map(lambda days: NOW + days * DAY)


@st.composite
def certificates(draw: Any) -> list[Held]:
    """Some, with names and dates that often coincide."""
    return [
        Held(
            id=f"crt_{number}",
            names=tuple(draw(st.sets(NAMES, max_size=3))),
            not_before=draw(TIMES),
            not_after=draw(TIMES),
            created_at=draw(TIMES),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(certificates(), HOSTS, st.randoms(use_true_random=False))
def test_what_is_chosen_is_good_for_the_host_and_nothing_better_is_left(held: list[Held], host: str, dice: Any) -> None:
    """For any certificates, in any order: the same one, that covers the host, and none beats it."""
    chosen = choose(held, host, NOW)
    shuffled = held.copy()
    dice.shuffle(shuffled)
    assert choose(shuffled, host, NOW) == chosen
    fitting = [each for each in held if any(covers(name, host) for name in each.names)]
    assert (chosen is None) is (not fitting)
    if chosen is None:
        return
    assert chosen in fitting
    for other in fitting:
        if is_valid(other, NOW):
            assert is_valid(chosen, NOW)
            if host in other.names:
                assert host in chosen.names
                assert other.created_at <= chosen.created_at
