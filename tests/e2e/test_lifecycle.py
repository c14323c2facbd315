"""Cancel, stop, start, remove and wake, as a person does it, while requests come in."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.kit import App, Traffic, Turnout, until

NEVER_READY = "import time\nprint('thinking hard', flush=True)\ntime.sleep(600)\n"
SLOW_BUILD = "\n[build]\ncommand = \"python -c 'import time; time.sleep(600)'\"\n"


@pytest.mark.parametrize("phase", ["building", "starting", "queued"])
def test_cancel_leaves_nothing_and_loses_no_request(app: App, phase: str) -> None:
    """The live version answers throughout; no process, folder or domain of the cancelled one is left."""
    live = app.deploy("v1")
    manifest = app.folder / "turnout.toml"
    plain, source = manifest.read_text(), (app.folder / "app.py").read_text()
    with Traffic(app.turnout, app.live_domain) as traffic:
        if phase == "queued":
            app.write("v2", app__py=NEVER_READY)
            ahead = begin(app, "v2")
            wait_until(app, ahead, "starting")
            app.write("v3", app__py=source)
            asked = begin(app, "v3", "--branch", "other")
        else:
            ahead = None
            app.write("v2", app__py=NEVER_READY)
            if phase == "building":
                manifest.write_text(plain + SLOW_BUILD)
            asked = begin(app, "v2")
        wait_until(app, asked, phase)
        cancelled = app.turnout.ok("cancel", asked["operation_id"])
        assert cancelled["status"] == "cancelled"
        assert "cancelled by" in cancelled["reason"]
        if ahead is not None:
            app.turnout.ok("cancel", ahead["deployment_id"])
        manifest.write_text(plain)
        app.write("v4", app__py=source)
        assert app.deploy("v4")["live"] is True
    assert traffic.failures == []
    assert app.deployment(asked["deployment_id"])["status"] == "cancelled"
    assert app.deployment(asked["deployment_id"])["domains"] == []
    assert live["deployment_id"] != app.ls()["live_deployment_id"]
    until(lambda: not processes_of(app.turnout, asked["deployment_id"]), what="nothing of it runs")
    again = app.turnout.run("cancel", asked["operation_id"])
    assert again.code == 0, "a second cancel is none"
    app.turnout.ok("gc")
    assert list((app.turnout.home / "builds" / asked["deployment_id"]).glob("scratch")) == []


def test_too_late_to_cancel_says_what_to_do(app: App) -> None:
    """After the switch the operation stands; the refusal names the way back."""
    done = app.deploy("v1")
    refused = app.turnout.run("cancel", done["operation_id"])
    assert refused.code == 1
    assert refused.problem["status"] == 409
    assert "too late" in refused.problem["detail"]
    assert "turnout rollback" in refused.problem["detail"]


def test_rollback_to_a_stopped_deployment_starts_it(app: App) -> None:
    """Stopped by hand here; it is started and checked before it is live, and no request is lost."""
    first, second = app.deploy("v1"), app.deploy("v2")
    stopped = app.turnout.ok("stop", first["deployment_id"])
    assert stopped["status"] == "stopped"
    until(lambda: not processes_of(app.turnout, first["deployment_id"]), what="its processes are gone")
    assert app.deployment(first["deployment_id"])["status"] == "stopped"
    with Traffic(app.turnout, app.live_domain) as traffic:
        back = app.rollback()
        assert back["live_deployment_id"] == first["deployment_id"]
        assert app.serves() == "v1"
    assert traffic.failures == []
    why = app.turnout.ok("why", back["operation_id"])
    assert why["status"] == "succeeded"
    assert why["waiting"] is None
    assert app.turnout.run("stop", first["deployment_id"]).problem["status"] == 409
    assert app.turnout.run("rm", first["deployment_id"]).problem["status"] == 409
    assert app.deployment(second["deployment_id"])["status"] == "ready"


@pytest.mark.full
def test_start_answers_at_its_own_address_and_rm_forgets_it(app: App) -> None:
    """Its release goes when nobody else needs it, its logs too; the live one is not touched."""
    first = app.deploy("only-here")
    app.deploy("v2")
    own = next(each["fqdn"] for each in first["domains"] if each["sticky"] == "none")
    release = app.deployment(first["deployment_id"])["image"].removeprefix("release:")
    app.turnout.ok("stop", first["deployment_id"])
    until(lambda: app.turnout.get(own).status_code == 503, what="nothing answers at its address")
    started = app.turnout.ok("start", first["deployment_id"])
    assert started["status"] == "succeeded"
    until(lambda: app.turnout.get(own).status_code == 200, what="it answers at its own address")
    assert app.serves(own) == "only-here"
    assert (app.turnout.home / "releases" / release).is_dir()
    until((app.turnout.home / "logs" / first["deployment_id"]).is_dir, what="it has printed something")
    would = app.turnout.ok("gc", "--dry-run")
    assert release not in {each["name"] for each in would["collected"]}
    report = app.turnout.ok("rm", first["deployment_id"])
    assert {"release", "log", "build"} <= {each["kind"] for each in report["collected"]}
    assert report["freed_bytes"] > 0
    assert not (app.turnout.home / "releases" / release).exists()
    assert first["deployment_id"] not in {each["id"] for each in app.ls()["deployments"]}
    until(lambda: app.turnout.get(own).status_code == 404, what="its address is gone")
    until(lambda: not processes_of(app.turnout, first["deployment_id"]), what="nothing of it runs")
    assert app.turnout.run("start", first["deployment_id"]).problem["status"] == 404
    assert app.serves() == "v2"


def test_a_project_is_removed_while_it_is_live(app: App) -> None:
    """Its domains, instances and files go, but not while it is deployed; its name is free for another project."""
    app.turnout.ok("env", "set", "GREETING=hello", "--project", app.name)
    live = app.deploy("v1")
    before = {each["project"]: each["live_deployment_id"] for each in app.turnout.ok("projects", "ls")["projects"]}
    assert before[app.name] == live["deployment_id"]
    source = (app.folder / "app.py").read_text()
    app.write("v2", app__py=NEVER_READY)
    under_way = begin(app, "v2")["operation_id"]
    refused = app.turnout.run("projects", "rm", app.name, "--yes")
    assert (refused.code, refused.problem["status"]) == (1, 409)
    assert f"turnout cancel {under_way}" in refused.problem["detail"]
    app.turnout.ok("cancel", under_way)
    unsure = app.turnout.run("projects", "rm", app.name)
    assert (unsure.code, "--yes" in unsure.problem["detail"]) == (2, True)
    assert app.serves() == "v1"

    report = app.turnout.ok("projects", "rm", app.name, "--yes")

    assert report["project"] == app.name
    assert {"release", "log", "build"} <= {each["kind"] for each in report["collected"]}
    for domain in live["domains"]:
        until(lambda fqdn=domain["fqdn"]: app.turnout.get(fqdn).status_code == 404, what="nothing answers any more")
    assert not processes_of(app.turnout, live["deployment_id"])
    assert app.name not in {each["project"] for each in app.turnout.ok("projects", "ls")["projects"]}
    assert app.turnout.run("ls", "--project", app.name).problem["status"] == 404
    assert app.turnout.run("rollback", "--project", app.name).problem["status"] == 404

    app.write("v3", app__py=source)
    again = app.deploy("v3")
    assert (again["live"], app.serves()) == (True, "v3")
    assert [each["id"] for each in app.ls()["deployments"]] == [again["deployment_id"]]
    assert app.turnout.ok("env", "ls", "--project", app.name)["variables"] == []


def begin(app: App, version: str, *arguments: str) -> Any:
    """Ask for a deploy and do not wait for it."""
    (app.folder / "VERSION").write_text(version + "\n")
    return app.turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach", *arguments)


def wait_until(app: App, asked: Any, phase: str) -> None:
    """Wait until an operation is in this phase."""
    until(lambda: waits_in(app, asked, phase), within=40, what=f"it is {phase}")


def waits_in(app: App, asked: Any, phase: str) -> bool:
    """Whether `turnout why` says that it waits there, since when, and for whom."""
    why = app.turnout.ok("why", asked["operation_id"])
    assert why["status"] in ("pending", "running"), why["reason"]
    waiting = why["waiting"]
    if waiting is None or waiting["phase"] != phase:
        return False
    assert waiting["since"]
    assert (waiting["until"] is None) == (phase == "queued")
    assert bool(waiting["ahead"]) == (phase == "queued")
    return True


def processes_of(turnout: Turnout, deployment_id: str) -> list[int]:
    """Instances and builds of one deployment that run on this machine."""
    instances = turnout.processes_with("TURNOUT_DEPLOYMENT_ID", deployment_id)
    builds = turnout.processes_with("TURNOUT_BUILD", f"{turnout.home}/builds/{deployment_id}")
    return [process.pid for process in instances + builds]


def test_the_answers_of_people_are_sentences(app: App) -> None:
    """Without `--json`: what it waits for, or how it ended, a sentence a line."""
    done = app.deploy("v1")
    told = subprocess.run(
        [sys.executable, "-m", "turnout", "why", done["deployment_id"]],
        env=app.turnout.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"{done['operation_id']}, deploy of {done['deployment_id']}" in told
    assert "is succeeded" in told
    with pytest.raises(json.JSONDecodeError):
        json.loads(told)
