"""`--since`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from turnout.domain.errors import Invalid
from turnout.domain.since import parse_since

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("10m", NOW - timedelta(minutes=10)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("2030-01-31T11:00:00Z", NOW - timedelta(hours=1)),
        ("2030-01-31T12:00:00+01:00", NOW - timedelta(hours=1)),
        ("2030-01-31 11:00", NOW - timedelta(hours=1)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    """How long ago, or when; without a zone it is UTC."""
    assert parse_since(text, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "yesterday", "999999999d", "10 m"])
def test_refused(text: str) -> None:
    """The sentence says what would do."""
    with pytest.raises(Invalid, match="such as 10m"):
        parse_since(text, now=NOW)
