"""Much at once, and much that is there: no request fails, everything ends, and a switch costs what it changes."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from sqlalchemy import event
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.contract.store_kit import Clock, Yard
from tests.faults.lanes import packed
from tests.faults.rows import Row
from tests.kit import App, Traffic, Turnout, until
from turnout.domain.statuses import InstanceStatus, OperationStatus
from turnout.store import migrate, open_store

SWITCHES = 200
PROJECTS, BRANCHES = 20, 10
MANY = 1000

pytestmark = pytest.mark.fault(Row.LOAD)


class Sockets:
    """WebSockets to one domain, a new one every few echoes, each closed by us; what breaks is kept."""

    def __init__(self, turnout: Turnout, host: str) -> None:
        self.echoes = 0
        self.broken: list[str] = []
        self._url = turnout.urls["gateway_url"].replace("http://", "ws://") + "/ws"
        self._host = host
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _talk(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._url, additional_headers={"host": self._host}, proxy=None) as socket:
                    for number in range(50):
                        socket.send(f"{number}")
                        assert socket.recv() == f"{number}"
                        self.echoes += 1
                        if self._stop.wait(0.02):
                            return
            except (ConnectionClosed, OSError) as error:
                self.broken.append(repr(error))


class SlowRequests:
    """A request of two seconds after the other, from a few threads."""

    def __init__(self, turnout: Turnout, host: str) -> None:
        self.answers: Counter[int] = Counter()
        self._turnout, self._host = turnout, host
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.answers[self._turnout.get(self._host, "/slow?seconds=2").status_code] += 1


@pytest.mark.full
def test_hundreds_of_switches_under_constant_traffic(own_turnout: Turnout, tmp_path: Path) -> None:
    """Short requests, long ones and WebSockets go on through all of them: not one fails."""
    app = App(own_turnout, tmp_path, "switches")
    first, second = app.deploy("v1"), app.deploy("v2")
    with (
        Traffic(own_turnout, app.live_domain, pause=0.005) as short,
        SlowRequests(own_turnout, app.live_domain) as long,
        Sockets(own_turnout, app.live_domain) as sockets,
        own_turnout.api as api,
    ):
        for number in range(SWITCHES):
            if number % 2:
                asked = ("promote", {"target_deployment_id": second["deployment_id"]})
            else:
                asked = ("rollback", {"target_deployment_id": first["deployment_id"]})
            assert ended(api, begin(api, app.name, *asked))["status"] == "succeeded"
    assert short.failures == []
    assert sockets.broken == []
    assert set(long.answers) == {200}
    assert {"v1", "v2"} <= set(short.answers)
    assert own_turnout.ok("status")["healthy"] is True
    assert app.ls()["live_deployment_id"] == second["deployment_id"]


@pytest.mark.full
def test_two_hundred_deploys_at_once(own_turnout: Turnout, tmp_path: Path) -> None:
    """Of twenty projects: all end well, of each project who switched last is live, a bystander loses no request."""
    bystander = App(own_turnout, tmp_path, "bystander")
    bystander.deploy("v1")
    app = App(own_turnout, tmp_path, "many")
    app.write("v1")
    with Traffic(own_turnout, bystander.live_domain) as traffic, own_turnout.api as api:
        files = {file.name: file.read_text() for file in app.folder.iterdir()}
        uploaded = api.post("/v1/sources", content=packed(files))
        wanted = {
            "source_id": uploaded.json()["source_id"],
            "run_command": ["python", "app.py"],
            "resources": {"replicas": 1},
            "health": {"deadline": 300},
        }
        asked = {
            begin(api, f"many-{project}", "deployments", {**wanted, "git": {"branch": f"b{branch}"}}): project
            for branch in range(BRANCHES)
            for project in range(PROJECTS)
        }
        operations = [ended(api, each, pause=0.5) for each in asked]
    assert Counter(each["status"] for each in operations) == {"succeeded": PROJECTS * BRANCHES}
    assert traffic.failures == []
    # Deploys of several branches run in the order in which their builds ended; who switched last is live.
    last = {asked[each["operation_id"]]: each for each in sorted(operations, key=lambda each: each["generation"])}
    assert len(last) == PROJECTS
    for project, operation in last.items():
        listed = own_turnout.ok("ls", "--project", f"many-{project}")
        assert listed["live_deployment_id"] == operation["deployment_id"]
        assert own_turnout.get(f"many-{project}-default.localhost").status_code == 200


@pytest.mark.full
def test_a_thousand_projects_in_one_store(tmp_path: Path) -> None:
    """All of them are routed, and the job of one more project is done as if it were alone."""
    turnout = Turnout(tmp_path / "home")
    turnout.home.mkdir()
    asyncio.run(fill(f"sqlite+aiosqlite:///{turnout.home / 'turnout.db'}"))
    turnout.up("--backend", "process")
    try:
        for number in (0, MANY // 2, MANY - 1):
            host = f"p{number}-acme.turn.example"
            assert until(lambda host=host: turnout.get(host).status_code == 503, what=f"{host} is routed")
        app = App(turnout, tmp_path, "one-more")
        app.deploy("v1")
        with Traffic(turnout, app.live_domain) as traffic:
            app.deploy("v2")
            app.rollback()
        assert traffic.failures == []
        assert app.serves() == "v1"
        with turnout.api as api:
            assert len(api.get("/v1/projects").json()["projects"]) == 1  # the others are of another workspace
    finally:
        turnout.down()


async def test_a_switch_costs_what_it_changes(yard: Yard) -> None:
    """As many statements with many projects as with few, and gateways are told of that project alone."""
    costs = []
    for more in (3, 30):
        for number in range(more):
            await yard.ship(project=f"p{more}-{number}")
        before = (await yard.store.gateway_feed(since=0)).change
        deploy = await yard.admit()
        await yard.start(deploy)
        with counted(yard) as statements:
            await yard.switch(deploy)
            feed = await yard.store.gateway_feed(since=before)
        assert len(feed.projects) == 1
        costs.append(len(statements))
        await yard.ship()  # the same number of routes before each switch that is measured
    assert costs[1] - costs[0] in range(-2, 3), costs  # the first one makes the environment's domains


@contextmanager
def counted(yard: Yard) -> Iterator[list[str]]:
    """The statements that a block runs."""
    engine, ran = yard.store._db.engine.sync_engine, list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        ran.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def fill(url: str) -> None:
    """A thousand projects whose instances are somewhere else."""
    await migrate(url)
    async with open_store(url) as store:
        yard = Yard(store, Clock(), await store.ensure_workspace(slug="acme"))
        for number in range(MANY):
            deploy = await yard.admit(project=f"p{number}")
            await yard.start(deploy)
            await yard.report(deploy.deployment_id, InstanceStatus.RUNNING, address="127.0.0.1:9")  # nobody listens
            await yard.switch(deploy)
            await store.finish_operation(operation_id=deploy.operation_id, status=OperationStatus.SUCCEEDED)


def begin(api: httpx.Client, project: str, verb: str, body: dict[str, Any]) -> str:
    """Ask for an operation; returns its id."""
    answer = api.post(f"/v1/projects/{project}/{verb}", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["operation_id"])


def ended(api: httpx.Client, operation_id: str, *, pause: float = 0.02) -> dict[str, Any]:
    """The operation, once it has ended; `pause` seconds between two looks."""

    def look() -> dict[str, Any] | None:
        document: dict[str, Any] = api.get(f"/v1/operations/{operation_id}").json()
        return document if document["ended_at"] is not None else None

    return until(look, within=150, what=f"{operation_id} has ended", pause=pause)
