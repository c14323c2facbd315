"""Release commands and the observation after a switch, from the command line to the processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout, until

MIGRATE = """
import pathlib, sys, time
with pathlib.Path(sys.argv[1]).open('a') as file:
    file.write('ran\\n')
print('migrating', flush=True)
time.sleep(float(sys.argv[2]))
print('migrated', flush=True)
sys.exit(int(sys.argv[3]))
"""
DIES = """
import os, pathlib, threading, time
def die():
    while not pathlib.Path({marker!r}).exists():
        time.sleep(0.02)
    print('out of paper', flush=True)
    os._exit(9)
threading.Thread(target=die, daemon=True).start()
"""


def dying(app: App, marker: Path) -> str:
    """The app's source, in a version that dies as soon as the marker is there, and again whenever it is started."""
    return DIES.format(marker=str(marker)) + (app.folder / "app.py").read_text()


def with_release(app: App, marker: Path, *, seconds: float = 0, code: int = 0) -> None:
    """Give the app a release command that marks each of its runs."""
    (app.folder / "migrate.py").write_text(MIGRATE)
    toml = app.folder / "turnout.toml"
    toml.write_text(toml.read_text() + f'\n[release]\ncommand = "python migrate.py {marker} {seconds} {code}"\n')


def test_a_release_command_runs_once(app: App, tmp_path: Path) -> None:
    """Before the switch, with its output in the logs."""
    with_release(app, tmp_path / "marker")
    deployed = app.deploy("v1")
    assert (tmp_path / "marker").read_text() == "ran\n"
    assert "release" in [step["name"] for step in deployed["steps"]]
    until(lambda: "migrated" in app.turnout.ok("logs", deployed["deployment_id"])["log"], within=5)
    assert app.serves() == "v1"


def test_a_failing_release_command_changes_nothing(app: App, tmp_path: Path) -> None:
    """The reason quotes it, and no instance of the new version was started."""
    live = app.deploy("v1")
    app.write("v2")
    with_release(app, tmp_path / "marker", code=4)
    failed = app.try_deploy()
    assert failed.code == 1
    reason = failed.document["reason"]
    assert "exited with code 4" in reason
    assert "migrated" in reason
    assert "containers" not in [step["name"] for step in failed.document["steps"]]
    assert app.ls()["live_deployment_id"] == live["deployment_id"]
    assert app.serves() == "v1"


@pytest.mark.full
@pytest.mark.fault(Row.KRANE_KILLED)
def test_kill_9_while_the_release_command_runs(own_turnout: Turnout, tmp_path: Path) -> None:
    """Worker, krane and server are killed, one after another: it goes on, and is run once."""
    app = App(own_turnout, tmp_path, "release")
    app.deploy("v1")
    app.write("v2")
    with_release(app, tmp_path / "marker", seconds=8)
    with Traffic(own_turnout, app.live_domain) as traffic:
        accepted = own_turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")
        until((tmp_path / "marker").exists, what="the release command runs")
        for victim in ("worker", "krane", "server"):
            own_turnout.kill(victim)
        ended = until(lambda: _ended(own_turnout, accepted["operation_id"]), within=60, what="the deploy ends")
    assert ended["status"] == "succeeded", ended
    assert (tmp_path / "marker").read_text() == "ran\n"
    assert traffic.failures == []
    assert app.serves() == "v2"


@pytest.mark.full
@pytest.mark.fault(Row.BAD_INSTANCES)
def test_an_app_that_dies_after_the_switch_is_degraded(app: App, tmp_path: Path) -> None:
    """The deploy had succeeded; then its operation says what happened, and `ls` shows it."""
    app.write("v1", app__py=dying(app, tmp_path / "die"))
    deployed = app.deploy("v1")
    assert deployed["status"] == "succeeded"
    assert deployed["observation"]["status"] == "open"
    (tmp_path / "die").touch()
    ended = until(lambda: _degraded(app, deployed), what="the operation is degraded")
    assert "out of paper" in ended["reason"]
    assert ended["observation"]["rollback_operation_id"] is None
    assert app.deployment(deployed["deployment_id"])["observation"]["status"] == "degraded"
    assert app.ls()["live_deployment_id"] == deployed["deployment_id"]


@pytest.mark.fault(Row.BAD_INSTANCES)
def test_auto_rollback_brings_the_old_version_back(app: App, tmp_path: Path) -> None:
    """Requests fail only from the new version's death to the switch back; then the old one serves alone."""
    first = app.deploy("v1")
    app.write("v2", app__py=dying(app, tmp_path / "die"))
    toml = app.folder / "turnout.toml"
    toml.write_text(toml.read_text() + "\n[deploy]\nauto_rollback = true\n")
    with Traffic(app.turnout, app.live_domain) as traffic:
        deployed = app.turnout.ok("deploy", str(app.folder), "--project", app.name)
        assert traffic.failures == []
        (tmp_path / "die").touch()
        ended = until(lambda: _degraded(app, deployed), what="the operation is degraded")
        rollback = ended["observation"]["rollback_operation_id"]
        assert rollback is not None, ended
        until(lambda: _ended(app.turnout, rollback), what="the rollback has ended")
    with Traffic(app.turnout, app.live_domain) as after:
        until(lambda: after.answers["v1"] > 100, what="the old version serves")
    assert (set(after.answers), after.failures) == ({"v1"}, [])
    assert app.serves() == "v1"
    listed = app.ls()
    assert (listed["live_deployment_id"], listed["rolled_back"]) == (first["deployment_id"], True)


def _ended(turnout: Turnout, operation_id: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = turnout.api.get(f"/v1/operations/{operation_id}").json()
    except (httpx.HTTPError, ValueError):  # the server was just killed
        return None
    return document if document.get("ended_at") is not None else None


def _degraded(app: App, deployed: Any) -> dict[str, Any] | None:
    document: dict[str, Any] = app.turnout.api.get(f"/v1/operations/{deployed['operation_id']}").json()
    return document if document["status"] == "degraded" else None
