"""`turnout keyspaces` and `keys` against a server that a test makes up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.test_cli_verbs import STATUS, TIME, Run, Server, server, turnout
from turnout import cli
from turnout.domain.keyspaces import new_key

__all__ = ["server", "turnout"]  # fixtures

KEY_ID = "key_" + "0" * 26
SECRET = new_key(b"\1" * 32).secret
KEYSPACE = {"id": "ks_1", "name": "customers", "limit": None, "keys": 0, "created_at": TIME}
KEY = {
    "id": KEY_ID, "keyspace": "customers", "name": "acme", "start": SECRET[:10], "state": "good", "limit": None,
    "created_at": TIME, "created_by": "alice", "changed_at": TIME, "expires_at": None, "revoked_at": None,
}  # fmt: skip
CHANGED = {"key": KEY, "generation": 7}


@pytest.fixture
def api(server: Server) -> Server:
    """A server that knows keys, and whose gateways have acknowledged generation 7."""
    server.answers |= {
        "GET /v1/keyspaces": (200, {"keyspaces": [KEYSPACE]}),
        "POST /v1/keyspaces": (201, KEYSPACE),
        "DELETE /v1/keyspaces/customers": (200, KEYSPACE),
        "PUT /v1/keyspaces/customers/limit": (200, {"keyspace": KEYSPACE, "generation": 7}),
        "GET /v1/keyspaces/customers/keys": (200, {"keyspace": "customers", "keys": [KEY]}),
        "POST /v1/keyspaces/customers/keys": (201, CHANGED | {"secret": SECRET}),
        f"POST /v1/keys/{KEY_ID}/revoke": (200, CHANGED),
        f"PUT /v1/keys/{KEY_ID}/expiry": (200, CHANGED),
        f"PUT /v1/keys/{KEY_ID}/limit": (200, CHANGED),
    }
    return server


def test_every_verb_asks_for_what_it_says(api: Server, turnout: Run) -> None:
    """And prints what the server answers."""
    limit = {"requests": 100, "seconds": 60}
    told = CHANGED | {"unconfirmed": []}
    assert turnout("keyspaces", "create", "customers", "--limit", "100/minute") == (0, KEYSPACE)
    assert api.body("POST /v1/keyspaces") == {"name": "customers", "limit": limit}
    assert turnout("keyspaces", "ls") == (0, {"keyspaces": [KEYSPACE]})
    assert turnout("keyspaces", "limit", "customers", "none")[0] == 0
    assert api.body("PUT /v1/keyspaces/customers/limit") == {"limit": None}
    assert turnout("keyspaces", "rm", "customers") == (0, KEYSPACE)
    assert turnout("keys", "ls", "customers") == (0, {"keyspace": "customers", "keys": [KEY]})
    assert turnout("keys", "create", "customers", "--name", "acme") == (0, told | {"secret": SECRET})
    assert api.body("POST /v1/keyspaces/customers/keys") == {"name": "acme", "expires_at": None, "limit": None}
    assert turnout("keys", "revoke", KEY_ID) == (0, told)
    assert turnout("keys", "limit", KEY_ID, "100/minute") == (0, told)
    assert api.body(f"PUT /v1/keys/{KEY_ID}/limit") == {"limit": limit}
    assert turnout("keys", "limit", KEY_ID, "default") == (0, told)
    assert api.body(f"PUT /v1/keys/{KEY_ID}/limit") == {"limit": None}
    assert turnout("keys", "expire", KEY_ID, "2031-01-01") == (0, told)
    assert api.body(f"PUT /v1/keys/{KEY_ID}/expiry") == {"expires_at": "2031-01-01T00:00:00Z"}
    assert turnout("keys", "expire", KEY_ID, "never") == (0, told)
    assert api.body(f"PUT /v1/keys/{KEY_ID}/expiry") == {"expires_at": None}


def test_the_key_alone_is_on_standard_output(api: Server, turnout: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """So that it can be piped to where secrets are kept; no other verb prints one."""
    assert cli.run(["keys", "create", "customers", "--name", "acme"]) == 0
    printed = capfd.readouterr()
    assert printed.out == f"{SECRET}\n"
    assert SECRET not in printed.err
    assert KEY_ID in printed.err
    for arguments in (["keys", "ls", "customers"], ["keys", "revoke", KEY_ID], ["keyspaces", "ls"]):
        assert cli.run(arguments) == 0
        assert SECRET not in str(capfd.readouterr())


def test_a_gateway_that_does_not_follow_is_named(
    api: Server, turnout: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that may still let in is no success."""
    monkeypatch.setattr("turnout.client.keys.Keys.gateways_without.__kwdefaults__", {"patience": 0.0})
    behind = {**STATUS["gateways"][0], "acknowledged_generation": 6}
    api.answers["GET /v1/status"] = (200, {**STATUS, "gateways": [behind]})
    code, document = turnout("keys", "revoke", KEY_ID)
    assert (code, document["unconfirmed"]) == (1, ["g"])
    assert cli.run(["keys", "revoke", KEY_ID]) == 1
    assert "g may still go by what was before" in capfd.readouterr().err
    gone = {**behind, "connected": False}
    api.answers["GET /v1/status"] = (200, {**STATUS, "gateways": [gone]})
    assert turnout("keys", "revoke", KEY_ID)[0] == 0


def test_a_new_key_is_told_although_the_server_goes_away(
    api: Server, turnout: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody could ask for it again; that it may not work yet is said beside it."""
    api.refuses("GET /v1/status", 503, "unavailable")
    code, document = turnout("keys", "create", "customers", "--name", "acme")
    assert (code, document["secret"], document["unconfirmed"]) == (1, SECRET, ["unknown"])
    assert cli.run(["keys", "create", "customers", "--name", "acme"]) == 1
    printed = capfd.readouterr()
    assert printed.out == f"{SECRET}\n"
    assert "cannot tell" in printed.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keyspaces", "create", "Two Words"], "lower-case"),
        (["keyspaces", "create", "a", "--limit", "5"], "100/minute"),
        (["keyspaces", "limit", "customers", "1/week"], "100/minute"),
        (["keyspaces", "rm", SECRET], "KEYSPACE"),
        (["keys", "create", SECRET, "--name", "a"], "KEYSPACE"),
        (["keys", "create", "customers"], "--name"),
        (["keys", "create", "customers", "--name", ""], "printable"),
        (["keys", "create", "customers", "--name", SECRET], "printable"),
        (["keys", "create", "customers", "--name", "a", "--expires", "2001-01-01"], "past"),
        (["keys", "create", "customers", "--name", "a", "--expires", SECRET], "12h"),
        (["keys", "create", "customers", "--name", "a", "--limit", SECRET], "100/minute"),
        (["keys", "revoke", SECRET], "KEY_ID"),
        (["keys", "revoke", "acme"], "KEY_ID"),
        (["keys", "expire", KEY_ID, "soon"], "12h"),
        (["keys", "limit", KEY_ID, "many"], "100/minute"),
    ],
)
def test_what_is_refused_before_anybody_is_asked(api: Server, turnout: Run, arguments: list[str], says: str) -> None:
    """Exit code 2, one sentence, and no key in it."""
    code, document = turnout(*arguments)
    assert code == 2
    assert says in document["error"]["detail"]
    assert SECRET[10:] not in str(document)
    assert api.asked == []


def test_deploys_name_a_keyspace(server: Server, turnout: Run, tmp_path: Any) -> None:
    """From turnout.toml, unless the command line says another."""
    app = tmp_path / "hello"
    app.mkdir()
    (app / "turnout.toml").write_text('[run]\ncommand = "x"\n[auth]\nkeyspace = "customers"\n')
    asked = "POST /v1/projects/hello/deployments"
    assert turnout("deploy", str(app))[0] == 0
    assert server.body(asked)["key_auth_id"] == "customers"
    assert turnout("deploy", str(app), "--key-auth-id", "partners")[0] == 0
    assert server.body(asked)["key_auth_id"] == "partners"


def test_help_has_examples(capfd: pytest.CaptureFixture[str]) -> None:
    """Each verb of both groups."""
    for group, verbs in (("keyspaces", "create ls limit rm"), ("keys", "create ls revoke expire limit")):
        for verb in verbs.split():
            assert cli.run([group, verb, "--help"]) == 0
            assert re.search(rf"turnout {group} {verb}", capfd.readouterr().out)
