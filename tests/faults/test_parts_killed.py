"""Restate, krane, the gateway and Envoy, killed and frozen under one running Turnout."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.asked import answers, ask, ask_deploy, envoy, processes_of, replaced
from tests.faults.checker import check
from tests.faults.rows import Row
from tests.kit import EXAMPLES, App, Traffic, Turnout, until

pytestmark = pytest.mark.full

SLOW = "import time\ntime.sleep(2)\n"


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """One for all that follows; a gateway that does not answer is named after three seconds."""
    turnout = Turnout(
        tmp_path_factory.mktemp("killed") / "home",
        TURNOUT_DEPLOY_PROPAGATION_SECONDS="3",
        TURNOUT_DEPLOY_OBSERVE_SECONDS="1",
    )
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


@pytest.fixture(scope="module")
def app(turnout: Turnout, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app of which v1 and v2 are there, v2 live."""
    app = App(turnout, tmp_path_factory.mktemp("app"), "killed", replicas=2)
    app.deploy("v1")
    app.deploy("v2")
    return app


@pytest.mark.fault(Row.RESTATE_KILLED)
def test_restate_in_the_middle_of_each_operation(turnout: Turnout, app: App, subtests: pytest.Subtests) -> None:
    """Before it has been told of the operation, and after: it goes on when Restate is back, and no request fails."""
    versions = {row["id"]: row for row in app.ls()["deployments"]}
    live = app.ls()["live_deployment_id"]
    (other,) = versions.keys() - {live}
    for verb, target in (("rollback", other), ("promote", live)):
        for told in (False, True):
            with subtests.test(msg=f"{verb}, killed {'after' if told else 'before'} it was told"):
                if verb == "rollback" and told:
                    ask(app, "promote", target_deployment_id=live).succeeded()
                elif verb == "promote" and told:
                    ask(app, "rollback", target_deployment_id=other).succeeded()
                with Traffic(turnout, app.live_domain) as traffic:
                    old = 0 if told else turnout.kill("restate")
                    asked = ask(app, verb, target_deployment_id=target)
                    old = old or turnout.kill("restate")
                    asked.succeeded()
                replaced(turnout, "restate", old)
                assert app.ls()["live_deployment_id"] == target
                check(turnout, traffic=[traffic])
    for step in ("source", "readiness"):
        with subtests.test(msg=f"deploy, killed at {step}"):
            app.write(f"at {step}", app__py=SLOW + plain())
            with Traffic(turnout, app.live_domain) as traffic:
                asked = ask_deploy(app)
                asked.reached(step)
                old = turnout.kill("restate")
                ended = asked.succeeded()
            replaced(turnout, "restate", old)
            assert app.ls()["live_deployment_id"] == ended["deployment_id"]
            check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.KRANE_KILLED)
def test_krane_while_it_starts_and_stops(turnout: Turnout, app: App, subtests: pytest.Subtests) -> None:
    """What it had begun is finished by the next one: started once, checked, and stopped when it is not wanted."""
    with subtests.test(msg="killed while it starts instances"):
        app.write("k1", app__py=SLOW + plain())
        with Traffic(turnout, app.live_domain) as traffic:
            asked = ask_deploy(app)
            asked.reached("readiness")
            until(lambda: processes_of(asked), what="its instances are started")
            old = turnout.kill("krane")
            asked.succeeded()
        replaced(turnout, "krane", old)
        assert app.serves() == "k1"
        check(turnout, traffic=[traffic])
    with subtests.test(msg="killed while it stops the instances of a deploy that was cancelled"):
        app.write("k2", app__py="import time\ntime.sleep(60)\n")
        with Traffic(turnout, app.live_domain) as traffic:
            asked = ask_deploy(app)
            asked.reached("readiness")
            until(lambda: processes_of(asked), what="its instances are started")
            turnout.api.post(f"/v1/operations/{asked.id}/cancel")
            old = turnout.kill("krane")
            assert asked.ended()["status"] == "cancelled"
        replaced(turnout, "krane", old)
        until(lambda: not processes_of(asked), what="nothing of it runs")
        check(turnout, traffic=[traffic])
    with subtests.test(msg="an instance dies while krane is dead"):
        live = str(app.ls()["live_deployment_id"])
        pids = {each.pid for each in turnout.processes_with("TURNOUT_DEPLOYMENT_ID", live)}
        old = turnout.kill("krane")
        psutil.Process(min(pids)).kill()
        replaced(turnout, "krane", old)
        until(lambda: app.deployment(live)["instances_running"] == 2, what="both run again")
        check(turnout)


@pytest.mark.fault(Row.GATEWAY_KILLED)
def test_envoy_and_the_gateway(turnout: Turnout, app: App, subtests: pytest.Subtests) -> None:
    """Envoy is back with what it served; without the gateway it goes on; and what was switched meanwhile arrives."""
    app.write("g1", app__py=plain())
    app.deploy("g1")
    with subtests.test(msg="envoy"):
        before = envoy(turnout)
        before.kill()
        until(lambda: envoy(turnout).pid != before.pid, what="another Envoy runs")
        until(lambda: answers(app), what="it serves")
        assert app.serves() == "g1"
        check(turnout)
    with subtests.test(msg="the gateway, and Envoy goes on"):
        before = envoy(turnout)
        with Traffic(turnout, app.live_domain) as traffic:
            old = turnout.kill("gateway")
            asked = ask(app, "rollback")
            assert asked.ended()["status"] in ("succeeded", "degraded")
            replaced(turnout, "gateway", old)
            until(lambda: app.serves() != "g1", what="the rollback is served")
        assert envoy(turnout).pid == before.pid
        check(turnout, traffic=[traffic])
    with subtests.test(msg="both"):
        version = app.serves()
        old = turnout.kill("gateway")
        envoy(turnout).kill()
        replaced(turnout, "gateway", old)
        until(lambda: answers(app), what="it serves")
        assert app.serves() == version
        check(turnout)


@pytest.mark.fault(Row.STREAM_CUT)
def test_a_gateway_that_hangs(turnout: Turnout, app: App) -> None:
    """The switch is committed and says who did not follow; the old version serves on, until the gateway moves again."""
    app.write("h1", app__py=plain())
    first = app.deploy("h1")
    if not first["live"]:
        app.promote(first["deployment_id"])
    second = app.deploy("h2")
    gateway = turnout.part("gateway")
    with Traffic(turnout, app.live_domain) as traffic:
        gateway.send_signal(signal.SIGSTOP)
        try:
            ended = ask(app, "rollback", target_deployment_id=first["deployment_id"]).ended()
            assert ended["status"] == "degraded", ended
            assert "did not confirm it in time" in ended["reason"]
            assert app.ls()["live_deployment_id"] == first["deployment_id"]
            assert app.serves() == "h2"
        finally:
            gateway.send_signal(signal.SIGCONT)
        until(lambda: app.serves() == "h1", what="it follows")
    check(turnout, traffic=[traffic])
    app.promote(second["deployment_id"])
    assert app.serves() == "h2"


def plain() -> str:
    """The app as it came."""
    return (EXAMPLES / "hello-python" / "app.py").read_text()
