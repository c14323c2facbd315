"""When to come back for a certificate, and what a failure means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.issuing import (
    ASK_WINDOW_EVERY,
    LONGEST_RETRY_AFTER,
    Lifetime,
    Problem,
    ProblemKind,
    Window,
    drops_order,
    is_final,
    next_try,
    next_visit,
    problem_of,
    renew_at,
    spread,
    visit_key,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = st.from_regex(r"[a-z]{1,12}\.example\.com", fullmatch=True)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds it
SPANS = st.timedeltas(timedelta(seconds=10), timedelta(days=400))
PASSING = [kind for kind in ProblemKind if kind is not ProblemKind.REFUSED]


def lives() -> st.SearchStrategy[Lifetime]:
    """Certificates of ten seconds and of a year."""
    return st.builds(lambda begins, span: Lifetime(begins=begins, ends=begins + span), MOMENTS, SPANS)


@given(NAMES, lives())
def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(fqdn: str, life: Lifetime) -> None:
    """Or a little earlier, always at the same moment for the same name."""
    whole = life.ends - life.begins
    due = renew_at(fqdn, life, None)
    assert life.begins + whole * 0.63 <= due <= life.begins + whole * 0.667
    assert due == renew_at(fqdn, life, None)


@given(NAMES, lives(), MOMENTS, SPANS)
def test_a_suggested_window_is_followed_within_the_life(
    fqdn: str, life: Lifetime, begins: datetime, span: timedelta
) -> None:
    """Whatever the authority says, a tenth of the life is left."""
    window = Window(begins=begins, ends=begins + span)
    due = renew_at(fqdn, life, window)
    latest = life.ends - (life.ends - life.begins) / 10
    assert life.begins <= due <= latest
    if life.begins <= window.begins and window.ends <= latest:
        assert window.begins <= due <= window.ends


@given(NAMES, lives(), st.none() | st.builds(Window, begins=MOMENTS, ends=MOMENTS), MOMENTS)
def test_the_next_visit_is_never_at_once(fqdn: str, life: Lifetime, window: Window | None, now: datetime) -> None:
    """An authority that wants everything renewed for ever makes nobody ask it again and again."""
    pause = min((life.ends - life.begins) / 20, ASK_WINDOW_EVERY)
    visit = next_visit(fqdn, life, window, now=now)
    assert visit >= now + pause
    if window is not None:
        assert visit <= now + ASK_WINDOW_EVERY


def test_names_are_spread_out() -> None:
    """A thousand certificates that were made together are not renewed together."""
    life = Lifetime(begins=NOW, ends=NOW + timedelta(days=90))
    hours = {renew_at(f"app{number}.example.com", life, None).replace(minute=0, second=0) for number in range(1000)}
    assert len({hour.replace(microsecond=0) for hour in hours}) > 60


@given(NAMES, st.sampled_from(PASSING), st.integers(1, 10_000), st.none() | st.floats(0, 1e12))
def test_a_failure_is_tried_again_later_and_later(
    fqdn: str, kind: ProblemKind, failures: int, asked: float | None
) -> None:
    """Never before the server wants, never at once, and within two weeks and a bit whatever it says."""
    problem = Problem(kind=kind, detail="x", retry_after_seconds=asked)
    again = next_try(fqdn, problem, failures=failures, now=NOW)
    assert again is not None
    assert again - NOW >= timedelta(minutes=1)
    assert again - NOW >= min(timedelta(seconds=asked or 0), LONGEST_RETRY_AFTER)
    assert again - NOW <= LONGEST_RETRY_AFTER * 1.1
    bare = Problem(kind=kind, detail="x")
    later = next_try(fqdn, bare, failures=failures + 1, now=NOW)
    assert later is not None
    assert later - NOW >= ((next_try(fqdn, bare, failures=failures, now=NOW) or NOW) - NOW) / 1.1


@pytest.mark.parametrize(
    ("kind", "first", "tenth"),
    [
        (ProblemKind.RATE_LIMITED, timedelta(hours=1), timedelta(days=1)),
        (ProblemKind.UNPROVED, timedelta(hours=1), timedelta(days=1)),
        (ProblemKind.UNREACHABLE, timedelta(minutes=1), timedelta(hours=6)),
        (ProblemKind.TROUBLE, timedelta(minutes=1), timedelta(hours=1)),
        (ProblemKind.LOST, timedelta(minutes=1), timedelta(hours=6)),
        (ProblemKind.ACCOUNT_LOST, timedelta(minutes=1), timedelta(hours=6)),
    ],
)
def test_how_long_each_kind_waits(kind: ProblemKind, first: timedelta, tenth: timedelta) -> None:
    """With up to a tenth more, so that names that failed together come back apart."""
    problem = Problem(kind=kind, detail="x")
    for failures, pause in ((1, first), (10, tenth)):
        again = next_try("app.example.com", problem, failures=failures, now=NOW)
        assert again is not None
        assert pause <= again - NOW <= pause * 1.1


def test_what_is_refused_is_final() -> None:
    """Also when the server says when to come back."""
    refused = Problem(kind=ProblemKind.REFUSED, detail="x", retry_after_seconds=5)
    assert is_final(refused)
    assert next_try("app.example.com", refused, failures=1, now=NOW) is None
    assert not any(is_final(Problem(kind=kind, detail="x")) for kind in PASSING)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rateLimited", ProblemKind.RATE_LIMITED),
        ("dns", ProblemKind.UNPROVED),
        ("connection", ProblemKind.UNPROVED),
        ("unauthorized", ProblemKind.UNPROVED),
        ("caa", ProblemKind.UNPROVED),
        ("serverInternal", ProblemKind.UNREACHABLE),
        ("malformed", ProblemKind.LOST),
        ("accountDoesNotExist", ProblemKind.ACCOUNT_LOST),
        ("rejectedIdentifier", ProblemKind.REFUSED),
        ("externalAccountRequired", ProblemKind.REFUSED),
        ("badCSR", ProblemKind.REFUSED),
        ("something new", ProblemKind.REFUSED),
    ],
)
def test_what_an_error_of_the_protocol_means(code: str, kind: ProblemKind) -> None:
    """One that nobody knows is not tried again before somebody has read it."""
    assert problem_of(code, "why").kind is kind


@given(st.text(), st.text(max_size=5000))
def test_what_a_server_says_is_one_short_line(code: str, detail: str) -> None:
    """It is shown in a table."""
    said = problem_of(code.strip() or "x", detail).detail.removeprefix("the ACME server said ")
    assert "\n" not in said.removeprefix(code)
    assert len(said) <= 510 + len(code)


def test_only_what_was_interrupted_is_taken_up_again() -> None:
    """What the server has judged needs a new order."""
    kept = {kind for kind in ProblemKind if not drops_order(Problem(kind=kind, detail="x"))}
    assert kept == {ProblemKind.RATE_LIMITED, ProblemKind.UNREACHABLE, ProblemKind.TROUBLE}


@given(st.text())
def test_spread_is_a_fraction(text: str) -> None:
    """Always the same one."""
    assert 0 <= spread(text) < 1
    assert spread(text) == spread(text)


def test_tellings_have_keys_of_their_own() -> None:
    """Of another turn, another telling, and another issuing of the same name."""
    keys = {
        visit_key(issuing, turn, telling) for issuing in ("a", "b") for turn in (1, 2) for telling in ("0", "later")
    }
    assert len(keys) == 8
