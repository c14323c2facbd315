"""The API's routes for protections, seen traffic and metrics, over a real store."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api
from tests.support import patiently
from turnout.api.requests import list_requests
from turnout.domain.errors import Conflict
from turnout.domain.requests import older, request_log
from turnout.gateway.metrics import metrics_at
from turnout.gateway.tally import Tally
from turnout.settings import Settings, load_settings

PROTECTION = "/v1/projects/shop/environments/preview/protection"
PASSWORD = "planted-pW-8sTq2Lx"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a folder for the gateway."""
    request_log(tmp_path / "home").parent.mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def api(yard: Yard, home: Path) -> Api:
    """The API."""
    return Api(yard, home)


# -------------------------------------------------------------------------------------- protections


async def test_parts_are_changed_one_by_one_and_no_answer_has_a_password(api: Api) -> None:
    """What is absent stays, null switches off; of basic auth the names only, and nothing of it is stored readably."""
    async with api.signed_in() as client:
        answers = [
            await client.patch(PROTECTION, json={"allow": ["10.0.0.0/8"]}),
            await client.patch(PROTECTION, json={"basic_auth": {"alice": PASSWORD, "bob": PASSWORD + "!"}}),
            await client.patch(PROTECTION, json={"maintenance": {"page": "<h1>Soon</h1>", "let_in": ["192.0.2.7"]}}),
            await client.patch(
                PROTECTION,
                json={"headers": [{"side": "response", "action": "set", "name": "X-A", "value": "1"}], "allow": None},
            ),
            await client.get(PROTECTION),
        ]
        assert [answer.status_code for answer in answers] == [200] * 5
        assert [answer.json()["generation"] for answer in answers] == [1, 2, 3, 4, 4]
        shown = answers[-1].json()
        assert shown | {"changed_at": None} == {
            "project": "shop",
            "environment": "preview",
            "allow": [],
            "basic_auth": ["alice", "bob"],
            "maintenance": {"retry_after": 300, "page": "<h1>Soon</h1>", "let_in": ["192.0.2.7/32"]},
            "headers": [{"side": "response", "action": "set", "name": "x-a", "value": "1"}],
            "generation": 4,
            "changed_at": None,
            "changed_by": "alice",
        }
        off = await client.patch(PROTECTION, json={"basic_auth": {"alice": None}, "maintenance": None, "headers": None})
        assert off.status_code == 200, off.text
        assert (off.json()["basic_auth"], off.json()["maintenance"], off.json()["headers"]) == (["bob"], None, [])
    everything = "".join(answer.text for answer in answers) + repr(await api.yard.dump())
    assert PASSWORD not in everything
    assert "pbkdf2" not in "".join(answer.text for answer in answers)


REFUSED: list[Any] = [
    {},
    {"alow": []},
    {"allow": ["everywhere"]},
    {"allow": "10.0.0.0/8"},
    {"basic_auth": {"alice": "short"}},
    {"basic_auth": {"alice": PASSWORD, "a:b": PASSWORD}},
    {"basic_auth": {"alice": 7}},
    {"basic_auth": {"nobody": None}},
    {"basic_auth": {f"user{n}": PASSWORD for n in range(33)}},
    {"maintenance": {"retry_after": 0}},
    {"maintenance": {"pages": "x"}},
    {"maintenance": "on"},
    {"headers": [{"side": "request", "action": "set", "name": "Host", "value": PASSWORD}]},
    {"headers": [{"side": "request", "action": "set", "name": "X-A", "value": PASSWORD + "\r\nX-B: 1"}]},
    {"headers": [{"side": "request", "action": "become", "name": "X-A"}]},
    [],
    {"allow": [], "basic_auth": {"alice": PASSWORD * 9}},
]


async def test_what_is_refused_says_why_and_changes_nothing(api: Api) -> None:
    """One sentence, which repeats no password and no value."""
    await api.yard.ship(environment="preview")
    async with api.signed_in() as client:
        before = await api.yard.dump()
        for body in REFUSED:
            answer = await client.patch(PROTECTION, json=body)
            assert answer.status_code in (400, 404), body
            assert answer.headers["content-type"] == "application/problem+json"
            assert PASSWORD not in answer.text
            assert await api.yard.dump() == before, body


async def test_another_workspace_sees_and_changes_nothing_of_it(
    api: Api, home: Path, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """A shop of the same name is its own; a krane's token is no token for this."""
    await api.yard.ship(environment="preview")
    other = Api(await another_yard("globex"), home)
    async with api.signed_in() as client, other.signed_in() as stranger, api.signed_in("krane", "north") as krane:
        await client.patch(PROTECTION, json={"allow": ["10.0.0.0/8"]})
        assert (await stranger.get(PROTECTION)).status_code == 404
        assert (await stranger.patch(PROTECTION, json={"allow": None})).status_code == 404
        for path in (PROTECTION, "/v1/projects/shop/requests", "/metrics"):
            assert (await krane.get(path)).status_code == 403
        assert (await client.get(PROTECTION)).json()["allow"] == ["10.0.0.0/8"]


# ----------------------------------------------------------------------------------------- requests


def line(project_id: str, number: int, **fields: Any) -> str:
    """A line as Envoy writes it; each has an id of its own."""
    at = datetime(2030, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=number)
    request = {
        "at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "domain": "shop.example", "project_id": project_id,
        "deployment_id": "dep_1", "instance": "127.0.0.1:1", "key_id": None, "method": "GET", "path": "/",
        "status": 200, "reason": "via_upstream", "flags": "-", "latency_us": 1500, "bytes_in": 0, "bytes_out": 2,
        "client": "10.0.0.1", "region": "here", "gateway": "gw", "request_id": f"r{number}", "trace_id": "a" * 32,
    } | fields  # fmt: skip
    return json.dumps(request) + "\n"


def ids(answer: httpx.Response) -> list[str]:
    """The requests of an answer."""
    assert answer.status_code == 200, answer.text
    return [json.loads(each)["request_id"] for each in answer.text.splitlines()]


async def test_requests_are_listed_with_their_filters(api: Api, home: Path) -> None:
    """Oldest first, over the older file and the log, and nothing of other projects."""
    failing = (await api.yard.ship()).id
    mine = (await api.yard.project()).id
    log = request_log(home)
    older(log).write_text(line(mine, 1) + line("prj_x", 2) + line(mine, 3, status=404))
    log.write_text(line(mine, 4, status=503, deployment_id=failing) + "{damaged\n" + line(mine, 5) + line(mine, 6)[:40])
    async with api.signed_in() as client:

        async def ask(**params: Any) -> list[str]:
            return ids(await client.get("/v1/projects/shop/requests", params=params))

        assert await ask() == ["r1", "r3", "r4", "r5"]
        assert await ask(last=2) == ["r4", "r5"]
        assert await ask(status="4xx,503") == ["r3", "r4"]
        assert await ask(deployment=failing) == ["r4"]
        unknown = await client.get("/v1/projects/shop/requests", params={"deployment": "dep_" + "0" * 26})
        assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
        assert await ask(since="2030-01-01T12:00:04Z") == ["r4", "r5"]
        assert await ask(since="2030-01-01T12:00:04Z", status="200", last=1) == ["r5"]
        (first, *_) = (await client.get("/v1/projects/shop/requests")).text.splitlines()
        assert json.loads(first) == {
            "at": "2030-01-01T12:00:01Z", "domain": "shop.example", "deployment_id": "dep_1", "key_id": None,
            "method": "GET", "path": "/", "status": 200, "latency_ms": 1.5, "bytes_in": 0, "bytes_out": 2,
            "client": "10.0.0.1", "region": "here", "gateway": "gw", "request_id": "r1", "trace_id": "a" * 32,
            "reason": "via_upstream",
        }  # fmt: skip
        for params in ({"status": "x"}, {"since": "x"}, {"last": 0}, {"last": 10_001}):
            answer = await client.get("/v1/projects/shop/requests", params=params)
            assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_nobody_sees_the_requests_of_another_workspace(
    api: Api, home: Path, another_yard: Callable[[str], Awaitable[Yard]]
) -> None:
    """Two shops of one name share a gateway, and even a domain, at different times."""
    other = Api(await another_yard("globex"), home)
    await api.yard.ship()
    await other.yard.ship()
    one, two = (await api.yard.project()).id, (await other.yard.project()).id
    request_log(home).write_text(line(one, 1) + line(two, 2, path=f"/{one}") + line(one, 3))
    async with api.signed_in() as client, other.signed_in() as stranger:
        assert ids(await client.get("/v1/projects/shop/requests")) == ["r1", "r3"]
        assert ids(await stranger.get("/v1/projects/shop/requests")) == ["r2"]
        assert (await stranger.get("/v1/projects/nothing/requests")).status_code == 404


async def test_following_goes_on_over_a_rotation(yard: Yard, home: Path) -> None:
    """What is there, then what comes: also into the moved file, and into the new one."""
    await yard.ship()
    mine, log = (await yard.project()).id, request_log(home)
    log.write_text(line(mine, 1) + line(mine, 2))

    def write(number: int, into: Path) -> None:
        with into.open("a") as file:
            file.write(line(mine, number))

    answer = await list_requests(without_http(yard, home), "shop", follow=True, last=1)
    chunks = aiter(answer.body_iterator)
    async with patiently(20):

        async def following() -> str:
            return str(json.loads(await anext(chunks))["request_id"])

        assert await following() == "r2"
        write(3, log)
        assert await following() == "r3"
        log.replace(older(log))
        write(4, older(log))
        assert await following() == "r4"
        write(5, log)
        assert await following() == "r5"
    await chunks.aclose()  # type: ignore[attr-defined]


async def test_without_an_access_log_there_is_nothing_to_show(yard: Yard, home: Path) -> None:
    """And it says how to have one."""
    await yard.ship()
    with pytest.raises(Conflict, match="TURNOUT_GATEWAY_ACCESS_LOG=on"):
        await list_requests(without_http(yard, home, TURNOUT_GATEWAY_ACCESS_LOG="off"), "shop")


def without_http(yard: Yard, home: Path, **environ: str) -> Any:
    """A caller of handlers: a test client would wait for the end of a stream before it shows any of it."""
    settings = load_settings({"TURNOUT_HOME": str(home), **environ})
    return SimpleNamespace(store=yard.store, workspace_id=yard.workspace.id, parts=SimpleNamespace(settings=settings))


# ------------------------------------------------------------------------------------------ metrics


async def test_metrics_tell_of_the_workspace_and_of_nobody_else(
    yard: Yard, home: Path, another_yard: Callable[[str], Awaitable[Yard]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations, instances, builds, gateways; and the requests that the gateway has counted, by project."""
    other = await another_yard("globex")
    await yard.ship()
    await yard.admit()
    await other.ship()
    mine, theirs = (await yard.project()).id, (await other.project()).id
    now = datetime.now(UTC)
    await yard.store.gateway_connected(gateway_id="gw", region="here", at=now)
    await yard.store.gateway_acknowledged(gateway_id="gw", generation=1, at=now)
    tally = Tally()
    tally.count(line(each, n).encode() for n, each in enumerate([mine, mine, theirs]))
    with metrics_at(0, tally) as port:
        told_where = partial(_settings, TURNOUT_GATEWAY_METRICS_PORT=str(port))
        monkeypatch.setattr("tests.contract.test_api_variables.load_settings", told_where)
        api = Api(yard, home)
        async with api.signed_in() as client:
            answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = answer.text.splitlines()
    for sample in (
        'turnout_operations{kind="deploy",status="pending"} 1.0',
        "turnout_operations_waiting 1.0",
        "turnout_operations_running 1.0",
        'turnout_instances{region="north",status="running"} 1.0',
        'turnout_builds{state="waiting"} 0.0',
        "turnout_generation 2.0",
        'turnout_gateway_acknowledged_generation{gateway="gw",region="here"} 1.0',
        'turnout_gateway_lag{gateway="gw",region="here"} 1.0',
        'turnout_gateway_connected{gateway="gw",region="here"} 1.0',
        "turnout_gateway_metrics_up 1.0",
        'turnout_requests_total{deployment="dep_1",project="shop",region="here",status="2xx"} 2.0',
        'turnout_request_duration_seconds_count{deployment="dep_1",project="shop",region="here"} 2.0',
    ):
        assert sample in told
    assert theirs not in answer.text


async def test_metrics_without_a_gateway(api: Api) -> None:
    """It says that nothing is told of requests, and tells the rest."""
    async with api.signed_in() as client:
        answer = await client.get("/metrics")
    assert "turnout_gateway_metrics_up 0.0" in answer.text.splitlines()
    assert "turnout_generation 0.0" in answer.text.splitlines()
    assert "turnout_requests" not in answer.text


def _settings(given: dict[str, str], **environ: str) -> Settings:
    return load_settings(given | environ)
