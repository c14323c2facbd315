"""`turnout upgrade` with operations in flight: what one version has begun, that version ends."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.faults.rows import Row
from tests.faults.upgrade_kit import Installed, Slow, turnout
from tests.kit import Traffic, until

__all__ = ["turnout"]  # a fixture

pytestmark = pytest.mark.fault(Row.UPGRADED)

GONE = "the version that had begun it is gone"


@pytest.mark.full
def test_both_versions_end_what_they_began(turnout: Installed, tmp_path: Path) -> None:
    """A deploy that waits is ended by the old worker without the new step; what is asked for later has it.

    No request fails meanwhile, instances, Envoy and Restate are the same processes as before, and the old worker
    leaves nothing behind once it has finished. A version that cannot be loaded is refused before anything is touched.
    """
    app, other = Slow(turnout, tmp_path, "app"), Slow(turnout, tmp_path, "other")
    app.deploy("v1")
    first = other.deploy("v1")["deployment_id"]
    other.deploy("v2")
    operation_id = app.begin_held("v2")
    before, worker = turnout.parts(), turnout.part("worker")
    lasting = _instances_and_envoy(turnout)
    assert turnout.ok("upgrade", "--dry-run")["would_upgrade"] is False
    turnout.install("99.0", step="added")
    assert turnout.ok("upgrade", "--dry-run")["would_upgrade"] is True

    with Traffic(turnout, app.live_domain) as traffic:
        done = turnout.ok("upgrade")
        assert (done["to"]["version"], done["upgraded"]) == ("99.0", True)
        assert turnout.ok("status")["version"] == "99.0"
        (old,) = done["draining"]
        assert turnout.draining() == [old]
        after = turnout.parts()
        assert {name for name in before if before[name]["pid"] == after[name]["pid"]} == {"supervisor", "restate"}
        assert lasting <= _instances_and_envoy(turnout)
        rolled_back = other.rollback("--to", first)
        later = other.deploy("v3")
        app.let_go()
        ended = turnout.ended(operation_id)
        until(lambda: not turnout.draining(), what="the old worker has gone")
    assert rolled_back["live_deployment_id"] == first
    assert "added" in [step["name"] for step in later["steps"]]
    assert ended["status"] == "succeeded", ended
    assert "added" not in [step["name"] for step in ended["steps"]]
    assert app.serves() == "v2"
    assert traffic.failures == []
    assert not worker.is_running()
    assert len(turnout.workers_at_restate()) == 1
    assert "RT0016" not in turnout.log("restate") + turnout.log("supervisor")

    (turnout.package / "bootstrap" / "worker.py").write_text("import nothing_of_that_name\n")
    refused = turnout.run("upgrade")
    assert refused.problem["detail"] == (
        "cannot upgrade: the installed version cannot be loaded: "
        "ModuleNotFoundError: No module named 'nothing_of_that_name'; nothing was changed"
    )
    assert turnout.parts()["worker"]["pid"] == after["worker"]["pid"]


@pytest.mark.full
def test_a_second_upgrade_while_the_first_drains(turnout: Installed, tmp_path: Path) -> None:
    """Three versions run beside each other, and each ends what it began; the first one is what comes back."""
    apps = [Slow(turnout, tmp_path, name) for name in ("one", "two", "three")]
    for app in apps:
        app.deploy("v1")
    original = (turnout.package / "workflows" / "deploy.py").read_text()
    begun = [apps[0].begin_held("v2")]
    turnout.install("99.0", step="added")
    turnout.ok("upgrade")
    begun.append(apps[1].begin_held("v2"))
    (turnout.package / "workflows" / "deploy.py").write_text(original)
    turnout.install("99.1")
    done = turnout.ok("upgrade")
    assert len(done["draining"]) == 2
    begun.append(apps[2].begin_held("v2"))
    # The first worker's code is the newest one's: what it had begun goes on there, and it need not wait.
    until(lambda: len(turnout.draining()) == 1, what="the first worker has gone")
    for app in apps:
        app.let_go()
    ended = [turnout.ended(operation_id) for operation_id in begun]
    assert [each["status"] for each in ended] == ["succeeded"] * 3, ended
    assert ["added" in [step["name"] for step in each["steps"]] for each in ended] == [False, True, False]
    until(lambda: not turnout.draining(), what="only the newest worker is left")
    assert len(turnout.workers_at_restate()) == 1
    assert "RT0016" not in turnout.log("restate") + turnout.log("supervisor")


@pytest.mark.full
def test_the_machine_dies_in_the_middle(turnout: Installed, tmp_path: Path) -> None:
    """What the old version had begun ends failed with the reason, traffic is as before, the next deploy works."""
    app = Slow(turnout, tmp_path, "app")
    app.deploy("v1")
    operation_id = app.begin_held("v2")
    turnout.install("99.0", step="added")
    turnout.ok("upgrade")
    _kill(turnout.processes())
    turnout.up("--backend", "process")
    ended = turnout.ended(operation_id)
    assert ended["status"] == "failed"
    assert GONE in ended["reason"]
    until(lambda: app.serves() == "v1", what="v1 answers again")
    app.let_go()
    assert app.deploy("v3")["live"] is True
    assert len(turnout.workers_at_restate()) == 1


@pytest.mark.full
def test_another_version_is_installed_and_the_worker_dies(turnout: Installed, tmp_path: Path) -> None:
    """Nobody has asked for an upgrade: still the new code does not go on with what the old one had begun."""
    app = Slow(turnout, tmp_path, "app")
    app.deploy("v1")
    operation_id = app.begin_held("v2")
    turnout.install("99.0", step="added")
    turnout.kill("worker")
    ended = turnout.ended(operation_id)
    assert (ended["status"], GONE in ended["reason"]) == ("failed", True)
    app.let_go()
    assert "added" in [step["name"] for step in app.deploy("v3")["steps"]]
    assert "RT0016" not in turnout.log("restate")


@pytest.mark.full
def test_the_supervisor_dies_while_an_old_worker_drains(turnout: Installed, tmp_path: Path) -> None:
    """The next `turnout up` lets the old worker finish."""
    app = Slow(turnout, tmp_path, "app")
    app.deploy("v1")
    operation_id = app.begin_held("v2")
    turnout.install("99.0", step="added")
    (old,) = turnout.ok("upgrade")["draining"]
    turnout.kill("supervisor")
    turnout.up("--backend", "process")
    assert turnout.draining() == [old]
    app.let_go()
    assert turnout.ended(operation_id)["status"] == "succeeded"
    until(lambda: not turnout.draining(), what="the old worker has gone")
    assert app.serves() == "v2"


def test_nothing_that_runs_cannot_be_upgraded(tmp_path: Path) -> None:
    """One sentence, and what starts it."""
    refused = Installed(tmp_path).run("upgrade")
    assert refused.code == 1
    assert "`turnout up` starts the version that is installed" in refused.problem["detail"]


def _instances_and_envoy(turnout: Installed) -> set[int]:
    """What has to outlive an upgrade."""
    return {
        process.pid
        for process, environment in turnout.environments()
        if "TURNOUT_INSTANCE_ID" in environment or "--config-path" in process.cmdline()
    }


def _kill(processes: list[psutil.Process]) -> None:
    """All at once, as when the power goes."""
    for process in processes:
        process.suspend()
    for process in processes:
        process.kill()
    for process in processes:
        process.wait(10)
