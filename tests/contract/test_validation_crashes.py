"""Policy and target through crashes, restarts and switches. A real Envoy, a real sentinel."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.contract.validation_cases import good
from tests.contract.validation_lab import (
    HOST,
    NOTES,
    ON,
    Lab,
    Recorder,
    document,
    lab,
    served,
)
from tests.faults.rows import Row
from tests.support import eventually
from turnout.domain.validation import Validation
from turnout.domain.views import GuardView, ProjectView, RouteView, TargetView


@pytest.fixture
async def gateway() -> AsyncIterator[Lab]:
    """A gateway."""
    async with lab() as made:
        yield made


@pytest.fixture
async def app() -> AsyncIterator[Recorder]:
    """An app that takes everything, at `app.address`."""
    made = Recorder()
    async with served(made) as made.address:
        yield made


async def test_only_routes_that_ask_for_it_are_checked_and_without_them_no_sentinel_runs(app: Recorder) -> None:
    """It costs memory; so it comes with the first such route, and goes with the last. So do the documents."""
    async with lab(linger=0.0) as gateway:
        await comes_and_goes(gateway, app)


async def comes_and_goes(gateway: Lab, app: Recorder) -> None:
    """With nothing that lingers."""
    specs = gateway.folder / "gateway" / "specs"
    spec_id = gateway.store.add(NOTES)
    await gateway.route(app.address, spec_id, Validation())
    assert (await gateway.send(good("GET", "/nothing")))[0] == 200
    assert gateway.keeper.pid is None
    await gateway.route(app.address, spec_id)
    assert (await gateway.send(good("GET", "/nothing")))[0] == 400
    pid = gateway.keeper.pid
    assert pid is not None
    socket = gateway.folder / "sentinel.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    assert [file.stem for file in specs.glob("*.json")] == [spec_id]
    assert {file.stat().st_mode & 0o777 for file in specs.iterdir()} <= {0o600, 0o644}
    await gateway.route(app.address, spec_id, Validation())
    await eventually(lambda: not psutil.pid_exists(pid), what="the sentinel has ended")
    await eventually(lambda: not list(specs.glob("*.json")), what="the documents are gone")
    assert (await gateway.send(good("GET", "/nothing")))[0] == 200


@pytest.mark.fault(Row.GATEWAY_KILLED)
async def test_while_the_sentinel_is_away_nothing_passes_and_it_comes_back(gateway: Lab, app: Recorder) -> None:
    """Killed, and held dead for a while: 503 in the gateway's words. Nobody has to do anything."""
    await gateway.route(app.address, gateway.store.add(NOTES))
    first = gateway.keeper.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    asking = asyncio.create_task(gateway.send(good("GET", "/nothing")))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    status, told = await asking
    assert status in (503, 400)
    if status == 503:
        assert told["title"] == "Requests cannot be checked"

    async def is_back() -> bool:
        return (await gateway.send(good("GET", "/nothing")))[0] == 400

    await eventually(is_back, what="requests are checked again")
    assert gateway.keeper.pid != first
    assert app.seen == []


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
async def test_without_a_control_plane_everything_starts_from_what_is_on_the_disk(gateway: Lab, app: Recorder) -> None:
    """The store is away; gateway process, Envoy and sentinel are killed and started anew, and check as before."""
    await gateway.route(app.address, gateway.store.add(NOTES))
    await gateway.service.stop()
    old = gateway.keeper.pid
    assert old is not None
    assert (await gateway.send(good("GET", "/nothing")))[0] == 400, "the sentinel goes on without its keeper"
    gateway.store.away = True
    os.kill(old, signal.SIGKILL)
    os.kill(gateway.envoy.pid, signal.SIGKILL)
    await gateway.envoy.wait()
    await gateway.start_service()
    await gateway.start_envoy()
    await eventually(lambda: gateway.keeper.pid not in (None, old))

    async def checks() -> bool:
        return (await gateway.send(good("GET", "/nothing")))[0] == 400

    await eventually(checks, what="requests are checked")
    assert (await gateway.send(good("GET", "/notes")))[0] == 200


async def test_a_successor_goes_on_with_the_sentinel_that_runs(gateway: Lab, app: Recorder) -> None:
    """And notices its end, although it is not its child."""
    await gateway.route(app.address, gateway.store.add(NOTES))
    before = gateway.keeper.pid
    assert before is not None
    await gateway.service.stop()
    await gateway.start_service()
    await eventually(lambda: gateway.keeper.pid == before)
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: gateway.keeper.pid not in (None, before))


async def test_hundreds_of_switches_never_mix_policy_and_target(gateway: Lab) -> None:
    """Under traffic: what only the one document allows is never answered by the app of the other."""

    def only(word: str) -> dict[str, Any]:
        parameter = {"name": "v", "in": "query", "required": True, "schema": {"enum": [word]}}
        return document({"/": {"get": {"parameters": [parameter], "responses": {}}}})

    apps = {"a": Recorder("a"), "b": Recorder("b")}
    specs = {name: gateway.store.add(only(name)) for name in apps}
    answers: Counter[tuple[str, str]] = Counter()
    stop = False

    async def keep_asking(word: str) -> None:
        url = f"http://127.0.0.1:{gateway.port}/?v={word}"
        while not stop:
            async with gateway.client.get(url, headers={"host": HOST}) as answer:
                answers[word, answer.headers.get("x-app", str(answer.status))] += 1

    async with served(apps["a"]) as at_a, served(apps["b"]) as at_b:
        targets = tuple(TargetView(deployment_id=f"dep_{n}", addresses=(at,)) for n, at in (("a", at_a), ("b", at_b)))

        async def switch_to(name: str) -> None:
            """The live domain; each deployment keeps the one of its own."""
            own = [RouteView(fqdn=f"{each}.example", deployment_id=f"dep_{each}") for each in apps]
            guard = GuardView(openapi_spec_id=specs[name], validation=ON)
            live = RouteView(fqdn=HOST, deployment_id=f"dep_{name}", guard=guard)
            await gateway.put(ProjectView(project_id="prj_1", routes=(*own, live), targets=targets))

        await switch_to("a")
        clients = [asyncio.create_task(keep_asking(word)) for word in "aabb"]
        for turn in range(300):
            await switch_to("ba"[turn % 2])
            await asyncio.sleep(random.random() / 100)
        stop = True
        await asyncio.gather(*clients)
    print(answers)  # noqa: T201  # -rP shows it
    assert set(answers) == {("a", "a"), ("b", "b"), ("a", "400"), ("b", "400")}
    assert min(answers.values()) > 50
