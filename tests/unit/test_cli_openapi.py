"""`turnout openapi` against a server that a test makes up."""

from __future__ import annotations

import json

import pytest

from tests.unit.test_cli_verbs import DEP, PREVIOUS, Run, Server, server, turnout
from turnout import cli

__all__ = ["server", "turnout"]  # fixtures

DOCUMENT = {"openapi": "3.1.0", "info": {"title": "[b]Grüße[/b]\u009b\ud800"}, "paths": {}}
DIFF = {
    "before": PREVIOUS, "after": DEP, "before_spec_id": "a", "after_spec_id": "b", "same": False, "breaking": 1,
    "changes": [
        {"rule": "path-removed", "breaking": True, "operation": "/a", "place": "", "text": "the path was removed"},
        {"rule": "request-enum-set", "breaking": False, "operation": "GET /b", "place": "[x]", "text": "it [has] to"},
    ],
}  # fmt: skip
SHOW, COMPARE = f"GET /v1/deployments/{DEP}/openapi", f"GET /v1/deployments/{PREVIOUS}/openapi/diff/{DEP}"


def test_show_prints_the_document(server: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """As JSON with and without --json, also without the word; nothing in it reaches the terminal as a command."""
    server.answers[SHOW] = (200, DOCUMENT)
    assert turnout("openapi", DEP) == (0, DOCUMENT)
    assert turnout("openapi", "show", DEP) == (0, DOCUMENT)
    assert cli.run(["openapi", DEP]) == 0
    out = capfd.readouterr().out
    assert json.loads(out) == DOCUMENT
    assert out.isascii()


def test_yaml(server: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """What the server writes, and the two forms are not asked for at once."""
    server.answers[SHOW] = (200, "openapi: 3.1.0\n")
    assert cli.run(["openapi", "--yaml", DEP]) == 0
    assert capfd.readouterr().out == "openapi: 3.1.0\n"
    code, document = turnout("openapi", DEP, "--yaml")
    assert (code, document["error"]["type"]) == (2, "invalid")


def test_diff(server: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """A table with a mark at what breaks; the exit code speaks only when it is asked to."""
    server.answers[COMPARE] = (200, DIFF)
    assert turnout("openapi", "diff", PREVIOUS, DEP) == (0, DIFF)
    assert turnout("openapi", "diff", PREVIOUS, DEP, "--fail-on-breaking") == (1, DIFF)
    assert cli.run(["openapi", "diff", PREVIOUS, DEP]) == 0
    out, err = capfd.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert ["!", "/a", "the", "path", "was", "removed", "path-removed"] in lines
    assert ["GET", "/b", "[x]", "it", "[has]", "to", "request-enum-set"] in lines
    assert err == "2 changes, 1 of them breaking\n"


def test_no_difference(server: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """It says so, and nothing breaks."""
    server.answers[COMPARE] = (200, DIFF | {"same": True, "breaking": 0, "changes": []})
    assert cli.run(["openapi", "diff", PREVIOUS, DEP, "--fail-on-breaking"]) == 0
    out, err = capfd.readouterr()
    assert (out, err) == ("", "the API is the same\n")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("show", "nonsense"), ("diff", DEP, "op_1"), ("diff", "x", DEP), ("diff", DEP), ("--nonsense",)],
)
def test_wrong_usage(turnout: Run, server: Server, arguments: tuple[str, ...]) -> None:
    """One line, exit code 2, and nobody is asked."""
    code, document = turnout("openapi", *arguments)
    assert (code, document["error"]["status"]) == (2, 400)
    assert server.asked == []


def test_there_is_none(server: Server, turnout: Run) -> None:
    """What the server says is what is said."""
    server.refuses(SHOW, 404, "not-found")
    code, document = turnout("openapi", DEP)
    assert (code, document["error"]["detail"]) == (2, "cannot: not-found")
