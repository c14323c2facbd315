"""Keys, as a person uses them: a keyspace, a key, an app behind it, and the end of the key."""

from __future__ import annotations

from pathlib import Path

from tests.kit import App, Turnout, until


def test_from_a_keyspace_to_a_revoked_key(turnout: Turnout, app: App, tmp_path: Path) -> None:
    """Let in with a key and told whose it is; refused without; limited; rolled back to an open version and forth."""
    keyspace = f"{app.name}-keys"
    turnout.ok("keyspaces", "create", keyspace)
    made = turnout.ok("keys", "create", keyspace, "--name", "acme")
    secret, key_id = made["secret"], made["key"]["id"]
    opened = app.deploy("v1")["deployment_id"]
    deployed = app.deploy("v2", "--key-auth-id", keyspace)["deployment_id"]
    domain = app.live_domain

    assert turnout.get(domain).status_code == 401
    other = secret[:-1] + ("y" if secret.endswith("x") else "x")
    assert turnout.get(domain, authorization=f"Bearer {other}").status_code == 401
    for headers in ({"authorization": f"Bearer {secret}"}, {"x-api-key": secret}):
        answer = turnout.get(domain, **headers)
        assert answer.status_code == 200
        assert answer.headers["x-hello-version"] == "v2"

    turnout.ok("keys", "limit", key_id, "1/day")
    statuses = [turnout.get(domain, authorization=f"Bearer {secret}").status_code for _ in range(2)]
    assert statuses == [200, 429]
    turnout.ok("keys", "limit", key_id, "default")
    assert turnout.get(domain, authorization=f"Bearer {secret}").status_code == 200

    app.rollback()
    until(lambda: turnout.get(domain).headers.get("x-hello-version") == "v1", what="the open version is live")
    assert app.deployment(opened)["live"]
    app.promote(deployed)
    until(lambda: turnout.get(domain).status_code == 401, what="the guarded version is live")

    assert turnout.ok("keys", "revoke", key_id)["unconfirmed"] == []
    until(lambda: turnout.get(domain, authorization=f"Bearer {secret}").status_code == 401, what="the key is refused")
    assert [each["state"] for each in turnout.ok("keys", "ls", keyspace)["keys"]] == ["revoked"]
    refused = turnout.run("keyspaces", "rm", keyspace)
    assert (refused.code, refused.problem["status"]) == (1, 409)

    held = [path for path in turnout.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert held == [], "the key is in no database, journal, log or snapshot"
