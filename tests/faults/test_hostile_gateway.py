"""Hostile requests to a gateway: a real Envoy, an attacker's app, and somebody else's that needs a key."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.contract.test_gateway_envoy import Rig, _envoy_is_here
from tests.faults.hostile.frames import FRAMES
from tests.faults.hostile.hosts import HOSTS
from tests.faults.hostile.requests import CLAIMS, TWO_READINGS, Raw
from tests.faults.raw_kit import Witness, exchanged, framed, witness
from tests.faults.rows import Row
from turnout.domain.keyspaces import NewKey, new_key
from turnout.domain.views import GuardView, KeyView, ProjectView, RouteView, TargetView

__all__ = ["_envoy_is_here"]  # a fixture

pytestmark = pytest.mark.fault(Row.HOSTILE)

MINE, VIP = "mine.example", "vip.example"


@dataclass
class Street:
    """A gateway and the two apps behind it."""

    rig: Rig
    mine: Witness
    vip: Witness
    key: NewKey


@asynccontextmanager
async def _street() -> AsyncIterator[Street]:
    folder = Path(tempfile.mkdtemp(prefix="turnout-"))
    rig, key = Rig(folder), new_key()
    try:
        await rig.start_service()
        await rig.start_envoy()
        async with aiohttp.ClientSession() as rig.client, witness() as mine, witness() as vip:
            await rig.put(
                _project("prj_mine", MINE, mine, None),
                _project("prj_vip", VIP, vip, key),
            )
            yield Street(rig, mine, vip, key)
    finally:
        await rig.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _project(project_id: str, host: str, app: Witness, key: NewKey | None) -> ProjectView:
    deployment = project_id.replace("prj", "dep")
    guard = GuardView(key_auth_id="ks_vip" if key else None)
    keys = (KeyView(id="key_vip", keyspace_id="ks_vip", sha256=key.sha256),) if key else ()
    return ProjectView(
        project_id=project_id,
        routes=(RouteView(fqdn=host, deployment_id=deployment, guard=guard),),
        targets=(TargetView(deployment_id=deployment, addresses=(app.address,)),),
        keys=keys,
    )


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    """A gateway."""
    async with _street() as made:
        yield made


@pytest.mark.parametrize(
    "cases", [HOSTS, pytest.param(TWO_READINGS, marks=pytest.mark.full)], ids=["hosts", "two readings"]
)
async def test_hostile_requests(street: Street, subtests: pytest.Subtests, cases: dict[str, Raw]) -> None:
    """Refused, or taken for exactly what they are; nothing reaches the app that needs a key, and nothing unreadable
    any app."""
    for name, raw in cases.items():
        with subtests.test(name):
            street.mine.seen.clear()
            street.mine.unreadable.clear()
            content = raw.content(mine=MINE, vip=VIP)
            status, said = await exchanged(street.rig.port, content, unfinished=0 in raw.statuses)
            assert status in raw.statuses, said[:300]
            assert street.vip.seen == []
            assert [each.line.split()[1] for each in street.mine.seen if each.line.split()[1] != "/first"] == []
            assert raw.mine or street.mine.seen == []
            assert {host for each in street.mine.seen for host in each.values("host")} <= {MINE}
            assert street.mine.unreadable == street.vip.unreadable == []
    with subtests.test("it serves on"):
        assert (await exchanged(street.rig.port, _plain(MINE)))[0] == 200


def _plain(host: str, *headers: str) -> bytes:
    lines = ["GET /first HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def test_claims_of_clients(street: Street, subtests: pytest.Subtests) -> None:
    """What is for the gateway to say is said by the gateway, with and without a good key."""
    for name, claim in CLAIMS.items():
        for host, app, headers in (
            (MINE, street.mine, []),
            (VIP, street.vip, [f"Authorization: Bearer {street.key.secret}"]),
        ):
            with subtests.test(f"{name}, to {host}"):
                app.seen.clear()
                status, said = await exchanged(street.rig.port, _plain(host, claim, *headers))
                if "Connection: " in claim and status == 400:  # refused altogether: it names headers that are ours
                    assert app.seen == []
                    continue
                assert status == 200, said[:300]
                (seen,) = app.seen
                assert seen.values("x-forwarded-for") == ["127.0.0.1"]
                assert seen.values("x-forwarded-host") == [host]
                assert seen.values("x-forwarded-proto") == ["http"]
                assert len(seen.values("x-request-id")) == 1
                assert seen.values("x-turnout-key-id") == (["key_vip"] if app is street.vip else [])
                assert "6.6.6.6" not in str(seen)
                assert "_" not in "".join(each for each, _ in seen.headers)
                assert not [each for each, _ in seen.headers if each.startswith("x-envoy") or each == "forwarded"]
                assert street.key.secret not in str(seen)


@pytest.mark.full
async def test_hostile_requests_over_http2(street: Street, subtests: pytest.Subtests) -> None:
    """There the names of hosts and the ends of messages are said in other places."""
    for name, frames in FRAMES.items():
        with subtests.test(name):
            street.mine.seen.clear()
            street.mine.unreadable.clear()
            status = await framed(street.rig.port, frames.headers(mine=MINE, vip=VIP), frames.body)
            assert status in frames.statuses, status
            assert street.vip.seen == []
            assert [each.line for each in street.mine.seen if "/first" not in each.line] == []
            assert frames.mine or street.mine.seen == []
            assert {host for each in street.mine.seen for host in each.values("host")} <= {MINE}
            assert street.mine.unreadable == []
    with subtests.test("it serves on"):
        assert (await exchanged(street.rig.port, _plain(MINE)))[0] == 200
