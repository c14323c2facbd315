"""`turnout domains` against a server that a test makes up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_cli_verbs import DEP, TIME, Run, Server, server, turnout
from turnout import cli
from turnout.domain.errors import Conflict, Invalid, NotFound

__all__ = ["server", "turnout"]  # fixtures

PATH = "/v1/projects/hello/domains"
PENDING: dict[str, Any] = {
    "fqdn": "app.example.com",
    "name": "app.example.com",
    "project": "hello",
    "status": "pending",
    "method": None,
    "problem": None,
    "url": "http://app.example.com:8000",
    "deployment_id": None,
    "txt": {"name": "_turnout.app.example.com", "value": "turnout-verify=0123"},
    "http": {
        "url": "http://app.example.com/.well-known/turnout/0123",
        "body": "turnout-verify=4567",
        "gateway_answers": True,
    },
    "asked_at": TIME,
    "deadline_at": TIME,
    "checked_at": None,
    "verified_at": None,
}
VERIFIED = PENDING | {"status": "verified", "method": "txt", "deployment_id": DEP}
REMOVED = {"fqdn": "app.example.com", "project": "hello", "generation": 7, "problem": None}


def test_each_verb_asks_its_route_and_prints_the_answer(server: Server, turnout: Run) -> None:
    """With `--json` exactly what the server said."""
    server.answers = {
        f"POST {PATH}": (201, PENDING),
        f"GET {PATH}": (200, {"project": "hello", "domains": [PENDING]}),
        f"POST {PATH}/app.example.com/verify": (200, VERIFIED),
        f"DELETE {PATH}/app.example.com": (200, REMOVED),
    }
    of = ("--project", "hello")
    assert turnout("domains", "add", "app.example.com", *of) == (0, PENDING)
    assert server.body(f"POST {PATH}") == {"fqdn": "app.example.com"}
    assert turnout("domains", "ls", *of) == (0, {"project": "hello", "domains": [PENDING]})
    assert turnout("domains", "verify", "app.example.com", *of) == (0, VERIFIED)
    assert turnout("domains", "rm", "app.example.com", *of) == (0, REMOVED)


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_verify_ends_with_1_while_there_is_no_proof(server: Server, turnout: Run, status: str) -> None:
    """So that a script can wait for it."""
    document = PENDING | {"status": status, "problem": "DNS: there is no TXT record."}
    server.answers[f"POST {PATH}/app.example.com/verify"] = (200, document)
    assert turnout("domains", "verify", "app.example.com", "--project", "hello") == (1, document)


def test_a_refusal_is_one_line(server: Server, turnout: Run) -> None:
    """With the exit code of its kind."""
    for refusal, code in ((Conflict, 1), (Invalid, 2), (NotFound, 2)):
        status = refusal.status
        problem = {"type": refusal.type, "title": refusal.title, "status": status, "detail": "cannot add it"}
        server.answers[f"POST {PATH}"] = (status, problem)
        assert turnout("domains", "add", "x", "--project", "hello") == (code, {"error": problem})


def test_what_a_person_reads(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """What to publish and where; then where it leads."""
    server.answers = {
        f"POST {PATH}": (201, PENDING),
        f"POST {PATH}/app.example.com/verify": (200, VERIFIED),
        f"GET {PATH}": (200, {"project": "hello", "domains": [VERIFIED]}),
        f"DELETE {PATH}/app.example.com": (200, REMOVED | {"problem": "no gateway is connected"}),
    }

    def said(*arguments: str) -> str:
        capsys.readouterr()
        assert cli.run(["domains", *arguments, "--project", "hello"]) == 0
        told = capsys.readouterr()
        return told.out + told.err

    add = said("add", "app.example.com")
    for text in ("_turnout.app.example.com", "turnout-verify=0123", PENDING["http"]["url"], "turnout-verify=4567"):
        assert text in add
    assert "answers it by itself" in add
    assert said("verify", "app.example.com") == (f"http://app.example.com:8000 is verified (txt) and leads to {DEP}\n")
    assert "verified" in said("ls")
    removed = said("rm", "app.example.com")
    assert "app.example.com is no domain of hello any more" in removed
    assert "no gateway is connected" in removed
