"""Seen traffic against a real Envoy: trace context, what is written down of each request, rotation and counting."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.contract.traffic_kit import HOST, Backend, Rig, protected, standing
from tests.support import eventually, patiently
from turnout.domain.passwords import credential
from turnout.domain.protection import Maintenance
from turnout.domain.requests import older
from turnout.gateway.metrics import metrics_at
from turnout.gateway.request_log import RequestLog
from turnout.gateway.tally import Tally

pytestmark = pytest.mark.asyncio

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"
MADE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01")
SECRET = "planted-9Zk3vQ-secret"


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A gateway."""
    async with standing() as rig:
        yield rig


@pytest_asyncio.fixture
async def v1() -> AsyncIterator[Backend]:
    """An app."""
    async with Backend("v1").running() as backend:
        yield backend


def log_of(rig: Rig) -> Path:
    assert rig.settings.access_log is not None
    return rig.settings.access_log.path


def written(rig: Rig) -> list[dict[str, Any]]:
    """Every line, of both files; each has to be whole."""
    files = (each for each in (older(log_of(rig)), log_of(rig)) if each.exists())
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def lines(rig: Rig, number: int) -> list[dict[str, Any]]:
    """The lines, once there are so many."""
    await eventually(lambda: len(written(rig)) >= number, within=10, what=f"{number} lines")
    return written(rig)


# ---------------------------------------------------------------------------------- trace context


async def test_a_good_traceparent_passes_as_it_is_with_its_tracestate(rig: Rig, v1: Backend) -> None:
    """Whatever the flags, and of versions that are still to come."""
    await rig.route(v1)
    for good in (GOOD, GOOD[:-2] + "00", GOOD[:-2] + "ff", "cc" + GOOD[2:], "01" + GOOD[2:] + "-more-to-come"):
        _, body, _ = await rig.get(headers={"traceparent": good, "tracestate": "vendor=1,other=2"})
        assert (body["headers"]["traceparent"], body["headers"]["tracestate"]) == (good, "vendor=1,other=2")


async def test_a_traceparent_is_made_where_there_is_none(rig: Rig, v1: Backend) -> None:
    """Each request has one of its own, with ids that no other request has; nothing of how it is made is seen."""
    await rig.route(v1)
    headers = [(await rig.get(headers={"X-Turnout-Seed": "chosen"}))[1]["headers"] for _ in range(50)]
    made = [MADE.fullmatch(each["traceparent"]) for each in headers]
    assert all(made)
    assert len({each[1] for each in made if each}) == len({each[2] for each in made if each}) == 50
    assert not any("tracestate" in each or "x-turnout-seed" in each for each in headers)


async def test_a_malformed_traceparent_is_replaced_and_its_tracestate_dropped(rig: Rig, v1: Backend) -> None:
    """What the W3C calls invalid, and two headers of which nobody can say which is meant."""
    await rig.route(v1)
    for bad in (
        "",
        "x",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "0",
        GOOD + "-more",
        "ff" + GOOD[2:],
        "01" + GOOD[2:] + "more",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"{GOOD},{GOOD}",
        "00-" + "a" * 5000,
    ):
        _, body, _ = await rig.get(headers={"traceparent": bad, "tracestate": "vendor=1"})
        assert MADE.fullmatch(body["headers"]["traceparent"]), bad
        assert body["headers"]["traceparent"] != bad
        assert "tracestate" not in body["headers"], bad
    async with patiently(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        twice = f"traceparent: {GOOD}\r\ntraceparent: {GOOD}\r\n"
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{twice}Connection: close\r\n\r\n".encode())
        seen = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["headers"]
        writer.close()
    assert MADE.fullmatch(seen["traceparent"])


# --------------------------------------------------------------------------------------- the lines


async def test_a_line_says_who_asked_for_what_and_what_came_of_it(rig: Rig, v1: Backend) -> None:
    """All of it, with the id by which the person or the app can find it again."""
    await rig.route(v1)
    sent = {"traceparent": GOOD, "X-Request-Id": "mine-1"}
    _, body, headers = await rig.get("/cart/items?token=secret", headers=sent)
    (line,) = await lines(rig, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("at"))
    assert line.pop("latency_us") > 0
    assert line.pop("bytes_out") > 100
    assert line == {
        "domain": HOST,
        "project_id": "prj_1",
        "deployment_id": "dep_v1",
        "instance": v1.address,
        "key_id": None,
        "method": "GET",
        "path": "/cart/items",
        "status": 200,
        "reason": "via_upstream",
        "flags": "-",
        "bytes_in": 0,
        "client": "127.0.0.1",
        "region": "here",
        "gateway": "gw-test",
        "request_id": "mine-1",
        "trace_id": TRACE,
    }
    assert headers["x-request-id"] == "mine-1"
    assert body["path"] == "/cart/items?token=secret", "the app gets the whole of it"


async def test_what_the_gateway_answers_itself_is_written_down_too(rig: Rig, v1: Backend) -> None:
    """With its deployment, whichever filter answered; a domain that nobody has is nobody's."""
    alice = credential("alice", "correct horse", salt=bytes(16))
    for knobs in ({"maintenance": Maintenance()}, {"allow": ("127.0.0.9",)}, {"basic_auth": (alice,)}):
        await rig.put(protected(v1, **knobs))
        await rig.get()
    await rig.get(host="nobody.example")
    found = await lines(rig, 4)
    assert [(line["status"], line["deployment_id"], line["project_id"]) for line in found] == [
        (503, "dep_v1", "prj_1"),
        (403, "dep_v1", "prj_1"),
        (401, "dep_v1", "prj_1"),
        (404, None, None),
    ]
    assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) for line in found)
    assert all(re.fullmatch("[0-9a-f-]{36}", line["request_id"]) for line in found)


async def test_no_line_holds_a_secret_or_has_no_end(rig: Rig, v1: Backend) -> None:
    """Query strings, headers and bodies may be secrets; what a stranger chooses is cut, and stays one line."""
    await rig.route(v1)
    await rig.get(f"/a?key={SECRET}", headers=dict.fromkeys(("Authorization", "Cookie", "X-Api-Key"), SECRET))
    await rig.client.post(rig.url("/b"), data=SECRET, headers={"Host": HOST, "Referer": f"http://x/?{SECRET}"})
    await rig.get("/" + "p" * 9000, headers={"X-Request-Id": 'i"\\' * 1000, "User-Agent": SECRET})
    found = await lines(rig, 3)
    text = log_of(rig).read_text()
    assert SECRET not in text
    assert max(map(len, text.splitlines())) < 3000
    assert len(found[2]["path"]) == 1024
    assert len(found[2]["request_id"]) == 128


async def test_nothing_is_written_when_it_is_switched_off(v1: Backend) -> None:
    """Requests are served as ever."""
    async with standing(access_log=None) as rig:
        await rig.route(v1)
        assert (await rig.get())[0] == 200
        assert not [file for file in rig.folder.iterdir() if "access" in file.name]


# ------------------------------------------------------------------------------ rotation, counting


def counter(rig: Rig, tally: Tally, *, limit: int) -> RequestLog:
    assert rig.envoy is not None
    return RequestLog(log_of(rig), limit_bytes=limit, admin=rig.envoy.admin, tally=tally)


def told(tally: Tally) -> dict[str, float]:
    """What Prometheus would be told of the one deployment, by name and status class."""
    with metrics_at(0, tally) as port:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("turnout_") and "_bucket" not in line and "_created" not in line:
            name, _, value = line.rpartition(" ")
            status = re.search(r'status="(\w+)"', name)
            found[f"{name.partition('{')[0]} {status[1] if status else ''}".strip()] = float(value)
    return found


async def test_the_counts_are_exactly_what_was_sent(rig: Rig, v1: Backend) -> None:
    """By status class, with every byte, also of requests that a filter answered; and again by whoever comes next."""
    await rig.route(v1)
    tally = Tally()
    log = counter(rig, tally, limit=10_000_000)
    sent = received = 0
    for number in range(30):
        async with rig.client.post(rig.url("/x"), data=b"b" * number, headers={"Host": HOST}) as response:
            sent, received = sent + number, received + len(await response.read())
    await rig.put(protected(v1, maintenance=Maintenance()))
    for _ in range(7):
        _, _, headers = await rig.get()
        received += int(headers["content-length"])
    for _ in range(5):
        await rig.get(host="nobody.example")
    await lines(rig, 42)
    await log.look()
    found = told(tally)
    assert found["turnout_requests_total 2xx"] == 30
    assert found["turnout_requests_total 5xx"] == 7
    assert "turnout_requests_total 4xx" not in found, "a domain that nobody has is counted for nobody"
    assert found["turnout_request_bytes_total"] == sent
    assert found["turnout_response_bytes_total"] == received
    assert found["turnout_request_duration_seconds_count"] == 37
    assert found["turnout_request_duration_seconds_sum"] > 0

    await rig.get()
    await lines(rig, 43)
    successor = Tally()
    await counter(rig, successor, limit=10_000_000).look()
    assert told(successor)["turnout_requests_total 5xx"] == 1, "what was counted before is not counted again"


async def test_rotation_under_traffic_loses_no_line_and_fails_no_request(rig: Rig, v1: Backend) -> None:
    """Every request is counted once, whichever file its line went into, and the files stay small."""
    await rig.route(v1)
    tally, limit = Tally(), 60_000
    log = counter(rig, tally, limit=limit)
    answered, stop, rotations, before = 0, False, 0, 0

    async def keep_asking() -> None:
        nonlocal answered
        while not stop:
            assert (await rig.get())[0] == 200
            answered += 1

    clients = [asyncio.create_task(keep_asking()) for _ in range(8)]
    async with patiently(60):
        while rotations < 5:
            await log.look()
            if older(log_of(rig)).exists() and (inode := older(log_of(rig)).stat().st_ino) != before:
                rotations, before = rotations + 1, inode
            await asyncio.sleep(0.01)
    stop = True
    await asyncio.gather(*clients)

    async def all_counted() -> bool:
        await log.look()
        return told(tally)["turnout_requests_total 2xx"] >= answered

    await eventually(all_counted, within=10, what="every request is counted")
    assert told(tally)["turnout_requests_total 2xx"] == answered
    assert answered > 300


async def test_while_envoy_does_not_answer_lines_go_where_they_went(rig: Rig, v1: Backend) -> None:
    """The file was moved and Envoy was not told: nothing is lost, and whoever comes next tells it."""
    await rig.route(v1)
    await rig.get()
    await lines(rig, 1)
    log_of(rig).replace(older(log_of(rig)))
    await rig.get()
    await lines(rig, 2)
    assert not log_of(rig).exists()
    tally = Tally()
    log = counter(rig, tally, limit=10_000_000)
    await log.look()
    await eventually(lambda: log_of(rig).exists(), within=10, what="Envoy opened it anew")
    await rig.get()
    await lines(rig, 3)
    await log.look()
    assert told(tally)["turnout_requests_total 2xx"] == 3
