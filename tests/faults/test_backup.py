"""`turnout backup` while everything runs, and `turnout restore` somewhere else."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import Row
from tests.faults.upgrade_kit import Installed, Slow, turnout
from tests.kit import Traffic, Turnout, until

__all__ = ["turnout"]  # a fixture

pytestmark = pytest.mark.fault(Row.RESTORED)

SHOW = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("x-hello-version", open("VERSION").read().strip())
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "nothing").encode())
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
SECRET = "a-greeting-that-nobody-guesses"


def test_a_backup_while_a_deploy_is_under_way_serves_the_same_elsewhere(turnout: Installed, tmp_path: Path) -> None:
    """The same versions under the same domains, with the same variables, keys and passwords.

    The deploy that was under way ends failed there, with the reason, and can be repeated; where the backup was made
    it goes on, and no request fails. Both run beside each other afterwards.
    """
    app, slow = Slow(turnout, tmp_path, "app"), Slow(turnout, tmp_path, "slow")
    first = _deploy(app, "v0")
    turnout.ok("env", "set", f"GREETING={SECRET}", "--project", app.name)
    live = _deploy(app, "v1")
    turnout.ok("keyspaces", "create", "clients")
    key = turnout.ok("keys", "create", "clients", "--name", "acme")["secret"]
    onlooker = turnout.ok("tokens", "create", "grafana", "--access", "read")["secret"]
    slow.deploy("v1", "--key-auth-id", "clients")
    operation_id = slow.begin_held("v2")
    file = tmp_path / "home.tar.gz"
    with Traffic(turnout, app.live_domain) as traffic:
        made = turnout.ok("backup", str(file), "--with-keys")
        slow.let_go()
        assert turnout.ended(operation_id)["status"] == "succeeded"
    assert traffic.failures == []
    assert (made["has_store"], made["has_keys"]) == (True, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    elsewhere = Turnout(tmp_path / "elsewhere")
    restored = elsewhere.ok("restore", str(file), "--home", str(elsewhere.home))
    assert (restored["has_store"], restored["has_keys"], restored["releases"]) == (True, True, 4)
    elsewhere.up("--backend", "process")
    try:
        until(lambda: elsewhere.get(app.live_domain).text == SECRET, within=60, what="the app answers there")
        assert elsewhere.serves(app.environment_domain) == "v1"
        signed = {"authorization": f"Bearer {key}"}
        until(lambda: elsewhere.get(slow.live_domain, **signed).status_code == 200, within=60, what="with the key")
        assert elsewhere.get(slow.live_domain, **signed).headers["x-hello-version"] == "v1"
        assert elsewhere.get(slow.live_domain).status_code == 401
        assert _served(elsewhere, app.name) == _served(turnout, app.name)
        asked = elsewhere.api.get("/v1/projects", headers={"authorization": f"Bearer {onlooker}"})
        assert asked.status_code == 200, "who was let in there is let in here"
        lost = elsewhere.api.get(f"/v1/operations/{operation_id}").json()
        assert (lost["status"], "backup" in lost["reason"]) == ("failed", True), lost
        rolled_back = elsewhere.ok("rollback", "--project", app.name, "--to", first)
        assert rolled_back["status"] == "succeeded", "no gateway is waited for that is not there"
        assert elsewhere.get(app.live_domain).text == "nothing"
        assert elsewhere.ok("deploy", str(slow.folder), "--project", slow.name)["live"] is True
        status = elsewhere.ok("status")
        assert len(status["gateways"]) == 1
        assert status["operations"] == []
    finally:
        elsewhere.down()
    assert elsewhere.processes() == []
    assert app.ls()["live_deployment_id"] == live
    assert turnout.get(app.live_domain).text == SECRET


@pytest.mark.full
def test_what_is_left_out_and_what_is_refused(turnout: Installed, tmp_path: Path) -> None:
    """Keys only when asked for, tokens and Restate's data never; nothing is written over, and nothing half read."""
    app = Slow(turnout, tmp_path, "app")
    app.deploy("v1")
    file = tmp_path / "home.tar.gz"
    assert turnout.ok("backup", str(file))["has_keys"] is False
    with tarfile.open(file) as archive:
        names = archive.getnames()
        held = b"".join(archive.extractfile(each).read() for each in archive if each.isreg())  # type: ignore[union-attr]
    assert names[0] == "backup.json"
    assert names[-1] == "checksums.json"
    assert {name.partition("/")[0] for name in names} == {
        "backup.json", "store.db", "releases", "sources", "checksums.json",
    }  # fmt: skip
    for secret in (turnout.home / "run" / "krane.token", turnout.home / "vault" / "keys.json"):
        assert secret.read_bytes().strip() not in held

    again = turnout.run("backup", str(file))
    assert (again.code, again.problem["status"]) == (1, 409)
    for home in (turnout.home, tmp_path):
        refused = turnout.run("restore", str(file), "--home", str(home))
        assert (refused.code, "something is there already" in refused.problem["detail"]) == (1, True)
    whole = file.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:-200], whole[:100], b"", b"no archive"):
        (tmp_path / "cut").write_bytes(cut)
        refused = turnout.run("restore", str(tmp_path / "cut"), "--home", str(tmp_path / "new"))
        assert refused.problem["detail"].startswith(f"cannot restore {tmp_path / 'cut'}: "), refused
        assert not (tmp_path / "new").exists()
    left = [path for path in (*tmp_path.iterdir(), *(turnout.home / "run").iterdir()) if "part" in path.suffixes]
    assert left == []
    assert not [path for path in (turnout.home / "run").iterdir() if path.name.startswith("backup-")]


def _deploy(app: Slow, version: str) -> str:
    app.write(version, app__py=SHOW)
    (app.folder / "turnout.toml").write_text('[project]\nname = "app"\n[run]\ncommand = "python app.py"\n')
    deployment_id: str = app.turnout.ok("deploy", str(app.folder), "--project", app.name)["deployment_id"]
    return deployment_id


def _served(turnout: Turnout, project: str) -> Any:
    """What is live, and which domains lead to which deployment."""
    listed = turnout.ok("ls", "--project", project)
    domains = {each["fqdn"]: row["id"] for row in listed["deployments"] for each in row["domains"]}
    return listed["live_deployment_id"], domains
