"""`turnout env`, `diff` and `vault` against a server that a test makes up."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_cli_verbs import DEP, PREVIOUS, TIME, Run, Server, server, turnout
from turnout import cli
from turnout.cli.dotenv import parse_dotenv
from turnout.domain.errors import Invalid

__all__ = ["server", "turnout"]  # fixtures

PATH = "/v1/projects/hello/environments/production/variables"
LISTED = {
    "project": "hello",
    "environment": "production",
    "variables": [{"name": "A", "version": 2, "updated_at": TIME}],
}
SECRET = "planted-5Lk2Vd"


@pytest.fixture
def api(server: Server) -> Server:
    """A server that knows variables."""
    for method in ("GET", "PUT", "DELETE"):
        server.answers[f"{method} {PATH}"] = (200, LISTED)
    return server


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_set_ls_and_rm(api: Server, turnout: Run) -> None:
    """Each prints what the server lists; what is set goes in the body, never into the address."""
    assert turnout("env", "set", f"A={SECRET}", "B=x=y", "C=", "--project", "hello") == (0, LISTED)
    assert api.body(f"PUT {PATH}") == {"variables": {"A": SECRET, "B": "x=y", "C": ""}}
    assert turnout("env", "ls", "--project", "hello") == (0, LISTED)
    assert turnout("env", "rm", "A", "B", "--project", "hello") == (0, LISTED)
    assert all(SECRET not in route for route, _ in api.asked)


def test_the_environment_is_chosen(api: Server, turnout: Run) -> None:
    """With --env, and checked before anybody is asked."""
    code, document = turnout("env", "ls", "--project", "hello", "--env", "preview")
    assert (code, document["error"]["status"]) == (2, 404)
    assert api.asked[-1][0] == PATH.replace("production", "preview").join(("GET ", ""))
    asked = len(api.asked)
    assert turnout("env", "ls", "--project", "hello", "--env", "No")[0] == 2
    assert len(api.asked) == asked


@pytest.mark.parametrize(
    ("arguments", "data", "sent"),
    [
        (["A", "--from-stdin"], b"one\ntwo\n", {"A": "one\ntwo"}),
        (["A", "--from-stdin"], b"one\r\n", {"A": "one"}),
        (["A", "--from-stdin"], b"", {"A": ""}),
        (["--from-stdin"], b"A=1\nexport B='2'\n", {"A": "1", "B": "2"}),
    ],
)
def test_set_from_standard_input(
    *, api: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], data: bytes, sent: Any
) -> None:
    """One value without its last line end, or lines."""
    piped(monkeypatch, data)
    assert turnout("env", "set", *arguments, "--project", "hello")[0] == 0
    assert api.body(f"PUT {PATH}") == {"variables": sent}


def test_import_of_a_file(api: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from standard input."""
    Path(".env").write_text("# mine\nA=1\n\nB='two words' # said\n")
    assert turnout("env", "import", ".env", "--project", "hello")[0] == 0
    assert api.body(f"PUT {PATH}") == {"variables": {"A": "1", "B": "two words"}}
    piped(monkeypatch, b"C=3")
    assert turnout("env", "import", "-", "--project", "hello")[0] == 0
    assert api.body(f"PUT {PATH}") == {"variables": {"C": "3"}}


@pytest.mark.parametrize(
    ("arguments", "data", "says"),
    [
        (["set", SECRET], b"", "argument 1"),
        (["set", "A=1", SECRET], b"", "argument 2"),
        (["set", f"PORT={SECRET}"], b"", "PORT"),
        (["set", f"TURNOUT_X={SECRET}"], b"", "TURNOUT_X"),
        (["set", f"{SECRET}=x"], b"", "letters"),
        (["set"], b"", "NAME=value"),
        (["set", f"A={SECRET}", "--from-stdin"], b"", "exactly one"),
        (["set", "A", "B", "--from-stdin"], b"", "exactly one"),
        (["set", "A", "--from-stdin"], b"\xff" + SECRET.encode(), "UTF-8"),
        (["set", "A", "--from-stdin"], SECRET.encode() + b"\0", "NUL"),
        (["import", "-"], SECRET.encode(), "line 1"),
        (["import", "-"], b"A=1\nB='" + SECRET.encode(), "line 2"),
        (["import", "-"], b'A="1"' + SECRET.encode(), "line 1"),
        (["import", "-"], b"# nothing", "no variable"),
        (["import", "missing.env"], b"", "missing.env"),
        (["import", "binary.env"], b"", "UTF-8"),
    ],
)
def test_what_is_refused_before_anybody_is_asked(
    *,
    api: Server,
    turnout: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    data: bytes,
    says: str,
) -> None:
    """With exit code 2 and a sentence that repeats nothing that could be a secret."""
    Path("binary.env").write_bytes(b"A=\xff")
    piped(monkeypatch, data)
    code, document = turnout("env", *arguments, "--project", "hello")
    assert code == 2
    assert says in document["error"]["detail"]
    assert SECRET not in str(document)
    assert api.asked == []


def test_the_project_of_the_folder(api: Server, turnout: Run) -> None:
    """As every other verb finds it."""
    Path("turnout.toml").write_text('[project]\nname = "hello"\n')
    assert turnout("env", "set", "A=1")[0] == 0


def test_the_table_of_variables(api: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """For people: what is set, and that a deploy is needed."""
    assert cli.run(["env", "set", f"A={SECRET}", "--project", "hello"]) == 0
    out, err = capfd.readouterr()
    assert "A" in out
    assert "next deployment" in err
    assert SECRET not in out + err


DIFF: dict[str, Any] = {
    "before": PREVIOUS,
    "after": DEP,
    "same": False,
    "changes": [{"field": "command", "before": ["a", "[b]"], "after": None}],
    "variables": {"added": ["N"], "removed": ["O"], "changed": ["C"], "not_compared": ["X"]},
}


def test_diff(server: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """The document, and a table with a mark for each kind of change."""
    server.answers[f"GET /v1/deployments/{PREVIOUS}/diff/{DEP}"] = (200, DIFF)
    assert turnout("diff", PREVIOUS, DEP) == (0, DIFF)
    assert turnout("diff", PREVIOUS, "nonsense")[0] == 2
    assert cli.run(["diff", PREVIOUS, DEP]) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert ["~", "command", "a", "[b]"] in lines
    assert [line[:3] for line in lines if "variable" in line] == [
        ["+", "variable", "N"], ["-", "variable", "O"], ["~", "variable", "C"], ["?", "variable", "X"],
    ]  # fmt: skip


def test_vault_rotate(server: Server, turnout: Run) -> None:
    """Both kinds of keys, unless one is left out."""
    done = {"master_key_id": "mk_1", "data_keys_wrapped": 2, "data_keys_made": 1, "values_encrypted": 4}
    server.answers["POST /v1/vault/rotate"] = (200, done)
    assert turnout("vault", "rotate") == (0, done)
    assert server.body("POST /v1/vault/rotate") == {"master": True, "data": True}
    assert turnout("vault", "rotate", "--no-master") == (0, done)
    assert server.body("POST /v1/vault/rotate") == {"master": False, "data": True}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\nB = two words  \n", {"A": "1", "B": "two words"}),
        ("A=1 # said\nB=1#2\nC=#nothing", {"A": "1", "B": "1#2", "C": ""}),
        ("A=''\nB=\"\"\nC=", {"A": "", "B": "", "C": ""}),
        ("A='$X \\n # \"'", {"A": '$X \\n # "'}),
        ('A="a\\n\\"b\\" \\\\ $X"', {"A": 'a\n"b" \\ $X'}),
        ("A='one\ntwo'\nB=\"three\n\nfour\"  # said", {"A": "one\ntwo", "B": "three\n\nfour"}),
        ("export A=1\r\nA=2\r\n", {"A": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("   \n# A=1\n", {}),
    ],
)
def test_dotenv(text: str, found: dict[str, str]) -> None:
    """As most tools write and read it."""
    assert parse_dotenv(text) == found


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    with contextlib.suppress(Invalid):
        assert all(isinstance(value, str) for value in parse_dotenv(text).values())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")))
def test_a_quoted_value_comes_back(value: str) -> None:
    """Whatever it holds."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_dotenv(f'A="{quoted}"') == {"A": value}
