"""A whole krane against a server in memory: with fake instances where failure is forced, else with real ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import structlog

from tests.faults.rows import Row
from tests.support import busybox_image, eventually, make_release
from turnout.domain.documents import DesiredState, InstanceReport
from turnout.domain.errors import Conflict
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, HealthCheck, Resources, RunSpec
from turnout.domain.statuses import InstanceStatus
from turnout.krane import sessions
from turnout.krane.agent import Agent
from turnout.krane.detect import docker_address
from turnout.krane.docker import DockerBackend
from turnout.krane.farewell import stop_everything
from turnout.krane.files import instances_folder
from turnout.krane.offers import Offers
from turnout.krane.ports import BackendPort, Launch, Observation
from turnout.krane.process import ProcessBackend
from turnout.krane.settings import KraneSettings
from turnout.krane.testing import FakeBackend, FakeControlPlane

S = InstanceStatus
QUICK = HealthCheck(interval=0.05, timeout=2.0, passes=2, deadline=30.0)

APP = """
import http.server, os, signal, threading, time
print("listening on", os.environ["PORT"], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            print("begun", flush=True)
            time.sleep(1.0)
        if self.path == "/exit":
            os._exit(7)
        self.send_response(500 if self.path == "/sick" else 200)
        self.end_headers()
        self.wfile.write(b"the database is away" if self.path == "/sick" else b"ok")
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""


class Region:
    """A server, the krane of one region, and the home it works in."""

    def __init__(self, home: Path, backends: dict[Backend, BackendPort], **settings: Any) -> None:
        self.server = FakeControlPlane()
        self.home = home
        self.backends = backends
        self.settings = KraneSettings(
            home=home, region="here", **{"grace": 2.0, "drain": 0.05, "relaxed_interval": 0.1} | settings
        )
        self.agent: Agent | None = None
        self.offers: Offers | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def starts_krane(self) -> None:
        self._stop = asyncio.Event()
        self.agent = Agent(self.server, self.backends, self.settings, structlog.get_logger(), offers=self.offers)
        self._task = asyncio.create_task(self.agent.run(self._stop))

    async def ends_krane(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def restarts_krane(self) -> None:
        await self.ends_krane()
        self.starts_krane()

    def spec(self, command: str = "serve", *, replicas: int = 1, backend: Backend = Backend.PROCESS) -> RunSpec:
        return RunSpec(
            deployment_id=new_id("dep"),
            project="p",
            backend=backend,
            image="fake",
            command=tuple(command.split()),
            resources=Resources(replicas=replicas, memory_mib=256),
            health=QUICK,
        )

    def app(self, text: str = APP, *words: str, health: HealthCheck = QUICK, memory_mib: int = 256) -> RunSpec:
        return RunSpec(
            deployment_id=new_id("dep"),
            project="p",
            backend=Backend.PROCESS,
            image=make_release(self.home / "releases", {"app.py": text}),
            command=("python", "app.py", *words),
            resources=Resources(memory_mib=memory_mib),
            health=health,
        )

    def of(self, spec: RunSpec) -> list[InstanceReport]:
        known = [one for one in self.server.instances.values() if one.deployment_id == spec.deployment_id]
        return sorted(known, key=lambda one: one.slot)

    def are(self, spec: RunSpec, status: InstanceStatus, count: int | None = None) -> bool:
        instances = self.of(spec)
        count = spec.resources.replicas if count is None else count
        return [one.status for one in instances if one.status is not S.GONE] == [status] * count

    async def become(self, spec: RunSpec, status: InstanceStatus, *, within: float = 5.0) -> InstanceReport:
        await self.server.until(lambda: self.are(spec, status), within=within)
        return next(one for one in self.of(spec) if one.status is status)

    async def are_gone(self, spec: RunSpec) -> None:
        await self.server.until(lambda: all(one.status is S.GONE for one in self.of(spec)))


@asynccontextmanager
async def region_of(home: Path, backends: dict[Backend, BackendPort], **settings: Any) -> AsyncIterator[Region]:
    region = Region(home, backends, **settings)
    region.starts_krane()
    try:
        yield region
    finally:
        await region.ends_krane()
        if Backend.PROCESS in backends and isinstance(backends[Backend.PROCESS], ProcessBackend):
            await stop_everything(home, grace=0)
            assert sessions.marked(instances_folder(home)) == {}
        for backend in backends.values():
            if isinstance(backend, DockerBackend):
                for found in await backend.found():
                    await backend.remove(found.instance_id)
            await backend.close()


@pytest.fixture
def fake() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
async def region(tmp_path: Path, fake: FakeBackend) -> AsyncIterator[Region]:
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        yield region


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Region]:
    backend = ProcessBackend(home=tmp_path, releases=tmp_path / "releases")
    async with region_of(tmp_path, {Backend.PROCESS: backend}) as region:
        yield region


# ------------------------------------------------------------------------- what is desired comes true


async def test_starts_reports_and_stops(region: Region) -> None:
    """Every replica runs, with an address; what is withdrawn is gone, and leaves nothing behind."""
    spec = region.spec(replicas=3)
    region.server.run(spec)
    await region.become(spec, S.RUNNING)
    assert [one.slot for one in region.of(spec)] == [0, 1, 2]
    assert len({one.address for one in region.of(spec)}) == 3
    region.server.withdraw(spec.deployment_id)
    await region.are_gone(spec)
    assert list(instances_folder(region.home).iterdir()) == []


async def test_scaling_changes_only_the_difference(region: Region, fake: FakeBackend) -> None:
    """More replicas start, fewer stop; those that stay are not touched."""
    spec = region.spec(replicas=2)
    region.server.run(spec)
    await region.become(spec, S.RUNNING)
    before = [one.id for one in region.of(spec)]
    more = replace(spec, resources=replace(spec.resources, replicas=3))
    region.server.run(more)
    await region.become(more, S.RUNNING)
    assert [one.id for one in region.of(spec)][:2] == before
    fewer = replace(spec, resources=replace(spec.resources, replicas=1))
    region.server.run(fewer)
    await region.server.until(lambda: region.are(spec, S.RUNNING, 1))
    assert [one.id for one in region.of(spec) if one.status is S.RUNNING] == before[:1]
    assert fake.starts == 3


async def test_first_report_of_a_connection_is_complete(region: Region) -> None:
    """After each connection the server hears everything once, then only what changed."""
    spec = region.spec()
    region.server.run(spec)
    await region.become(spec, S.RUNNING)
    assert region.server.reports[0].complete
    assert not region.server.reports[-1].complete
    region.server.go_away()
    region.server.instances.clear()
    count = len(region.server.reports)
    region.server.come_back()
    await region.become(spec, S.RUNNING)
    assert region.server.reports[count].complete


@pytest.mark.fault(Row.KRANE_KILLED)
async def test_instances_go_on_without_the_server(region: Region, fake: FakeBackend) -> None:
    """With the server away nothing is stopped, and what crashes is restarted; it hears of it later."""
    spec = region.spec()
    region.server.run(spec)
    one = await region.become(spec, S.RUNNING)
    region.server.go_away()
    fake.crash(one.id)
    await eventually(lambda: fake.starts == 2)
    region.server.come_back()
    await region.server.until(lambda: region.are(spec, S.RUNNING) and region.of(spec)[0].restarts == 1)


async def test_output_reaches_the_server(region: Region, fake: FakeBackend) -> None:
    """Promptly, in order, once; also across a time without the server and a restart of krane."""
    spec = region.spec()
    region.server.run(spec)
    one = await region.become(spec, S.RUNNING)
    await region.server.until(lambda: region.server.logs.get(one.id) == b"hello\n")
    region.server.go_away()
    fake.print(one.id, b"unheard\n")
    await region.restarts_krane()
    region.server.come_back()
    fake.print(one.id, b"heard\n")
    await region.server.until(lambda: region.server.logs.get(one.id) == b"hello\nunheard\nheard\n")


async def test_a_new_krane_takes_over_without_a_restart(region: Region, fake: FakeBackend) -> None:
    """Same ids, no second start, and never a report that says less than running."""
    spec = region.spec(replicas=2)
    region.server.run(spec)
    await region.become(spec, S.RUNNING)
    before = [one.id for one in region.of(spec)]
    count = len(region.server.reports)
    await region.restarts_krane()
    await region.server.until(lambda: any(report.complete for report in region.server.reports[count:]))
    later = [one for report in region.server.reports[count:] for one in report.instances]
    assert {one.id for one in later} == set(before)
    assert {one.status for one in later} == {S.RUNNING}
    assert fake.starts == 2


async def test_only_one_krane_per_home(region: Region) -> None:
    """A second krane on the same home is refused."""
    await region.server.until(lambda: bool(region.server.reports))
    second = Agent(region.server, region.backends, region.settings, structlog.get_logger())
    with pytest.raises(Conflict, match="a krane runs with it"):
        await second.run(asyncio.Event())


async def test_stop_all_ends_everything_and_starts_nothing(region: Region, fake: FakeBackend) -> None:
    """As `turnout down` wants it: all gone and reported, though the server still desires them."""
    spec = region.spec(replicas=2)
    region.server.run(spec)
    await region.become(spec, S.RUNNING)
    assert region.agent is not None
    assert await region.agent.stop_all(1.0) == ()
    assert await fake.found() == ()
    await region.are_gone(spec)


async def test_unknown_instances_are_swept_away(region: Region, fake: FakeBackend) -> None:
    """What carries our mark but is in no ledger does not go on running."""
    spec = region.spec()
    region.server.run(spec)
    one = await region.become(spec, S.RUNNING)
    await region.ends_krane()
    (instances_folder(region.home) / one.id / "instance.json").unlink()
    region.starts_krane()
    await region.server.until(lambda: region.are(spec, S.RUNNING) and region.of(spec)[0].id != one.id)

    async def swept() -> bool:
        return one.id not in {found.instance_id for found in await fake.found()}

    await eventually(swept)


# ------------------------------------------------------------------------------- apps that do not work


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_exits_at_once(machine: Region) -> None:
    """Failed at once, with the exit code and the last lines, readable; not started again."""
    spec = machine.app("import sys; print('\\x1b[31mno DATABASE_URL\\x1b[0m'); sys.exit(3)")
    machine.server.run(spec)
    one = await machine.become(spec, S.FAILED, within=20.0)
    assert one.reason is not None
    assert one.reason.startswith("exited with code 3 after ")
    assert one.reason.endswith("no DATABASE_URL")
    assert one.restarts == 0


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_what_has_never_run_and_is_still_wanted_is_tried_again(tmp_path: Path) -> None:
    """Who deploys it would have given it up; so it was ready once, elsewhere. What it lacked may be there by now."""
    backend = ProcessBackend(home=tmp_path, releases=tmp_path / "releases")
    async with region_of(tmp_path, {Backend.PROCESS: backend}, failed_again=0.5) as machine:
        lacks = tmp_path / "there-by-now"
        spec = machine.app(f"import os, sys; os.path.exists({str(lacks)!r}) or sys.exit(3)\n{APP}")
        machine.server.run(spec)
        first = await machine.become(spec, S.FAILED, within=20.0)
        lacks.touch()
        again = await machine.become(spec, S.RUNNING, within=20.0)
        assert (again.id, again.reason, again.restarts) == (first.id, None, 0)


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_never_listens(machine: Region) -> None:
    """Failed at the deadline, quoting the last check and the last lines; nothing of it goes on running."""
    health = replace(QUICK, deadline=3.0)
    spec = machine.app("import time; print('warming up', flush=True); time.sleep(60)", health=health)
    machine.server.run(spec)
    one = await machine.become(spec, S.FAILED, within=20.0)
    assert one.reason is not None
    assert one.reason.startswith("did not pass its health check within 3 s: connecting to 127.0.0.1:")
    assert "refused" in one.reason
    assert one.reason.endswith("warming up")
    await eventually(lambda: sessions.marked(instances_folder(machine.home)) == {})


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_health_answers_500(machine: Region) -> None:
    """The reason quotes the status and what the app said."""
    spec = machine.app(health=replace(QUICK, path="/sick", deadline=3.0))
    machine.server.run(spec)
    one = await machine.become(spec, S.FAILED, within=20.0)
    assert "GET /sick answered 500: the database is away" in (one.reason or "")


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_memory_hog(machine: Region) -> None:
    """Killed, and told why."""
    hog = "import time; x = bytearray(200 * 2**20); time.sleep(60)"
    spec = machine.app(hog, memory_mib=64)
    machine.server.run(spec)
    one = await machine.become(spec, S.FAILED, within=20.0)
    assert (one.reason or "").startswith("used more than its 64 MiB of memory and was killed")


async def test_backend_that_is_not_here(region: Region) -> None:
    """Failed with what to do, at once."""
    spec = region.spec(backend=Backend.DOCKER)
    region.server.run(spec)
    one = await region.become(spec, S.FAILED)
    assert "set to run no containers" in (one.reason or "")
    region.server.withdraw(spec.deployment_id)
    await region.are_gone(spec)


@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_an_engine_that_is_away_when_krane_starts(tmp_path: Path) -> None:
    """What krane looked after before is not given up; the engine is offered, and all is well, once it answers."""
    engine, answering = FakeBackend(), asyncio.Event()

    async def detect() -> list[Backend]:
        return [Backend.DOCKER] if answering.is_set() else []

    async with region_of(tmp_path, {Backend.DOCKER: engine}) as region:
        spec = region.spec(backend=Backend.DOCKER)
        region.server.run(spec)
        one = await region.become(spec, S.RUNNING)
        await region.ends_krane()
        engine.away = True
        region.offers = Offers([], later=[Backend.DOCKER], detect=detect, look_seconds=0.05)
        region.starts_krane()
        await region.server.until(lambda: region.server.reports[-1].backends == ())
        assert region.are(spec, S.RUNNING), "its health check still passes"
        engine.crash(one.id)
        await region.become(spec, S.STARTING)
        engine.away = False
        answering.set()
        await region.server.until(lambda: region.server.reports[-1].backends == (Backend.DOCKER,))
        again = await region.become(spec, S.RUNNING)
        assert (again.id, again.restarts) == (one.id, 1)


async def test_refused_start(region: Region) -> None:
    """What a backend can never start is failed with its words."""
    spec = region.spec("nonsense")
    region.server.run(spec)
    assert (await region.become(spec, S.FAILED)).reason == "cannot start: there is no program 'nonsense'"


async def test_failed_stays_failed_over_a_restart_of_krane(region: Region, fake: FakeBackend) -> None:
    """A new krane is no new try."""
    spec = region.spec("exit 1")
    region.server.run(spec)
    reason = (await region.become(spec, S.FAILED)).reason
    await region.restarts_krane()
    region.server.instances.clear()
    assert (await region.become(spec, S.FAILED)).reason == reason
    assert fake.starts == 1


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_crash_after_running_is_restarted(machine: Region) -> None:
    """Same id and port, reported as starting with the reason meanwhile, then running again."""
    spec = machine.app()
    machine.server.run(spec)
    one = await machine.become(spec, S.RUNNING)
    async with httpx.AsyncClient() as client:
        with contextlib.suppress(httpx.HTTPError):
            await client.get(f"http://{one.address}/exit")
    await machine.server.until(lambda: machine.of(spec)[0].restarts == 1 and machine.are(spec, S.RUNNING))
    assert (machine.of(spec)[0].id, machine.of(spec)[0].address) == (one.id, one.address)
    said = [i for report in machine.server.reports for i in report.instances if i.status is S.STARTING and i.reason]
    assert any((i.reason or "").startswith("exited with code 7 after ") for i in said)


async def test_a_lost_race_for_the_port_is_run_again(machine: Region) -> None:
    """Somebody else took the port between its choice and the app's start: another port, not a failure."""
    thieves: list[asyncio.Server] = []
    backend = machine.backends[Backend.PROCESS]
    start = backend.start

    async def start_and_lose(launch: Launch) -> Observation:
        observation = await start(launch)
        if not thieves:
            port = int((observation.address or "").rpartition(":")[2])
            thieves.append(await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port))
        return observation

    backend.start = start_and_lose  # type: ignore[method-assign]
    spec = machine.app(health=replace(QUICK, path="/"))
    machine.server.run(spec)
    one = await machine.become(spec, S.RUNNING)
    assert one.restarts == 0
    thieves[0].close()


@pytest.mark.fault(Row.BAD_INSTANCES)
async def test_unwell_is_reported_and_comes_back(region: Region, fake: FakeBackend) -> None:
    """Three failed checks: starting again, not killed; when it answers again it runs."""
    spec = region.spec()
    region.server.run(spec)
    one = await region.become(spec, S.RUNNING)
    server = fake._instances[one.id].server
    assert server is not None
    server.close()
    starting = await region.become(spec, S.STARTING)
    assert "does not pass its health check any more" in (starting.reason or "")
    host, _, port = (one.address or "").partition(":")
    again = await asyncio.start_server(lambda _r, w: w.close(), host, int(port))
    await region.become(spec, S.RUNNING)
    again.close()
    assert fake.starts == 1


# ---------------------------------------------------------------------------------------- slow and hung


@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_a_hung_engine_stops_nobody_else(tmp_path: Path) -> None:
    """Its instances keep their last known state; those of other backends start and stop as always."""
    engine, other = FakeBackend(), FakeBackend()
    async with region_of(tmp_path, {Backend.DOCKER: engine, Backend.PROCESS: other}) as region:
        hung, fine = region.spec(backend=Backend.DOCKER), region.spec()
        region.server.run(hung)
        await region.become(hung, S.RUNNING)
        engine.hung, engine.hang_time = True, 0.5
        waiting = region.spec(backend=Backend.DOCKER)
        region.server.run(waiting, fine)
        await region.become(fine, S.RUNNING)
        region.server.withdraw(fine.deployment_id)
        await region.are_gone(fine)
        assert region.are(hung, S.RUNNING)
        await region.server.until(lambda: any("cannot reach" in (i.reason or "") for i in region.of(waiting)))
        assert region.are(waiting, S.PENDING)
        engine.hung = False
        await region.become(waiting, S.RUNNING)
        assert engine.starts == 2


@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_a_slow_stop_blocks_nobody(region: Region) -> None:
    """While one instance uses up its grace, another starts."""
    slow, next_one = region.spec("stubborn"), region.spec()
    region.server.run(slow)
    await region.become(slow, S.RUNNING)
    region.server.withdraw(slow.deployment_id)
    region.server.run(next_one)
    await region.become(next_one, S.RUNNING, within=1.0)
    assert not all(one.status is S.GONE for one in region.of(slow))
    await region.are_gone(slow)


@pytest.mark.fault(Row.LONG_REQUESTS)
async def test_sigterm_lets_a_slow_request_finish(machine: Region) -> None:
    """A request in flight when its instance is stopped is answered."""
    spec = machine.app()
    machine.server.run(spec)
    one = await machine.become(spec, S.RUNNING)
    async with httpx.AsyncClient() as client:
        slow = asyncio.create_task(client.get(f"http://{one.address}/slow"))
        await machine.server.until(lambda: b"begun" in machine.server.logs.get(one.id, b""))
        machine.server.withdraw(spec.deployment_id)
        assert (await slow).text == "ok"
    await machine.are_gone(spec)


# -------------------------------------------------------------------------------------- kill -9 of krane

KRANE = """
import asyncio, json, signal, sys
from pathlib import Path
from typing import Any, Self
import structlog
from turnout.domain.documents import DesiredState
from turnout.domain.records import Backend
from turnout.krane.agent import Agent
from turnout.krane.process import ProcessBackend
from turnout.krane.settings import KraneSettings

home = Path(sys.argv[1])

class Files:
    async def watch(self):
        seen = None
        while True:
            text = (home / "desired.json").read_text()
            if text != seen:
                seen = text
                yield DesiredState.model_validate_json(text)
            await asyncio.sleep(0.05)
    async def report(self, report):
        with (home / "reports").open("a") as file:
            file.write(report.model_dump_json() + "\\n")
    async def environment(self, deployment_id):
        return {}
    async def append_log(self, *, instance_id, deployment_id, offset, data):
        return offset + len(data)

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    backends = {Backend.PROCESS: ProcessBackend(home=home, releases=home / "releases")}
    settings = KraneSettings(home=home, region="here", drain=0.05, relaxed_interval=0.1)
    await Agent(Files(), backends, settings, structlog.get_logger()).run(stop)

asyncio.run(main())
"""


class RealKrane:
    """A krane in a process of its own that speaks with files in its home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: asyncio.subprocess.Process | None = None

    async def starts(self) -> None:
        (self.home / "reports").write_text("")
        with (self.home / "krane.log").open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", KRANE, str(self.home), stdout=log, stderr=log, env={**os.environ}
            )

    async def ends(self, signum: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signum)
        await self.process.wait()

    def desires(self, *specs: RunSpec) -> None:
        state = DesiredState(revision=1, complete=True, deployments=specs)
        beside = self.home / "desired.new"
        beside.write_text(state.model_dump_json())
        beside.replace(self.home / "desired.json")

    def instances(self) -> dict[str, dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        for line in (self.home / "reports").read_text().splitlines():
            report = json.loads(line)
            known = ({} if report["complete"] else known) | {one["id"]: one for one in report["instances"]}
        return {name: one for name, one in known.items() if one["status"] != "gone"}

    def all_run(self, count: int) -> bool:
        statuses = [one["status"] for one in self.instances().values()]
        return statuses == ["running"] * count


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.fault(Row.KRANE_KILLED)
async def test_instances_survive_krane(tmp_path: Path, signum: signal.Signals) -> None:
    """However krane ends, its instances go on serving; the next one adopts them; nothing leaks at the end."""
    lab = Region(tmp_path, {})
    spec = replace(lab.app(), resources=Resources(replicas=2, memory_mib=256))
    krane = RealKrane(tmp_path)
    krane.desires(spec)
    await krane.starts()
    await eventually(lambda: krane.all_run(2), within=8)
    before = krane.instances()
    pids = set(sessions.marked(instances_folder(tmp_path)))
    await krane.ends(signum)
    async with httpx.AsyncClient() as client:
        for one in before.values():
            assert (await client.get(f"http://{one['address']}/")).text == "ok"
    await krane.starts()
    await eventually(lambda: krane.all_run(2), within=8)
    assert set(krane.instances()) == set(before)
    assert set(sessions.marked(instances_folder(tmp_path))) == pids
    krane.desires()
    await eventually(lambda: krane.instances() == {}, within=8)
    assert sessions.marked(instances_folder(tmp_path)) == {}
    await krane.ends(signal.SIGTERM)


@pytest.mark.fault(Row.KRANE_KILLED)
async def test_next_krane_removes_what_is_no_longer_desired(tmp_path: Path) -> None:
    """Desired no more while krane was dead: ended by the next one. And `down` works with krane dead."""
    lab = Region(tmp_path, {})
    old, kept = lab.app(), lab.app()
    krane = RealKrane(tmp_path)
    krane.desires(old, kept)
    await krane.starts()
    await eventually(lambda: krane.all_run(2), within=8)
    with pytest.raises(Conflict):
        await stop_everything(tmp_path)
    await krane.ends(signal.SIGKILL)
    krane.desires(kept)
    await krane.starts()
    await eventually(lambda: krane.all_run(1), within=8)
    await eventually(lambda: len(sessions.marked(instances_folder(tmp_path))) == 1)
    await krane.ends(signal.SIGKILL)
    assert len(await stop_everything(tmp_path, grace=2)) == 1
    assert sessions.marked(instances_folder(tmp_path)) == {}
    assert list(instances_folder(tmp_path).iterdir()) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.fault(Row.KRANE_KILLED)
async def test_killed_again_and_again_while_starting(tmp_path: Path, seed: int) -> None:
    """krane killed at random moments of its busiest time: one instance per slot in the end, and no other."""
    moments = random.Random(seed)
    lab = Region(tmp_path, {})
    spec = replace(lab.app(), resources=Resources(replicas=4, memory_mib=256))
    krane = RealKrane(tmp_path)
    krane.desires(spec)
    for _ in range(4):
        await krane.starts()
        await asyncio.sleep(moments.uniform(0.25, 0.7))
        await krane.ends(signal.SIGKILL)
    await krane.starts()
    await eventually(lambda: krane.all_run(4), within=8)
    assert sorted(one["slot"] for one in krane.instances().values()) == [0, 1, 2, 3]
    await eventually(lambda: sorted(sessions.marked(instances_folder(tmp_path)).values()) == sorted(krane.instances()))
    krane.desires()
    await eventually(lambda: krane.instances() == {}, within=8)
    await krane.ends(signal.SIGTERM)
    assert sessions.marked(instances_folder(tmp_path)) == {}


# ----------------------------------------------------------------------------------------------- docker


@pytest.mark.docker
async def test_containers_from_start_to_end(tmp_path: Path) -> None:
    """Start, serve, ship output, survive a new krane, restart after a kill, stop: with a real engine."""
    image = busybox_image()
    backend = DockerBackend(home=tmp_path, home_id=f"test-{new_id('prj')}")
    async with region_of(tmp_path, {Backend.DOCKER: backend}) as region:
        spec = replace(
            region.spec(backend=Backend.DOCKER),
            image=image,
            command=("sh", "-c", "echo hello; exec httpd -f -p $PORT -h /www"),
            resources=Resources(memory_mib=32),
        )
        region.server.run(spec)
        one = await region.become(spec, S.RUNNING)
        await region.server.until(lambda: region.server.logs.get(one.id) == b"hello\n")
        await region.restarts_krane()
        killing = await asyncio.create_subprocess_exec("docker", "kill", f"turnout-{one.id}")
        await killing.wait()
        await region.server.until(lambda: region.of(spec)[0].restarts == 1 and region.are(spec, S.RUNNING))
        assert region.of(spec)[0].id == one.id
        region.server.withdraw(spec.deployment_id)
        await region.are_gone(spec)
        assert await backend.found() == ()


class Gate:
    """A socket before the engine's own that can stop passing anything on."""

    def __init__(self, socket: Path, engine: str) -> None:
        self.url = f"unix://{socket}"
        self.open = asyncio.Event()
        self.open.set()
        self._socket = socket
        self._engine = engine
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._pass, str(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(self._engine)
        pumps = [self._pump(reader, inner_writer), self._pump(inner_reader, writer)]
        self._tasks |= {asyncio.create_task(pump) for pump in pumps}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.mark.docker
@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_a_real_engine_that_hangs_and_comes_back(tmp_path: Path) -> None:
    """What ran is still reported as running and serves; what was asked for meanwhile happens afterwards."""
    image = busybox_image()
    async with Gate(tmp_path / "gate", (docker_address() or "").removeprefix("unix://")) as gate:
        backend = DockerBackend(home=tmp_path, home_id=f"test-{new_id('prj')}", url=gate.url, call_timeout=0.5)
        async with region_of(tmp_path, {Backend.DOCKER: backend}) as region:
            command = ("httpd", "-f", "-p", "$PORT", "-h", "/www")
            resources = Resources(memory_mib=32)
            first = replace(region.spec(backend=Backend.DOCKER), image=image, command=command, resources=resources)
            second = replace(first, deployment_id=new_id("dep"))
            region.server.run(first)
            one = await region.become(first, S.RUNNING)
            gate.open.clear()
            region.server.run(second)
            await region.server.until(lambda: any("did not answer" in (i.reason or "") for i in region.of(second)))
            assert region.are(first, S.RUNNING)
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"http://{one.address}/")).status_code == 200
            region.server.withdraw(first.deployment_id)
            gate.open.set()
            await region.become(second, S.RUNNING)
            await region.are_gone(first)
            region.server.withdraw(second.deployment_id)
            await region.are_gone(second)
            assert await backend.found() == ()
