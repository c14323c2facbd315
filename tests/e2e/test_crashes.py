"""What must hold when a part is killed: the operation finishes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout, until

SLOW_START = "import time\ntime.sleep(2)\n"


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """One for both: what was killed is back afterwards."""
    turnout = Turnout(tmp_path_factory.mktemp("crashes") / "home")
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


@pytest.mark.parametrize(
    "victim",
    [
        pytest.param("worker", marks=pytest.mark.fault(Row.KILLED_AT_A_STEP)),
        pytest.param("restate", marks=pytest.mark.fault(Row.RESTATE_KILLED)),
    ],
)
def test_kill_9_during_a_deploy(breakable: Turnout, tmp_path: Path, victim: str) -> None:
    """The deploy that was under way ends well without anybody doing anything, and no request fails meanwhile."""
    app = App(breakable, tmp_path, f"crash-{victim}", replicas=2)
    app.deploy("v1")
    app.write("v2", app__py=SLOW_START + (app.folder / "app.py").read_text())
    with Traffic(breakable, app.live_domain) as traffic:
        accepted = breakable.ok("deploy", str(app.folder), "--project", app.name, "--detach")
        operation = f"/v1/operations/{accepted['operation_id']}"
        until(lambda: "readiness" in [step["name"] for step in breakable.api.get(operation).json()["steps"]])
        breakable.kill(victim)
        ended = until(lambda: _ended(breakable, operation), within=40, what="the deploy ends")
    assert ended["status"] == "succeeded", ended
    assert app.serves() == "v2"
    assert traffic.failures == []
    assert app.ls()["live_deployment_id"] == ended["deployment_id"]


@pytest.mark.full
@pytest.mark.fault(Row.KRANE_KILLED)
def test_kill_9_of_krane_and_of_the_server_leaves_traffic_alone(own_turnout: Turnout, tmp_path: Path) -> None:
    """Instances and gateway go on; what is deployed afterwards works as before."""
    app = App(own_turnout, tmp_path, "steady")
    app.deploy("v1")
    with Traffic(own_turnout, app.live_domain) as traffic:
        for victim in ("krane", "server"):
            old = own_turnout.kill(victim)
            until(lambda old=old, victim=victim: own_turnout.is_another(victim, old), what=f"another {victim} runs")
        until(own_turnout.healthy, what="all is healthy again")
        app.deploy("v2")
    assert traffic.failures == []
    assert app.serves() == "v2"


@pytest.mark.full
def test_down_leaves_nothing_and_up_brings_everything_back(tmp_path: Path) -> None:
    """No process of the home survives `down`; the next `up` serves what was live."""
    turnout = Turnout(tmp_path / "home")
    turnout.up("--backend", "process")
    app = App(turnout, tmp_path, "again")
    app.deploy("v1")
    turnout.down()
    assert turnout.processes() == []
    turnout.up("--backend", "process")
    try:
        until(lambda: turnout.get(app.live_domain).status_code == 200, what="v1 answers again")
        assert app.serves() == "v1"
        assert app.deploy("v2")["live"] is True
    finally:
        turnout.down()
    assert turnout.processes() == []


def _ended(turnout: Turnout, operation: str) -> dict[str, object] | None:
    document = turnout.api.get(operation).json()
    return document if document["ended_at"] is not None else None
