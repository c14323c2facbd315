"""Keys, their limits and their ends, as rules."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import Invalid
from turnout.domain.expiry import parse_expiry
from turnout.domain.ids import new_id
from turnout.domain.keyspaces import (
    KEY_LENGTH,
    KEY_PREFIX,
    WINDOWS,
    Key,
    RateLimit,
    check_key_name,
    check_reference,
    hash_key,
    hide_keys,
    new_key,
    parse_limit,
)
from turnout.domain.views import KeyView, ProjectView
from turnout.gateway.feeds import decode_project, encode_project
from turnout.gateway.policies import keys as policy

NOW = datetime(2030, 1, 1, tzinfo=UTC)
entropies = st.binary(min_size=32, max_size=32)
limits = st.builds(RateLimit, requests=st.integers(1, 1_000_000), seconds=st.sampled_from(sorted(WINDOWS.values())))


@given(entropies)
def test_every_key_has_the_form_that_gateways_look_for(entropy: bytes) -> None:
    """Prefix, length, letters that survive every header and can be marked with a double click."""
    key = new_key(entropy)
    assert re.fullmatch(r"tnk_[0-9A-Za-z]{43}", key.secret)
    assert len(key.secret) == KEY_LENGTH
    assert key.secret.startswith(key.start)
    assert key.sha256 == hash_key(key.secret) == hashlib.sha256(key.secret.encode()).hexdigest()
    assert key.secret not in repr(key)


@given(entropies, entropies)
def test_no_bit_of_the_entropy_is_lost(one: bytes, other: bytes) -> None:
    """Two inputs, two keys."""
    assert (new_key(one).secret == new_key(other).secret) == (one == other)


def test_keys_are_made_of_the_systems_randomness() -> None:
    """Nobody gets the same one twice."""
    assert len({new_key().secret for _ in range(1000)}) == 1000


def test_gateways_and_domain_speak_of_the_same_form() -> None:
    """The script that runs in Envoy has both as constants of its own."""
    assert f'PREFIX = "{KEY_PREFIX}"' in policy._CHECK
    assert f"LENGTH = {KEY_LENGTH}" in policy._CHECK
    assert f"BUCKET = {policy.BUCKET}\n" in policy._CHECK
    assert f"BUCKET = {policy.BUCKET}\n" in policy._TELL


@given(st.text(max_size=20), entropies, st.text(max_size=20))
def test_a_key_is_hidden_wherever_it_stands(before: str, entropy: bytes, after: str) -> None:
    """In the middle of an address or a sentence; what is no key stays."""
    secret = new_key(entropy).secret
    assert secret not in hide_keys(before + secret + after)
    assert secret[10:] not in hide_keys(before + secret + after)


def test_what_is_no_key_is_not_hidden() -> None:
    """Ids, names, and the word for the prefix itself."""
    for text in ("cannot use key_01jd", "there is no tnk", "ks_1 and tnk_…", ""):
        assert hide_keys(text) == text


@given(limits)
def test_limits_are_read_as_they_are_written(limit: RateLimit) -> None:
    """The text form has one meaning."""
    assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [("100/minute", (100, 60)), (" 5 per second ", (5, 1)), ("7 / hours", (7, 3600)), ("1/DAY", (1, 86400))],
)
def test_limits_in_other_words(text: str, limit: tuple[int, int]) -> None:
    """As people write them."""
    found = parse_limit(text)
    assert (found.requests, found.seconds) == limit


@pytest.mark.parametrize(
    "text",
    ["", "100", "/minute", "0/minute", "-1/minute", "1.5/minute", "1000001/second", "1/week", "1/m", "none", "9" * 99],
)
def test_what_is_no_limit(text: str) -> None:
    """One sentence that says how to write one."""
    with pytest.raises(Invalid, match="such as 100/minute"):
        parse_limit(text)


@given(limits)
def test_a_bucket_holds_what_a_limit_says(limit: RateLimit) -> None:
    """So many requests and no more, but for one in a thousand of the largest limits."""
    cost = policy.BUCKET // limit.requests
    fits = policy.BUCKET // cost
    assert limit.requests <= fits <= limit.requests * (1 + 1 / 1000)
    if limit.requests <= 30_000:
        assert fits == limit.requests


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW + timedelta(seconds=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30d", NOW + timedelta(days=30)),
        ("2031-01-31", datetime(2031, 1, 31, tzinfo=UTC)),
        ("2031-01-31T12:00:00Z", datetime(2031, 1, 31, 12, tzinfo=UTC)),
        ("2031-01-31T12:00:00+02:00", datetime(2031, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_ends(text: str, moment: datetime) -> None:
    """So far ahead, or a moment; UTC when no zone is named."""
    assert parse_expiry(text, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "30", "-1d", "999999d9", "2029-12-31", "0s", "9999999d", "999999d"])
def test_what_is_no_end(text: str) -> None:
    """Also what lies behind us, or further ahead than there are dates."""
    if text == "999999d":
        assert parse_expiry(text, now=NOW).year == 4767
        return
    with pytest.raises(Invalid):
        parse_expiry(text, now=NOW)


@pytest.mark.parametrize(
    ("expires", "revoked", "state"),
    [
        (None, None, "good"),
        (NOW + timedelta(seconds=1), None, "good"),
        (NOW, None, "expired"),
        (NOW, NOW, "revoked"),
        (None, NOW, "revoked"),
    ],
)
def test_states(expires: datetime | None, revoked: datetime | None, state: str) -> None:
    """A key is over from the moment of its end on, and revoked is said before expired."""
    key = Key(
        id="key_1", keyspace_id="ks_1", name="a", start="tnk_abcdef", limit=None, created_at=NOW, created_by="alice",
        changed_at=NOW, expires_at=expires, revoked_at=revoked,
    )  # fmt: skip
    assert key.state(NOW) == state


@pytest.mark.parametrize("name", ["a", "Acme Inc. (trial)", "ключ", "x" * 64])
def test_names_of_keys(name: str) -> None:
    """What a person can read."""
    assert check_key_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", "x" * 65, "a\nb", "\x1b[31m", "tnk_abc", "a\x9fb"])
def test_what_no_key_is_called(name: str) -> None:
    """Nothing that breaks a list, and no key that was typed in the wrong place."""
    with pytest.raises(ValueError, match="printable"):
        check_key_name(name)


def test_references() -> None:
    """Ids and names of keyspaces, and nothing else."""
    for good in (new_id("ks"), "customers", "a-1"):
        assert check_reference(good) == good
    for bad in ("", "key_auth_456", new_id("key"), new_key().secret, "Customers", "a/b", "x" * 41):
        with pytest.raises(ValueError, match="keyspace"):
            check_reference(bad)


@given(limits, st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # UTC is added
def test_views_with_keys_survive_the_snapshot(limit: RateLimit, end: datetime) -> None:
    """And those without, which older snapshots hold."""
    keys = (
        KeyView(id="key_1", keyspace_id="ks_1", sha256="a" * 64, expires_at=end, limit=limit),
        KeyView(id="key_2", keyspace_id="ks_1", sha256="b" * 64),
    )
    view = ProjectView(project_id="prj_1", routes=(), targets=(), keys=keys)
    assert decode_project(encode_project(view)) == view
    assert decode_project(b'{"project_id":"prj_1","routes":[],"targets":[]}').keys == ()
