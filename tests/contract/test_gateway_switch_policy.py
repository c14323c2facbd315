"""Through the switch: whoever is answered by a version was let in by that version's policy.

A real store, a real gateway with a real Envoy, and clients that do not pause.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.contract.store_kit import APEX, LIVE, Clock, Shipped, Yard
from tests.contract.test_gateway_envoy import GATEWAY, Backend, Rig, _envoy_is_here, v1, v2
from tests.support import eventually
from turnout.domain.keyspaces import NewKey, new_key
from turnout.domain.statuses import InstanceStatus
from turnout.gateway.service import GatewayService
from turnout.store import open_store

__all__ = ["_envoy_is_here", "v1", "v2"]  # fixtures

pytestmark = pytest.mark.asyncio

DOMAIN = f"{LIVE}.{APEX}"


class StoreRig(Rig):
    """The gateway's rig, fed by the product's own store."""

    def __init__(self, folder: Path, yard: Yard) -> None:
        super().__init__(folder)
        self.yard = yard

    async def start_service(self, **more: object) -> None:
        store = self.yard.store
        self.service = GatewayService(source=store, journal=store, home=self.folder, listen=self.settings.ads)
        await self.service.start()

    async def until_acknowledged(self, generation: int) -> None:
        """Return when Envoy goes by it."""

        async def has() -> bool:
            gateways = await self.yard.store.gateways()
            return any(each.id == GATEWAY and each.acknowledged_generation >= generation for each in gateways)

        await eventually(has, what=f"generation {generation} acknowledged")

    async def key(self, keyspace: str) -> NewKey:
        """A good key of a keyspace, which is made if there is none."""
        whose = {"workspace_id": self.yard.workspace.id, "actor": "alice"}
        await self.yard.store.create_keyspace(slug=keyspace, limit=None, **whose)
        new = new_key()
        await self.yard.store.add_key(reference=keyspace, new=new, name="a", limit=None, expires_at=None, **whose)
        return new

    async def ship(self, app: Backend, keyspace: str | None) -> Shipped:
        """A version that runs where the backend listens."""
        deploy = await self.yard.admit(key_auth_id=keyspace)
        await self.yard.start(deploy)
        await self.yard.report(deploy.deployment_id, InstanceStatus.RUNNING, address=app.address)
        return Shipped(deploy.operation_id, deploy.deployment_id, await self.yard.switch(deploy))


@pytest_asyncio.fixture
async def rig(sqlite_template: Path) -> AsyncIterator[StoreRig]:
    """A gateway over an empty store."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-"))
    shutil.copy(sqlite_template, folder / "turnout.db")
    clock = Clock()
    async with open_store(f"sqlite+aiosqlite:///{folder / 'turnout.db'}", clock=clock) as store:
        rig = StoreRig(folder, Yard(store, clock, await store.ensure_workspace(slug="acme")))
        try:
            await rig.start_service()
            await rig.start_envoy()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as rig.client:
                yield rig
        finally:
            await rig.stop()


@dataclass
class Caller:
    """Asks without a pause, with one key or none, and keeps what came of it."""

    rig: StoreRig
    headers: dict[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    let_in_by: dict[str, set[str | None]] = field(default_factory=dict)
    """By version: the ids of keys that it was told."""

    async def ask(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            status, body, _ = await self.rig.get(host=DOMAIN, headers=self.headers)
            if status == 200:
                self.answers[body["app"]] += 1
                self.let_in_by.setdefault(body["app"], set()).add(body["headers"].get("x-turnout-key-id"))
            else:
                self.answers[str(status)] += 1


async def flip(rig: StoreRig, first: Shipped, second: Shipped, callers: list[Caller], *, switches: int) -> None:
    """Roll back and promote between two versions, so many times, under constant requests."""
    stop = asyncio.Event()
    asking = [asyncio.create_task(caller.ask(stop)) for caller in callers]
    for turn in range(switches):
        result = await (rig.yard.rollback(first.id) if turn % 2 == 0 else rig.yard.promote(second.id))
        if turn % 3 == 0:  # the others overtake each other on their way to Envoy
            await rig.until_acknowledged(result.generation)
    await rig.until_acknowledged(result.generation)
    stop.set()
    await asyncio.gather(*asking)


@pytest.mark.parametrize("switches", [40, pytest.param(300, marks=pytest.mark.full)])
async def test_a_rollback_to_another_keyspace_moves_policy_and_target_in_one_instant(
    rig: StoreRig, v1: Backend, v2: Backend, switches: int
) -> None:
    """Version 1 answers keys of its own keyspace only, version 2 those of the other, nobody answers no key."""
    one, two = await rig.key("ones"), await rig.key("twos")
    first = await rig.ship(v1, "ones")
    second = await rig.ship(v2, "twos")
    await rig.until_acknowledged(second.result.generation)
    with_one = Caller(rig, {"Authorization": f"Bearer {one.secret}"})
    with_two = Caller(rig, {"X-API-Key": two.secret})
    without = Caller(rig, {})
    with_both = Caller(rig, {"Authorization": f"Bearer {one.secret}", "X-API-Key": two.secret})
    await flip(rig, first, second, [with_one, with_two, without, with_both], switches=switches)
    for caller, app in ((with_one, "v1"), (with_two, "v2"), (with_both, "v1")):
        assert caller.answers.keys() == {app, "401"}, "let in by its own version, refused by the other, never failed"
        assert caller.answers[app] > 5
        assert caller.answers["401"] > 5
        assert len(caller.let_in_by[app]) == 1
        assert None not in caller.let_in_by[app]
    assert without.answers.keys() == {"401"}
    seen = {"v1": with_one.answers["v1"] + with_both.answers["v1"], "v2": with_two.answers["v2"]}
    assert {"v1": v1.answered, "v2": v2.answered} == seen, "no request reached an app unanswered"


async def test_a_rollback_to_an_open_version_opens_that_version_alone(rig: StoreRig, v1: Backend, v2: Backend) -> None:
    """Without a key only the version that asks for none answers, and it is told of no key."""
    key = await rig.key("ones")
    first = await rig.ship(v1, None)
    second = await rig.ship(v2, "ones")
    await rig.until_acknowledged(second.result.generation)
    with_key = Caller(rig, {"Authorization": f"Bearer {key.secret}"})
    without = Caller(rig, {})
    await flip(rig, first, second, [with_key, without], switches=100)
    assert without.answers.keys() == {"v1", "401"}
    assert with_key.answers.keys() == {"v1", "v2"}
    assert with_key.let_in_by["v1"] == without.let_in_by["v1"] == {None}
    assert len(with_key.let_in_by["v2"]) == 1
    assert None not in with_key.let_in_by["v2"]
