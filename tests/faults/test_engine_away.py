"""The container engine vanishes, hangs and is slow under a running Turnout, and krane dies on top of it.

Only the socket that Turnout knows does that: the engine behind it is fine, and so are its containers.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.asked import Asked, kill, replaced
from tests.faults.checker import check
from tests.faults.proxy import Proxy
from tests.faults.rows import Row
from tests.faults.world import read_tables
from tests.kit import Traffic, Turnout, until
from tests.support import busybox_image, require
from turnout.krane.detect import docker_address

pytestmark = [pytest.mark.full, pytest.mark.docker, pytest.mark.fault(Row.ENGINE_AWAY)]

HOST = "engine-default.localhost"


@pytest.fixture(scope="module")
def engine() -> Iterator[Proxy]:
    """What Turnout takes for the engine."""
    require("docker")
    address = docker_address() or ""
    if not address.startswith("unix://"):
        pytest.skip("the engine is not behind a Unix socket")
    with (
        tempfile.TemporaryDirectory(prefix="turnout-") as folder,
        Proxy(Path(folder) / "engine.sock", Path(address.removeprefix("unix://"))) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="module")
def turnout(engine: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """With two versions of an app in containers, v2 live."""
    turnout = Turnout(
        tmp_path_factory.mktemp("engine") / "home",
        DOCKER_HOST=f"unix://{engine.path}",
        TURNOUT_DEPLOY_OBSERVE_SECONDS="1",
    )
    turnout.up()
    for version in ("v1", "v2", "v3", "v4"):
        image(tmp_path_factory.mktemp(version), version)
    for version in ("v1", "v2"):
        turnout.ok("deploy", "--image", f"turnout-test/engine:{version}", "--project", "engine")
    yield turnout
    engine.recover()
    turnout.down()


def test_gone(turnout: Turnout, engine: Proxy) -> None:
    """Traffic goes on, a rollback works, a deploy says what it waits for; when it is back the deploy ends well."""
    with Traffic(turnout, HOST) as traffic:
        engine.vanish()
        try:
            asked = deploy(turnout, "v3")
            asked.reached("readiness")
            until(lambda: says(turnout, asked, "the Docker Engine cannot be reached"), what="krane says why it waits")
            assert turnout.ok("rollback", "--project", "engine")["status"] == "succeeded"
            assert serves(turnout) == "v1"
        finally:
            engine.recover()
        ended = asked.succeeded()
    assert ended["live_deployment_id"] != ended["deployment_id"], "the project is rolled back"
    turnout.ok("promote", ended["deployment_id"], "--project", "engine")
    assert serves(turnout) == "v3"
    check(turnout, traffic=[traffic])


def test_gone_for_too_long(turnout: Turnout, engine: Proxy) -> None:
    """A deploy that cannot be started fails at its deadline with the reason, and leaves nothing."""
    version = serves(turnout)
    with Traffic(turnout, HOST) as traffic:
        engine.vanish()
        try:
            body = {"image": "turnout-test/engine:v4", "health": {"deadline": 3}}
            answer = turnout.api.post("/v1/projects/engine/deployments", json=body)
            assert answer.status_code == 202, answer.text
            ended = Asked(turnout, answer.json()["operation_id"]).ended()
        finally:
            engine.recover()
    assert ended["status"] == "failed", ended
    assert "Docker Engine" in ended["reason"], ended["reason"]
    assert serves(turnout) == version
    check(turnout, traffic=[traffic])


def test_hung_and_krane_killed(turnout: Turnout, engine: Proxy) -> None:
    """The next krane cannot see its containers and takes none for dead; it has all of them when the engine is back."""
    version = serves(turnout)
    containers = running(turnout)
    with Traffic(turnout, HOST) as traffic:
        engine.hang()
        try:
            old = kill(turnout, "krane")
            replaced(turnout, "krane", old)
            until(lambda: offers(turnout) == {"process"}, within=30, what="krane has missed the engine")
            refused = turnout.run("deploy", "--image", "turnout-test/engine:v4", "--project", "engine")
            assert refused.code == 2
            assert "no Docker Engine answers" in refused.problem["detail"]
            assert serves(turnout) == version
        finally:
            engine.recover()
        until(lambda: offers(turnout) == {"docker", "process"}, what="krane has found the engine")
        ended = deploy(turnout, "v4").succeeded()
    assert serves(turnout) == "v4"
    assert containers <= running(turnout), "what ran goes on, not started anew"
    assert ended["live_deployment_id"] == ended["deployment_id"]
    check(turnout, traffic=[traffic])


def test_slow(turnout: Turnout, engine: Proxy) -> None:
    """Each piece takes half a second each way: a deploy takes its time and ends well."""
    with Traffic(turnout, HOST) as traffic:
        engine.slow_down(0.5)
        try:
            deploy(turnout, "v3").succeeded(within=120)
        finally:
            engine.recover()
    assert serves(turnout) == "v3"
    check(turnout, traffic=[traffic])


def test_a_container_that_is_gone_behind_its_back(turnout: Turnout, engine: Proxy) -> None:
    """Removed by hand while krane could not look: it is found missing, and started again."""
    live_id = turnout.ok("ls", "--project", "engine")["live_deployment_id"]
    (live,) = (each for each in running(turnout) if live_id in environment(each))
    engine.vanish()
    try:
        subprocess.run(["docker", "rm", "--force", live], check=True, capture_output=True)
    finally:
        engine.recover()
    until(lambda: answers_at(turnout), within=40, what="it serves again")
    check(turnout)


def deploy(turnout: Turnout, version: str) -> Asked:
    """Ask for a deploy of an image."""
    name = f"turnout-test/engine:{version}"
    return Asked(turnout, turnout.ok("deploy", "--image", name, "--project", "engine", "--detach")["operation_id"])


def serves(turnout: Turnout) -> str:
    """The version at the live domain."""
    return turnout.serves(HOST).strip()


def answers_at(turnout: Turnout) -> bool:
    """Whether the live domain answers well."""
    return turnout.get(HOST).status_code == 200


def says(turnout: Turnout, asked: Asked, words: str) -> bool:
    """Whether krane has told this of an instance that the operation waits for."""
    told = [str(row["reason"]) for row in read_tables(turnout)["instances"] if row["deployment_id"] == asked.deployment]
    return any(words in each for each in told)


def offers(turnout: Turnout) -> set[str]:
    """The backends that the region has, for all that the server knows."""
    (region,) = turnout.ok("status")["regions"]
    return set(region["backends"])


def running(turnout: Turnout) -> set[str]:
    """The containers of this home that run."""
    home = (turnout.home / "run" / "home-id").read_text()
    listing = ["docker", "ps", "--no-trunc", "--quiet", "--filter", f"label=turnout.home={home}"]
    return set(subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split())


def environment(container: str) -> str:
    """What a container is told."""
    inspecting = ["docker", "inspect", "--format", "{{.Config.Env}}", container]
    return subprocess.run(inspecting, check=True, capture_output=True, text=True).stdout


def image(folder: Path, version: str) -> None:
    """An app that answers with its version."""
    (folder / "index.html").write_text(version + "\n")
    (folder / "Dockerfile").write_text(
        f"FROM {busybox_image()}\nCOPY index.html /www/index.html\n"
        'CMD ["/bin/sh", "-c", "exec /bin/busybox httpd -f -p $PORT -h /www"]\n'
    )
    building = ["docker", "build", "-q", "-t", f"turnout-test/engine:{version}", str(folder)]
    subprocess.run(building, check=True, capture_output=True)
