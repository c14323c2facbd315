"""`turnout protect` and `turnout requests` against a server that a test makes up."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_cli_verbs import STATUS, TIME, Server
from turnout import cli

SHOWN = {
    "project": "hello", "environment": "preview", "allow": ["10.0.0.0/8"], "basic_auth": ["alice"],
    "maintenance": {"retry_after": 60, "page": "<h1>Soon</h1>", "let_in": ["192.0.2.7/32"]},
    "headers": [{"side": "response", "action": "set", "name": "x-a", "value": "1"}],
    "generation": 7, "changed_at": TIME, "changed_by": "alice",
}  # fmt: skip
REQUEST = {
    "at": "2030-01-01T12:00:00.250Z", "domain": "hello.example", "deployment_id": "dep_1", "key_id": None,
    "method": "GET", "path": "/\x1b[2Jcart", "status": 503, "latency_ms": 3.2, "bytes_in": 0, "bytes_out": 7,
    "client": "10.0.0.1", "region": "here", "gateway": "gw", "request_id": "r", "trace_id": "a" * 32, "reason": None,
}  # fmt: skip
PATH = "/v1/projects/hello/environments/preview/protection"
PASSWORD = "correct horse"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with one project, whose gateway is at the newest generation."""
    server = Server()
    server.answers |= {
        f"GET {PATH}": (200, SHOWN),
        f"PATCH {PATH}": (200, SHOWN),
        "GET /v1/projects/hello/requests": (200, "".join(json.dumps(REQUEST) + "\n" for _ in range(2))),
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TURNOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TURNOUT_API_URL", server.url)
    monkeypatch.setenv("TURNOUT_TOKEN", "tno_test")
    yield server
    server.close()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line: its exit code, and what it printed."""

    def ran(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.run(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return ran


def asked(server: Server) -> Any:
    """What the last change was."""
    return server.body(f"PATCH {PATH}")


def test_every_option_becomes_its_part_of_the_change(server: Server, run: Run, tmp_path: Path) -> None:
    """In one spelling, and nothing that was not named."""
    (tmp_path / "soon.html").write_text("<h1>Soon</h1>")
    code, out, _ = run(
        "protect", "--env", "preview", "--project", "hello", "--allow", "10.0.0.0/8", "--allow", "192.0.2.7",
        "--basic-auth", "alice", "--password-from-stdin", "--maintenance", "on", "--page", "soon.html",
        "--retry-after", "60", "--let-in", "2001:DB8::1", "--header", "set response X-A: 1", "--json",
        stdin=PASSWORD + "\n",
    )  # fmt: skip
    assert code == 0
    assert asked(server) == {
        "allow": ["10.0.0.0/8", "192.0.2.7/32"],
        "basic_auth": {"alice": PASSWORD},
        "maintenance": {"page": "<h1>Soon</h1>", "retry_after": 60, "let_in": ["2001:db8::1/128"]},
        "headers": [{"side": "response", "action": "set", "name": "x-a", "value": "1"}],
    }
    assert json.loads(out) == SHOWN | {"not_yet_at": []}
    assert PASSWORD not in out


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("protect", "--maintenance", "on"), {"maintenance": {"let_in": []}}),
        (("protect", "--maintenance", "off"), {"maintenance": None}),
        (("protect", "off", "maintenance", "basic-auth"), {"maintenance": None, "basic_auth": None}),
        (("protect", "off", "--name", "alice"), {"basic_auth": {"alice": None}}),
        (("protect", "off"), {"allow": None, "basic_auth": None, "maintenance": None, "headers": None}),
    ],
)
def test_parts_are_switched_on_and_off(server: Server, run: Run, arguments: tuple[str, ...], body: Any) -> None:
    """What is not named is not sent."""
    assert run(*arguments, "--env", "preview", "--project", "hello")[0] == 0
    assert asked(server) == body


def test_a_generated_password_is_shown_once_and_is_the_one_that_was_sent(server: Server, run: Run) -> None:
    """Long enough that nobody guesses it."""
    code, out, err = run("protect", "--env", "preview", "--project", "hello", "--basic-auth", "alice", "--generate")
    made = asked(server)["basic_auth"]["alice"]
    assert code == 0
    assert len(made) == 24
    assert f"password: {made}" in out
    assert "shown once" in err


def test_show_reads_well(server: Server, run: Run) -> None:
    """A line a part."""
    code, out, _ = run("protect", "show", "--env", "preview", "--project", "hello")
    assert code == 0
    assert "10.0.0.0/8" in out
    assert "on, retry after 60 s, with a page of your own, but for 192.0.2.7/32" in out
    assert "set response x-a: 1" in out


def test_a_gateway_that_does_not_apply_it_yet_is_named(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written down all the same."""
    monkeypatch.setattr("turnout.cli.protection._PATIENCE_SECONDS", 0.1)
    behind = {"gateway_id": "slow", "region": "here", "connected": True, "acknowledged_generation": 6, "error": None}
    gone = behind | {"gateway_id": "gone", "connected": False}
    server.answers["GET /v1/status"] = (200, STATUS | {"gateways": [behind, gone]})
    code, _, err = run("protect", "--env", "preview", "--project", "hello", "--maintenance", "on")
    assert code == 0
    assert "not yet in effect at slow;" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("protect",),
        ("protect", "--allow", "everywhere"),
        ("protect", "--header", "set request Host: x"),
        ("protect", "--maintenance", "perhaps"),
        ("protect", "--page", "x.html"),
        ("protect", "--maintenance", "on", "--page", "missing.html"),
        ("protect", "--maintenance", "off", "--let-in", "10.0.0.1"),
        ("protect", "--generate"),
        ("protect", "--basic-auth", "alice"),
        ("protect", "--basic-auth", "alice", "--generate", "--password-from-stdin"),
        ("protect", "--basic-auth", "alice", "--password-from-stdin"),
        ("protect", "--basic-auth", "a:b", "--password-from-stdin"),
        ("protect", "--allow", "10.0.0.1", "show"),
        ("protect", "off", "everything"),
        ("protect", "off", "allow", "--name", "alice"),
        ("requests", "--status", "6xx"),
        ("requests", "--since", "yesterday"),
        ("requests", "--last", "0"),
        ("requests", "-f", "--json"),
    ],
)
def test_slips_are_wrong_usage_and_nothing_is_sent(server: Server, run: Run, arguments: tuple[str, ...]) -> None:
    """One line, before anybody is asked anything."""
    code, out, err = run(*arguments, stdin="short\n")
    assert code == 2
    assert (out + err).count("\n") <= 8  # one line, or one JSON document
    assert server.asked == []


def test_requests_are_printed_a_line_each(server: Server, run: Run) -> None:
    """What a stranger chose cannot move the cursor; with --json it is one document."""
    code, out, _ = run("requests", "--project", "hello", "--status", "5xx", "--since", "10m")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert " 503    3 ms GET hello.example/?[2Jcart dep_1" in out
    code, out, _ = run("requests", "--project", "hello", "--json")
    assert json.loads(out)["requests"][0]["path"] == REQUEST["path"]
