"""The checker sees what it is there to see: each thing that may go wrong, done to what a healthy Turnout looks like."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import check, violations
from tests.faults.leaks import leaks_of
from tests.faults.seen_gateway import Answer
from tests.faults.seen_machine import Seen
from tests.faults.world import World, look
from tests.kit import App, Turnout

SECRET = "hush-7f3a9c2b41d05e"


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """One with two deployments, a rollback, and a secret."""
    turnout = Turnout(tmp_path_factory.mktemp("checked") / "home", TURNOUT_DEPLOY_OBSERVE_SECONDS="0")
    turnout.up("--backend", "process")
    try:
        app = App(turnout, tmp_path_factory.mktemp("app"), "checked", replicas=2)
        turnout.ok("env", "set", f"TOKEN={SECRET}", "--project", "checked")
        for version in ("v1", "v2"):
            app.deploy(version)
        turnout.ok("rollback", "--project", "checked")
        yield turnout
    finally:
        turnout.down()


@pytest.fixture(scope="module")
def world(turnout: Turnout) -> World:
    """What is seen of it, with nothing wrong."""
    check(turnout, secrets=[SECRET])
    return look(turnout)


def rows(table: str, **values: Any) -> Callable[[World], World]:
    """Change the first row of a table."""

    def change(world: World) -> World:
        tables = copy.deepcopy(world.tables)
        tables[table][0].update(values)
        return replace(world, tables=tables)

    return change


def without(table: str) -> Callable[[World], World]:
    """Lose the last row of a table."""
    return lambda world: replace(world, tables={**world.tables, table: world.tables[table][:-1]})


def envoy(**values: Any) -> Callable[[World], World]:
    """Have Envoy serve something else."""
    return lambda world: replace(world, envoy=replace(world.envoy, **values))


def process(**values: Any) -> Callable[[World], World]:
    """One more process."""
    seen = Seen(
        **{"pid": 1, "command": "sleep", "part": None, "instance": None, "build": None, "gateway": False, **values}
    )
    return lambda world: replace(world, processes=(*world.processes, seen))


def paused(world: World) -> World:
    """An invocation that nobody goes on with."""
    stuck = {"id": "inv_1", "target": "Deployments/prj_1/deploy", "status": "paused", "idempotency_key": None}
    return replace(world, invocations=[*world.invocations, stuck])


def elsewhere(world: World) -> World:
    """Traffic that goes to somebody else."""
    fqdn = world.tables["routes"][0]["fqdn"]
    return replace(world, answers={**world.answers, fqdn: Answer(deployment="dep_other", instance="-", status=200)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(rows("operations", status="running", ended_at=None), "I2: deploy op_", id="operation-open"),
        pytest.param(rows("operations", status="failed"), "without a reason", id="no-reason"),
        pytest.param(rows("deployments", status="building"), "no operation carries it on", id="deployment-open"),
        pytest.param(rows("projects", live_deployment_id=None), "the last switch led to", id="pointer"),
        pytest.param(rows("routes", deployment_id="dep_other"), "in Envoy to", id="route"),
        pytest.param(rows("sentinel_configs", deployment_id="dep_other"), "its sentinel config names", id="sentinel"),
        pytest.param(rows("instances", status="starting"), "I4: ins_", id="instance"),
        pytest.param(without("instances"), "2 are wanted", id="too-few-instances"),
        pytest.param(rows("placements", desired="removed"), "ready and not to run", id="not-placed"),
        pytest.param(rows("operation_steps", ended_at=None), "its step", id="step-open"),
        pytest.param(rows("waits", settled_at=None), "its wait for", id="wait-open"),
        pytest.param(rows("counters", name="generation", value=0), "the generation fell", id="generation"),
        pytest.param(without("switches"), "its switch None", id="switch-lost"),
        pytest.param(rows("switches", from_deployment_id="dep_other"), "does not follow", id="history"),
        pytest.param(without("audit_log"), "the audit log tells", id="audit"),
        pytest.param(rows("gateways", connected=False), "no gateway is connected", id="gateway"),
        pytest.param(rows("gateways", error="no"), "refused a configuration", id="gateway-refuses"),
        pytest.param(envoy(leads={}), "in Envoy to None", id="envoy-route"),
        pytest.param(envoy(leads={"x.localhost": "dep_other"}), "x.localhost leads to None", id="envoy-leftover"),
        pytest.param(envoy(endpoints={"dep_other": frozenset[str]()}), "to which no route leads", id="cluster"),
        pytest.param(envoy(refused=("route x",)), "did not take route x", id="envoy-refuses"),
        pytest.param(elsewhere, "and dep_other answered", id="traffic"),
        pytest.param(paused, "is paused", id="paused"),
        pytest.param(process(), "belongs to no part", id="process"),
        pytest.param(process(build="/builds/dep_1"), "of a build is alive", id="builder"),
        pytest.param(process(instance="ins_gone"), "of ins_gone is alive", id="instance-process"),
        pytest.param(
            lambda world: replace(world, containers={"ins_gone": "exited"}), "ins_gone is exited", id="container"
        ),
        pytest.param(lambda world: replace(world, processes=()), "there is no process of it", id="no-process"),
    ],
)
def test_what_is_wrong_is_seen(world: World, change: Callable[[World], World], said: str) -> None:
    """One thing at a time; what was healthy is not called wrong."""
    assert violations(world) == []
    assert said in "\n".join(violations(change(world)))


@pytest.mark.parametrize("place", ["krane/instances/ins_gone", "builds/dep_gone", "logs/dep_gone", "releases/.x.lock"])
def test_a_folder_that_nobody_needs_is_seen(turnout: Turnout, world: World, place: str) -> None:
    """In every place where the parts keep something for a while."""
    left = turnout.home / place
    left.mkdir(parents=True)
    try:
        assert left.name in "\n".join(violations(world))
    finally:
        left.rmdir()


@pytest.mark.parametrize("form", [SECRET, SECRET.encode().hex(), "eHh4aHVzaC03ZjNhOWMyYjQxZDA1ZXh4"])
def test_a_secret_is_found(turnout: Turnout, form: str) -> None:
    """As it is, in hexadecimal, and in Base64 between other words."""
    note = turnout.home / "run" / "note"
    note.write_text(f"something {form} something")
    try:
        assert list(leaks_of(turnout, (SECRET,))) == ["run/note"]
    finally:
        note.unlink()
