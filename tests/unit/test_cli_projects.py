"""`turnout projects` against a server that a test makes up."""

from __future__ import annotations

import io
import sys

import pytest

from tests.unit.test_cli_verbs import Run, Server, server, turnout
from turnout import cli

__all__ = ["server", "turnout"]  # fixtures

HELLO = {"project": "hello", "live_deployment_id": "dep_" + "0" * 26, "rolled_back": True}
EMPTY = {"project": "empty", "live_deployment_id": None, "rolled_back": False}
REPORT = {
    "dry_run": False,
    "expired": [],
    "collected": [{"kind": "release", "name": "3f2a", "size_bytes": 1_048_576, "problem": None}],
    "freed_bytes": 1_048_576,
}


class Typing(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def api(server: Server) -> Server:
    """A server with two projects."""
    server.answers |= {
        "GET /v1/projects": (200, {"projects": [EMPTY, HELLO]}),
        "DELETE /v1/projects/hello": (200, REPORT),
    }
    return server


def test_they_are_listed(api: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """With what is live in each."""
    assert turnout("projects", "ls") == (0, {"projects": [EMPTY, HELLO]})
    assert cli.run(["projects", "ls"]) == 0
    printed = capfd.readouterr().out
    assert [line.split() for line in printed.splitlines()[1:]] == [
        ["empty", "nothing"],
        ["hello", HELLO["live_deployment_id"], "rolled", "back"],
    ]


def test_one_is_removed_without_a_question(api: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """What was collected is told."""
    assert turnout("projects", "rm", "hello", "--yes") == (0, {"project": "hello"} | REPORT)
    assert cli.run(["projects", "rm", "hello", "--yes"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "hello is removed"


@pytest.mark.parametrize("typed", ["hello\n", "helo\n", "\n", ""])
def test_a_person_types_the_name(
    api: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], typed: str
) -> None:
    """Anything else removes nothing, and says so."""
    monkeypatch.setattr(sys, "stdin", Typing(typed))
    meant = typed == "hello\n"
    assert cli.run(["projects", "rm", "hello"]) == (0 if meant else 2)
    printed = capfd.readouterr()
    assert printed.out.startswith("hello is removed\n") if meant else printed.out == ""
    assert ("hello is left as it is" in printed.err) is not meant
    assert [route for route, _ in api.asked if route.startswith("DELETE")] == ["DELETE /v1/projects/hello"] * meant


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_nobody_is_asked_where_nobody_types(
    api: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """In a script `--yes` says it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert cli.run(["projects", "rm", "hello", *arguments]) == 2
    assert "add --yes" in str(capfd.readouterr())
    assert cli.run(["projects", "rm", "No Name", "--yes"]) == 2
    assert "cannot use the project 'No Name'" in str(capfd.readouterr())
