"""Apps that misbehave, a locked database, and hurried people, at one running Turnout with processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.asked import Asked, answers, ask, ask_deploy, post, processes_of
from tests.faults.checker import check
from tests.faults.rows import Row
from tests.kit import EXAMPLES, App, Traffic, Turnout, until

pytestmark = pytest.mark.full

GOOD = (EXAMPLES / "hello-python" / "app.py").read_text()
SLEEPY = "import time\nprint('still thinking', flush=True)\ntime.sleep(600)\n"
HUNGRY = """
def eat():
    import time
    food = []
    while True:
        food.append(bytearray(8 * 2**20))
        time.sleep(0.02)
"""
SHY = """
import http.server, os, pathlib
seen = pathlib.Path({seen!r})
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        number = len(seen.read_text()) if seen.exists() else 0
        passes = {rule}
        with seen.open("a") as file:
            file.write("+" if passes else "-")
        self.send_response(200 if passes else 500)
        self.send_header("x-hello-version", "shy")
        self.send_header("content-length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def turnout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turnout]:
    """One for all that follows."""
    turnout = Turnout(tmp_path_factory.mktemp("bad") / "home", TURNOUT_DEPLOY_OBSERVE_SECONDS="0")
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


@pytest.fixture(scope="module")
def app(turnout: Turnout, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app of which v1 and v2 are there, v2 live."""
    app = App(turnout, tmp_path_factory.mktemp("app"), "bad")
    app.deploy("v1")
    app.deploy("v2")
    return app


@pytest.mark.fault(Row.BAD_INSTANCES)
@pytest.mark.parametrize(
    ("source", "words", "deadline"),
    [
        pytest.param(SLEEPY, "still thinking", 3, id="never-ready"),
        pytest.param("import sys\nprint('no config', flush=True)\nsys.exit(3)\n", "exited with code 3", 30, id="exits"),
        pytest.param(HUNGRY + "eat()\n", "MiB of memory", 30, id="out-of-memory"),
        pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "SIGSEGV", 30, id="crashes"),
    ],
)
def test_no_switch_to_what_does_not_run(turnout: Turnout, app: App, source: str, words: str, deadline: int) -> None:
    """The deploy fails with the reason, nothing of it is left, and the version before goes on alone."""
    live, version = app.ls()["live_deployment_id"], app.serves()
    app.write("bad", app__py=source, turnout__toml=manifest(deadline=deadline))
    with Traffic(turnout, app.live_domain) as traffic:
        failed = app.try_deploy()
    assert failed.code == 1
    assert words in failed.document["reason"], failed.document
    assert app.ls()["live_deployment_id"] == live
    assert set(traffic.answers) == {version}
    check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.BAD_INSTANCES)
def test_passes_have_to_come_in_a_row(turnout: Turnout, app: App, tmp_path: Path) -> None:
    """Three are asked for: one that passes two of three checks never gets traffic; one that settles down does."""
    live = app.ls()["live_deployment_id"]
    seen = tmp_path / "flaps"
    app.write("flaps", app__py=SHY.format(seen=str(seen), rule="number % 3 != 2"), turnout__toml=manifest(passes=3))
    with Traffic(turnout, app.live_domain) as traffic:
        failed = app.try_deploy()
    assert failed.code == 1
    assert "health check" in failed.document["reason"]
    assert seen.read_text().count("+") > 3, "it has passed often enough, but not in a row"
    assert app.ls()["live_deployment_id"] == live
    check(turnout, traffic=[traffic])
    seen = tmp_path / "settles"
    rule = "number not in (0, 1, 3, 5)"
    app.write("settles", app__py=SHY.format(seen=str(seen), rule=rule), turnout__toml=manifest(passes=3, deadline=20))
    with Traffic(turnout, app.live_domain) as traffic:
        assert app.try_deploy().code == 0
    assert seen.read_text().startswith("--+-+-+++")
    check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.BAD_INSTANCES)
@pytest.mark.parametrize("how", ["killed", "out-of-memory"])
def test_what_dies_after_the_switch_is_started_again(turnout: Turnout, app: App, tmp_path: Path, how: str) -> None:
    """It was live and stays so: the same instance runs again, and answers."""
    marker = tmp_path / "die"
    dying = GOOD.replace(
        "def main() -> None:",
        f"{HUNGRY}\n\ndef when_told():\n    while not Path({str(marker)!r}).exists():\n        time.sleep(0.05)\n"
        f"    Path({str(marker)!r}).unlink()\n    eat()\n\n\n"
        "def main() -> None:\n    threading.Thread(target=when_told, daemon=True).start()",
    )
    app.write(how, app__py=dying, turnout__toml=manifest(deadline=20))
    deployed = app.try_deploy().document
    assert deployed["live"] is True, deployed
    asked = Asked(turnout, deployed["operation_id"])
    (before,) = instances(turnout, asked)
    if how == "killed":
        for process in processes_of(asked):
            process.kill()
    else:
        marker.touch()
    until(lambda: instances(turnout, asked)[0]["restarts"] == 1, what="it is started again")
    until(lambda: answers(app), what="it answers")
    (after,) = instances(turnout, asked)
    assert after["id"] == before["id"]
    assert app.serves() == how
    check(turnout)


@pytest.mark.fault(Row.STORE_AWAY)
def test_a_locked_database(turnout: Turnout, app: App) -> None:
    """Somebody keeps SQLite's lock for longer than anybody waits: no switch meanwhile, all of it afterwards."""
    app.write("l1", app__py="import time\ntime.sleep(2)\n" + GOOD, turnout__toml=manifest(deadline=30))
    version, generation = app.serves(), generation_of(turnout)
    with Traffic(turnout, app.live_domain) as traffic:
        asked = ask_deploy(app)
        asked.reached("readiness")
        with closing(sqlite3.connect(turnout.home / "turnout.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = post(app, "rollback")
            assert refused.status_code == 503, refused.text
            assert "locked" in refused.json()["detail"]
            assert app.serves() == version
            assert generation_of(turnout) == generation
            other.execute("ROLLBACK")
        asked.succeeded()
    assert app.serves() == "l1"
    check(turnout, traffic=[traffic])


@pytest.mark.fault(Row.DUPLICATES)
def test_many_people_ask_for_the_same(turnout: Turnout, app: App) -> None:
    """Twenty rollbacks at once, then twenty promotes: one switch each, and a plain refusal for whoever was late."""
    app.write("d1", app__py=GOOD, turnout__toml=manifest())
    first = app.try_deploy().document
    app.write("d2")
    second = app.try_deploy().document
    with Traffic(turnout, app.live_domain) as traffic:
        for verb, target, source in (
            ("rollback", first["deployment_id"], second["deployment_id"]),
            ("promote", second["deployment_id"], None),
        ):
            before = generation_of(turnout)
            body = {"target_deployment_id": target} | ({"source_deployment_id": source} if source else {})
            with ThreadPoolExecutor(20) as people:
                told = list(people.map(lambda _, verb=verb, body=body: post(app, verb, **body), range(20)))
            ended = [Asked(turnout, each.json()["operation_id"]).ended() for each in told if each.status_code == 202]
            assert {each.status_code for each in told} <= {202, 400}
            assert sorted(each["status"] for each in ended).count("succeeded") == 1, ended
            assert all(each["reason"] for each in ended if each["status"] != "succeeded")
            assert generation_of(turnout) == before + 1
    check(turnout, traffic=[traffic])
    with ThreadPoolExecutor(20) as people:
        app.write("d3", app__py="import time\ntime.sleep(60)\n", turnout__toml=manifest(deadline=60))
        asked = ask_deploy(app)
        asked.reached("readiness")
        cancelled = people.map(lambda _: turnout.api.post(f"/v1/operations/{asked.id}/cancel").status_code, range(20))
    assert set(cancelled) == {202}
    assert asked.ended()["status"] == "cancelled"
    check(turnout)
    ask(app, "rollback").succeeded()


def manifest(*, passes: int = 1, deadline: float = 3.0) -> str:
    """One instance that is checked often."""
    return (
        '[run]\ncommand = "python app.py"\n[resources]\nreplicas = 1\nmemory_mib = 128\n'
        f'[health]\npath = "/healthz"\ninterval = 0.1\npasses = {passes}\ndeadline = {deadline}\n'
    )


def instances(turnout: Turnout, asked: Asked) -> list[dict[str, Any]]:
    """What the store knows of the instances of an operation's deployment."""
    with closing(sqlite3.connect(turnout.home / "turnout.db")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM instances WHERE deployment_id = ?", (asked.deployment,))
        return [dict(row) for row in found]


def generation_of(turnout: Turnout) -> int:
    """How many switches there were."""
    with closing(sqlite3.connect(turnout.home / "turnout.db")) as database:
        return int(database.execute("SELECT value FROM counters WHERE name = 'generation'").fetchone()[0])
