"""Which lines of the access log somebody sees."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.errors import Invalid
from turnout.domain.requests import Wanted, parse_line, parse_statuses, status_class

MINE = Wanted(project_id="prj_1")


def line(**fields: Any) -> bytes:
    """A line of the access log."""
    request = {"at": "2030-01-01T12:00:00.000Z", "project_id": "prj_1", "deployment_id": "dep_1", "status": 200}
    return json.dumps(request | fields).encode()


def test_only_ones_own_project_is_seen() -> None:
    """Wherever else in a line its id stands: a stranger may ask for any path."""
    assert MINE.line(line()) is not None
    assert MINE.line(line(project_id="prj_2", path="/prj_1")) is None
    assert MINE.line(line(project_id="prj_10")) is None
    assert MINE.line(line(project_id=None, domain="prj_1")) is None


def test_filters_leave_out() -> None:
    """By deployment, status and time; each by itself."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    assert Wanted(project_id="prj_1", deployment_id="dep_2").line(line()) is None
    assert Wanted(project_id="prj_1", since=noon).line(line()) is not None
    assert Wanted(project_id="prj_1", since=noon).line(line(at="2030-01-01T11:59:59.999Z")) is None
    assert Wanted(project_id="prj_1", since=noon).line(line(at=None)) is None
    bad = Wanted(project_id="prj_1", status=parse_statuses("404, 5xx"))
    assert [status for status in (200, 400, 404, 500, 503, 0) if bad.line(line(status=status))] == [404, 500, 503]


@pytest.mark.parametrize("text", ["", "x", "6xx", "20", "2000", "5xx,", "4xx 5xx", "000"])
def test_what_is_no_status_is_refused(text: str) -> None:
    """With how to write one."""
    with pytest.raises(Invalid, match="as a status"):
        parse_statuses(text)


@given(st.text())
def test_arbitrary_statuses_are_read_or_refused(text: str) -> None:
    """Nothing else is raised."""
    with suppress(Invalid):
        parse_statuses(text)


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_damaged_lines_are_nobodys(damaged: bytes) -> None:
    """A disk that was full leaves such."""
    assert parse_line(damaged) is None


def test_classes() -> None:
    """What an answer that never came is called."""
    assert [status_class(status) for status in (0, 101, 200, 404, 599, 999)] == [
        "none", "1xx", "2xx", "4xx", "5xx", "none",
    ]  # fmt: skip
