"""`turnout tokens` against a server that a test makes up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_cli_verbs import TIME, Run, Server, server, turnout
from turnout import cli
from turnout.domain.tokens import new_token

__all__ = ["server", "turnout"]  # fixtures

TOKEN_ID = "tok_" + "0" * 26
SECRET = new_token()
CI = {
    "id": TOKEN_ID, "name": "ci", "access": "deploy", "region": None, "created_at": TIME,
    "expires_at": "2100-01-01T00:00:00Z", "yours": False,
}  # fmt: skip
KRANE = CI | {"name": "krane-here", "access": "krane", "region": "here", "expires_at": None}
ALICE = CI | {"name": "alice", "access": "admin", "expires_at": None, "yours": True}


@pytest.fixture
def api(server: Server) -> Server:
    """A server with three tokens."""
    server.answers |= {
        "GET /v1/tokens": (200, {"tokens": [ALICE, CI, KRANE]}),
        "POST /v1/tokens": (201, {"token": CI, "secret": SECRET}),
        f"DELETE /v1/tokens/{TOKEN_ID}": (200, CI),
    }
    return server


def test_every_verb_asks_for_what_it_says(api: Server, turnout: Run) -> None:
    """Without a word about it, a token may deploy and never ends."""
    assert turnout("tokens", "ls") == (0, {"tokens": [ALICE, CI, KRANE]})
    assert turnout("tokens", "create", "ci") == (0, {"token": CI, "secret": SECRET})
    assert api.body("POST /v1/tokens") == {"name": "ci", "access": "deploy", "expires_at": None}
    assert turnout("tokens", "create", "alice", "--access", "admin", "--expires", "2100-01-01T00:00:00Z")[0] == 0
    assert api.body("POST /v1/tokens") == {"name": "alice", "access": "admin", "expires_at": "2100-01-01T00:00:00Z"}
    assert turnout("tokens", "revoke", TOKEN_ID) == (0, CI)


def test_a_person_reads_it(api: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """The token alone is on standard output, for a pipe; the list has no secret."""
    assert cli.run(["tokens", "create", "ci"]) == 0
    printed = capfd.readouterr()
    assert printed.out == SECRET + "\n"
    assert "shown this once" in printed.err
    assert cli.run(["tokens", "ls"]) == 0
    rows = [line.split() for line in capfd.readouterr().out.splitlines()[1:]]
    assert [row[1:-1] for row in rows] == [
        ["alice", "(you)", "admin", "never"],
        ["ci", "deploy", "2100-01-01T00:00:00+00:00"],
        ["krane-here", "the", "krane", "of", "here", "never"],
    ]
    assert cli.run(["tokens", "revoke", TOKEN_ID]) == 0
    assert capfd.readouterr().out == f"{TOKEN_ID} of ci lets in no more\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", ""],
        ["create", SECRET],
        ["create", "ci", "--access", "krane"],
        ["create", "ci", "--access", "all"],
        ["create", "ci", "--expires", "yesterday"],
        ["create", "ci", "--expires", "2001-01-01"],
        ["revoke", "ci"],
        ["revoke", SECRET],
    ],
)
def test_what_cannot_be_meant(api: Server, turnout: Run, arguments: list[str]) -> None:
    """Refused before anything is asked for, without repeating a token."""
    code, document = turnout("tokens", *arguments)
    assert code == 2
    told: dict[str, Any] = document["error"]
    assert told["detail"].startswith("cannot ")
    assert SECRET not in str(document)
    assert api.asked == []
