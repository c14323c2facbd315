"""A real Turnout in which something gets stuck, leaks or is forgotten: found in time, mended, and shown."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout, until
from tests.support import CERTIFICATES, busybox_image, require
from turnout.bootstrap.shared import home_id
from turnout.local.ports import remembered

pytestmark = [pytest.mark.full, pytest.mark.fault(Row.WATCHED)]

PROMISED = 30.0
NOISE = 15.0
"""What a machine that does a lot else may add to the promise."""
SLOW_START = "import time\ntime.sleep({seconds})\n"
PATIENT = "\n[health]\ndeadline = 200\n"


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """One that these tests break one after the other."""
    turnout = Turnout(
        tmp_path_factory.mktemp("watched") / "home",
        TURNOUT_DEPLOY_KEEP_WARM_SECONDS="40",
        TURNOUT_DEPLOY_OVERDUE_GRACE_SECONDS="5",
        TURNOUT_DEPLOY_OBSERVE_SECONDS="0",
    )
    turnout.up()
    yield turnout
    turnout.down()


@pytest.fixture
def app(turnout: Turnout, tmp_path: Path, request: pytest.FixtureRequest) -> App:
    """An app of the test's own."""
    return App(turnout, tmp_path, request.node.name.removeprefix("test_").replace("_", "-")[:24].strip("-"))


def slowly(app: App, version: str, seconds: float) -> Any:
    """Ask for a deploy of a version that takes a while to start."""
    source = app.folder / "app.py"
    original = source.read_text().split("# ---8<---\n")[-1]
    toml = (app.folder / "turnout.toml").read_text().replace(PATIENT, "").partition("[health]")[0]
    app.write(
        version,
        app__py=SLOW_START.format(seconds=seconds) + "# ---8<---\n" + original,
        turnout__toml=toml + PATIENT,
    )
    return app.turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")


def quickly(app: App) -> None:
    """Let the next version start at once again."""
    app.write("", app__py=(app.folder / "app.py").read_text().split("# ---8<---\n")[-1])


def wipe(turnout: Turnout) -> float:
    """Kill Restate so that it comes back without its data; returns when it answers again."""
    data = turnout.home / "restate" / "data"
    gone = data.with_name("gone")
    data.rename(gone)
    old = turnout.kill("restate")
    shutil.rmtree(gone)
    until(lambda: turnout.is_another("restate", old), within=40, what="another Restate runs")
    return time.monotonic()


def steps(turnout: Turnout, accepted: Any) -> list[str]:
    """The names of the steps an operation has got to."""
    return [step["name"] for step in operation(turnout, accepted)["steps"]]


def operation(turnout: Turnout, accepted: Any) -> Any:
    """An operation, as it is."""
    return turnout.api.get(f"/v1/operations/{accepted['operation_id']}").json()


def ended(turnout: Turnout, accepted: Any) -> Any:
    """An operation, once it has ended."""
    return until(
        lambda: found if (found := operation(turnout, accepted))["ended_at"] else None,
        within=60,
        what=f"{accepted['operation_id']} ends",
    )


def findings(turnout: Turnout, kind: str, subject: str | None = None) -> list[Any]:
    """What is shown of a kind."""
    shown = turnout.api.get("/v1/findings").json()["findings"]
    return [each for each in shown if each["kind"] == kind and subject in (None, each["subject"])]


def mended(turnout: Turnout, kind: str, subject: str | None = None) -> None:
    """Wait until it is told as repaired, which is when a later look does not find it any more."""
    until(lambda: findings(turnout, kind, subject)[0]["repaired"], what=f"{kind} is told as repaired")


def found_in_time(turnout: Turnout, kind: str, subject: str | None = None, *, since: float) -> Any:
    """Wait for a finding, and see that it was found within what is promised."""
    (finding, *_) = until(lambda: findings(turnout, kind, subject), within=PROMISED, what=f"{kind} is found")
    assert time.monotonic() - since < PROMISED + NOISE
    return finding


def admin(turnout: Turnout) -> httpx.Client:
    """Restate's admin API."""
    port = remembered(turnout.home, "restate_admin")
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, verify=CERTIFICATES)


def invocation_of(turnout: Turnout, accepted: Any) -> str:
    """The invocation that carries an operation on."""
    query = (
        f"SELECT id FROM sys_invocation WHERE idempotency_key = '{accepted['operation_id']}' AND status <> 'completed'"
    )
    with admin(turnout) as client:
        answer = client.post("/query", json={"query": query}, headers={"accept": "application/json"})
        return str(answer.json()["rows"][0]["id"])


def audited(turnout: Turnout, action: str) -> list[str]:
    """The subjects of the lines that the watchdog has written of this kind."""
    with sqlite3.connect(turnout.home / "turnout.db") as store:
        lines = store.execute("SELECT subject FROM audit_log WHERE actor = 'watchdog' AND action = ?", (action,))
        return [subject for (subject,) in lines]


@pytest.mark.fault(Row.RESTATE_WIPED)
def test_wiped_in_a_deploy(turnout: Turnout, app: App) -> None:
    """What had begun ends failed with the reason and leaves nothing; what waited goes on; traffic is as before.

    Nobody does anything: Restate learns of the worker again by itself.
    """
    app.deploy("v1")
    with Traffic(turnout, app.live_domain) as traffic:
        lost = slowly(app, "v2", seconds=150)
        until(lambda: "readiness" in steps(turnout, lost), within=40, what="v2 starts")
        instance_of_v2 = {
            process.pid for process in turnout.processes_with("TURNOUT_DEPLOYMENT_ID", lost["deployment_id"])
        }
        quickly(app)
        app.write("v3")
        queued = turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")
        until(lambda: "build" in steps(turnout, queued) and "lookup" not in steps(turnout, queued), what="v3 waits")
        back = wipe(turnout)
        end = ended(turnout, lost)
        assert time.monotonic() - back < PROMISED + NOISE
        assert end["status"] == "failed"
        assert "Restate knows nothing of it" in end["reason"]
        assert ended(turnout, queued)["status"] == "succeeded"
        assert app.serves() == "v3"
        until(lambda: not turnout.processes_with("TURNOUT_DEPLOYMENT_ID", lost["deployment_id"]), what="v2 is gone")
        assert app.deploy("v4")["live"] is True
    assert traffic.failures == []
    assert set(traffic.answers) == {"v1", "v3", "v4"}
    assert instance_of_v2
    assert app.deployment(lost["deployment_id"])["status"] == "failed"
    assert not [path for path in (turnout.home / "krane").rglob("*.json") if lost["deployment_id"] in path.read_text()]
    assert set(audited(turnout, "watchdog.operation-lost")) >= {lost["operation_id"], queued["operation_id"]}
    mended(turnout, "operation-lost", lost["operation_id"])
    until(turnout.healthy, what="all is healthy")


def test_paused(turnout: Turnout, app: App) -> None:
    """A paused invocation goes on by itself, and the deploy ends well."""
    accepted = slowly(app, "v1", seconds=20)
    until(lambda: "readiness" in steps(turnout, accepted), within=40, what="v1 starts")
    invocation = invocation_of(turnout, accepted)
    with admin(turnout) as client:
        client.patch(f"/invocations/{invocation}/pause").raise_for_status()
        paused = time.monotonic()
    finding = found_in_time(turnout, "invocation-paused", invocation, since=paused)
    assert "Deployments/deploy" in finding["sentence"]
    assert ended(turnout, accepted)["status"] == "succeeded"
    mended(turnout, "invocation-paused", invocation)
    assert invocation in audited(turnout, "watchdog.invocation-paused")


def test_the_worker_is_not_known(turnout: Turnout, app: App) -> None:
    """Restate was told to forget it: it is registered again, and deploys go on."""
    with admin(turnout) as client:
        for each in client.get("/deployments").json()["deployments"]:
            client.delete(f"/deployments/{each['id']}", params={"force": "true"}).raise_for_status()
    found_in_time(turnout, "worker-unknown", since=time.monotonic())
    assert app.deploy("v1")["live"] is True
    mended(turnout, "worker-unknown")


@pytest.mark.docker
def test_a_leaked_container(turnout: Turnout) -> None:
    """Whatever runs under our mark and is nobody's is removed; what is not ours is not touched."""
    require("docker")
    image, mark = busybox_image(), f"turnout.home={home_id(turnout.home)}"
    labels = ["--label", mark, "--label", "turnout.instance=ins_00000000000000000000000000"]
    stranger = docker("run", "-d", "--label", "turnout.home=another-home", image, "sleep", "600")
    leaked = docker("run", "-d", *labels, image, "sleep", "600")
    began = time.monotonic()
    try:
        finding = found_in_time(turnout, "instance-leaked", f"container-{leaked[:12]}", since=began)
        assert finding["repaired"]
        assert docker("ps", "-aq", "--filter", f"label={mark}") == ""
        assert docker("inspect", "--format", "{{.State.Running}}", stranger) == "true"
        assert 'turnout_repairs_total{kind="instance-leaked"} 1.0' in turnout.api.get("/metrics").text
    finally:
        docker("rm", "-f", stranger)


def docker(*words: str) -> str:
    """Use the engine as a person does."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


def test_silent_parts(turnout: Turnout, app: App) -> None:
    """A gateway and a krane that hang are shown as away; traffic goes on, and so do they when they wake."""
    app.deploy("v1")
    gateway, krane = turnout.part("gateway"), turnout.part("krane")
    with Traffic(turnout, app.live_domain) as traffic:
        for part in (gateway, krane):
            part.send_signal(signal.SIGSTOP)
        hung = time.monotonic()
        try:
            found_in_time(turnout, "gateway-silent", since=hung)
            found_in_time(turnout, "region-silent", since=hung)
            status = turnout.run("status").document
            assert [each["connected"] for each in status["gateways"] + status["regions"]] == [False, False]
            assert status["healthy"] is False
            assert 'turnout_findings{kind="gateway-' in turnout.api.get("/metrics").text
            until(lambda: findings(turnout, "gateway-away"), within=30, what="it is shown as away")
        finally:
            for part in (gateway, krane):
                part.send_signal(signal.SIGCONT)
        until(turnout.healthy, within=30, what="all is healthy again")
    assert traffic.failures == []
    assert app.deploy("v2")["live"] is True


def test_planted_rows(turnout: Turnout, app: App) -> None:
    """Rows that no crash could leave, and a person could: they are found, mended once, and written down."""
    deployed = app.deploy("v1")
    app.write("v2", app__py="raise SystemExit(3)\n")
    failed = app.try_deploy().document["deployment_id"]
    with sqlite3.connect(turnout.home / "turnout.db", timeout=30) as store:
        store.execute("UPDATE deployments SET status = 'network' WHERE id = ?", (failed,))
        store.execute(
            "INSERT INTO waits (awakeable_id, operation_id, kind, deployment_id, wanted, created_at, deadline_at) "
            "SELECT 'sign_nobody', id, 'instances-running', deployment_id, 1, created_at, deadline_at "
            "FROM operations WHERE id = ?",
            (deployed["operation_id"],),
        )
        # Nobody wakes it in between: what it waits for never comes.
        store.execute("UPDATE waits SET wanted = 99 WHERE awakeable_id = 'sign_nobody'")
    planted = time.monotonic()
    found_in_time(turnout, "deployment-abandoned", failed, since=planted)
    found_in_time(turnout, "row-left", "wait sign_nobody", since=planted)
    until(lambda: app.deployment(failed)["status"] == "failed", what="it is failed again")
    until(turnout.healthy, what="all is healthy")
    assert audited(turnout, "watchdog.deployment-abandoned") == [failed]
    assert audited(turnout, "watchdog.row-left") == ["wait sign_nobody"]
    assert app.serves() == "v1"


def test_a_person_reads_it(turnout: Turnout, app: App) -> None:
    """`turnout status` has a line for each finding, and says what was done."""
    accepted = slowly(app, "v1", seconds=20)
    until(lambda: "readiness" in steps(turnout, accepted), within=40, what="v1 starts")
    with admin(turnout) as client:
        client.patch(f"/invocations/{invocation_of(turnout, accepted)}/kill").raise_for_status()
    killed = time.monotonic()
    found_in_time(turnout, "operation-lost", accepted["operation_id"], since=killed)
    end = ended(turnout, accepted)
    assert end["status"] == "failed"
    assert "somebody killed its invocation" in end["reason"]
    words = [sys.executable, "-m", "turnout", "status"]
    text = subprocess.run(words, env=turnout.environment, capture_output=True, text=True, check=True).stdout
    assert accepted["operation_id"] in text
    assert "operation-lost" in text
    until(lambda: not turnout.processes_with("TURNOUT_DEPLOYMENT_ID", accepted["deployment_id"]), what="it is gone")


@pytest.mark.fault(Row.RESTATE_WIPED)
def test_wiped_in_a_build(turnout: Turnout, app: App) -> None:
    """The build goes on and the deploy succeeds; what was to be stopped later is stopped all the same."""
    old = app.deploy("v0")
    app.deploy("v1")
    toml = (app.folder / "turnout.toml").read_text()
    app.write("v2", turnout__toml=f'{toml}\n[build]\ncommand = "sleep 25"\n')
    building = turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")
    until(lambda: "build" in steps(turnout, building), within=30, what="v2 is being built")
    with Traffic(turnout, app.live_domain) as traffic:
        wipe(turnout)
        assert ended(turnout, building)["status"] == "succeeded"
        assert app.serves() == "v2"
        until(lambda: app.deployment(old["deployment_id"])["status"] == "stopped", within=120, what="v0 is stopped")
    assert traffic.failures == []


def test_paused_again_and_again(turnout: Turnout, app: App) -> None:
    """What pauses a second time is killed, its operation fails, and the next deploy is not held up."""
    app.deploy("v1")
    accepted = slowly(app, "v2", seconds=150)
    until(lambda: "readiness" in steps(turnout, accepted), within=40, what="v2 starts")
    invocation = invocation_of(turnout, accepted)

    def killed() -> bool:
        with admin(turnout) as client:
            client.patch(f"/invocations/{invocation}/pause")
        return operation(turnout, accepted)["ended_at"] is not None

    until(killed, within=60, what="it is given up")
    assert operation(turnout, accepted)["status"] == "failed"
    quickly(app)
    assert app.deploy("v3")["live"] is True
