"""What the command line says of certificates by ACME."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from turnout.cli.issuing import _sentence, show_issuings
from turnout.domain.issuing import IssuingStatus, ProblemKind
from turnout.domain.issuing_documents import IssuingDocument

SAID = "the ACME server said dns: there is no such name"


def document(**values: Any) -> IssuingDocument:
    """One that was issued, but for these values."""
    issued: dict[str, Any] = {
        "fqdn": "app.example.com",
        "project": "shop",
        "status": IssuingStatus.ISSUED,
        "problem": None,
        "problem_kind": None,
        "failures": 0,
        "due_at": datetime(2030, 1, 2, 12, tzinfo=UTC),
        "turn": 2,
    }
    return IssuingDocument(**issued | values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "app.example.com has a certificate, which is looked at again at 2030-01-0"),
        ({"status": IssuingStatus.WORKING}, "app.example.com is being worked on; `turnout certs ls` shows"),
        (
            {"problem": SAID, "problem_kind": ProblemKind.UNPROVED},
            f"no new certificate: {SAID}; it is tried again at 2030",
        ),
        (
            {"problem": SAID, "problem_kind": ProblemKind.REFUSED, "due_at": None},
            f"{SAID}; `turnout certs issue app.example.com` tries again",
        ),
    ],
)
def test_how_far_it_has_got_is_a_sentence(values: dict[str, Any], said: str) -> None:
    """With the problem, and what comes next."""
    assert said in _sentence(document(**values))


def test_the_table_says_why_and_when(capsys: pytest.CaptureFixture[str]) -> None:
    """And there is none when nothing comes by ACME."""
    show_issuings([])
    assert capsys.readouterr().out == ""
    failed = document(fqdn="b.example.com", status=IssuingStatus.FAILED, problem=SAID, due_at=None)
    show_issuings([document(), failed])
    printed = " ".join(capsys.readouterr().out.split())
    for part in (
        "app.example.com shop issued 2030-01-0",
        "b.example.com shop failed when asked for",
        "the ACME server",
    ):
        assert part in printed
