"""A real Envoy refuses what a switch made: its old configuration stays, and the operation says what happened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.contract.test_gateway_envoy import Backend, Rig, _envoy_is_here, v1, v2
from tests.faults.lab_kit import restate
from tests.faults.rows import Row
from tests.support import eventually
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab, running
from turnout.domain.documents import InstanceReport
from turnout.domain.records import RunSpec
from turnout.domain.statuses import OperationStatus
from turnout.domain.views import ProjectView
from turnout.gateway import planner, protos, state
from turnout.gateway.resources import ProjectPlan
from turnout.gateway.service import GatewayService
from turnout.store import Store

__all__ = ["_envoy_is_here", "restate", "v1", "v2"]  # fixtures

pytestmark = pytest.mark.fault(Row.CONFIG_REJECTED)

HOST, OTHER = "p-default.localhost", "other-default.localhost"


class StoreRig(Rig):
    """The gateway's rig, fed by the store of a lab."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder)
        self._of = store

    async def start_service(self, **more: object) -> None:
        self.service = GatewayService(source=self._of, journal=self._of, home=self.folder, listen=self.settings.ads)
        await self.service.start()


@asynccontextmanager
async def a_real_gateway(lab: Lab) -> AsyncIterator[StoreRig]:
    """Instead of the one that the lab plays."""
    rig = StoreRig(Path(tempfile.mkdtemp(prefix="turnout-")), lab.store)
    try:
        await rig.start_service()
        await rig.start_envoy()
        await eventually(lambda: is_connected(lab), what="the gateway is connected")
        async with aiohttp.ClientSession() as rig.client:
            yield rig
    finally:
        await rig.stop()
        shutil.rmtree(rig.folder, ignore_errors=True)


async def test_the_old_configuration_stays(
    restate: Restate, tmp_path: Path, v1: Backend, v2: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deploy, rollback and promote that a gateway refuses end degraded and name it; other projects go on."""
    limits = replace(LIMITS, propagation_seconds=20.0)
    async with open_lab(restate, tmp_path, limits=limits, plays_gateway=False) as lab, a_real_gateway(lab) as rig:
        lab.behave = lambda spec: at(v1 if spec.image.endswith(":1") else v2, spec)
        first = await lab.deploy("app:1")
        assert first.status is OperationStatus.SUCCEEDED, first.reason
        assert await serves(rig) == "v1"

        monkeypatch.setattr(state, "plan_project", plan_badly)
        refused = await lab.deploy("app:2")
        assert refused.status is OperationStatus.DEGRADED
        assert "refused the configuration" in (refused.reason or "")
        assert "gw-test" in (refused.reason or "")
        assert await serves(rig) == "v1"
        assert (await lab.deploy("app:2", project="other")).status is OperationStatus.SUCCEEDED
        assert await serves(rig, OTHER) == "v2"

        monkeypatch.undo()
        back = await lab.rollback()
        assert back.status is OperationStatus.SUCCEEDED, back.reason
        assert await serves(rig) == "v1"
        monkeypatch.setattr(state, "plan_project", plan_badly)
        promoted = await lab.ended(
            await lab.store.admit_promote(
                workspace_id=lab.workspace.id,
                project="p",
                target_id=refused.deployment_id,
                actor="test",
                deadline_seconds=60,
            )
        )
        assert promoted.status is OperationStatus.DEGRADED
        assert await serves(rig) == "v1"

        monkeypatch.undo()
        assert (await lab.deploy("app:3")).status is OperationStatus.SUCCEEDED
        assert await serves(rig) == "v2"


def plan_badly(view: ProjectView) -> ProjectPlan:
    """Project p gets a route configuration that Envoy does not take: twice the same domain."""
    plan = planner.plan_project(view)
    if HOST not in {route.fqdn for route in view.routes}:
        return plan
    bad = protos.RouteConfiguration.FromString(plan.routes[0].body)
    bad.virtual_hosts.add(name="again", domains=list(bad.virtual_hosts[0].domains))
    body = bad.SerializeToString()
    return replace(plan, routes=(replace(plan.routes[0], version=f"bad-{hash(body)}", body=body),))


def at(app: Backend, spec: RunSpec) -> InstanceReport:
    """An instance that runs where the app listens."""
    return running(spec).model_copy(update={"address": app.address})


async def is_connected(lab: Lab) -> bool:
    """Whether the store knows of the gateway."""
    return any(each.connected for each in await lab.store.gateways())


async def serves(rig: StoreRig, host: str = HOST) -> str:
    """The app that answers."""
    status, body, _ = await rig.get(host=host)
    assert status == 200, body
    return str(body["app"])
