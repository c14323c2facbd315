"""Health and OpenAPI paths that aim elsewhere: refused, or sent to the app and to nobody else."""

from __future__ import annotations

import json

import pytest
import structlog

from tests.contract.test_openapi_scrape import LIMITS, http, serving
from tests.faults.attack_kit import World, refusal
from tests.faults.hostile.paths import REFUSED, TAKEN
from tests.faults.raw_kit import witness
from tests.faults.rows import Row
from turnout.domain.errors import Invalid
from turnout.domain.manifest import parse_manifest
from turnout.domain.records import HealthCheck
from turnout.krane.health import Prober
from turnout.workflows.openapi import scrape

pytestmark = pytest.mark.fault(Row.HOSTILE)

_FIELDS = {
    "health": lambda path: {"health": {"path": path}},
    "openapi": lambda path: {"openapi_path": path},
    "skip": lambda path: {"validation": {"enabled": True, "skip": [path]}},
}
_SETTINGS = {"health": "[health]\npath", "openapi": "[openapi]\npath"}


async def test_paths_that_lead_elsewhere(here: World, subtests: pytest.Subtests) -> None:
    """Neither the API nor a turnout.toml takes one."""
    token = await here.token("ada")
    before = await here.dump()
    async with here.client(token) as client:
        for field, body in _FIELDS.items():
            for path in REFUSED:
                with subtests.test(f"{field}: {path[:40]!a}"):
                    deploy = {"image": "shop:v2", **body(path)}
                    refusal(await client.post("/v1/projects/shop/deployments", json=deploy), 400)
        for field, setting in _SETTINGS.items():
            for path in REFUSED:
                with subtests.test(f"turnout.toml, {field}: {path[:40]!a}"):
                    with pytest.raises(Invalid) as caught:
                        parse_manifest(f"{setting} = {json.dumps(path, ensure_ascii=True)}\n")
                    assert caught.value.detail.isprintable()
    with subtests.test("nothing changed"):
        assert await here.dump() == before


async def test_odd_paths_reach_the_app_only(subtests: pytest.Subtests) -> None:
    """A health check and a scrape ask the address that was recorded, by a path that stays one."""
    prober = Prober()
    async with witness() as app:
        for path in TAKEN:
            with subtests.test(f"health: {path}"):
                app.seen.clear()
                await prober.check(app.address, HealthCheck(path=path, timeout=10.0))
                assert [each.line.split(" ")[0] for each in app.seen] == ["GET"]
                assert [each.line.split(" ")[1][:1] for each in app.seen] == ["/"]
                assert app.unreadable == []
                port = app.address.rpartition(":")[2]
                assert {host for each in app.seen for host in each.values("host")} == {f"localhost:{port}"}
            with subtests.test(f"openapi: {path}"):
                app.seen.clear()
                await scrape([app.address], path, LIMITS, structlog.get_logger(), deployment_id="dep_1")
                assert {host for each in app.seen for host in each.values("host")} <= {app.address}
                assert app.unreadable == []
    await prober.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_health_check_follows_nobody(status: int) -> None:
    """A redirect is an answer; where it leads to is not asked."""
    prober = Prober()
    async with witness() as decoy, serving({"/": http(status, location=f"http://{decoy.address}/")}) as app:
        verdict = await prober.check(app.address, HealthCheck(path="/", timeout=10.0))
        assert verdict.passed
        assert app.paths == ["/"]
        assert decoy.seen == []
    await prober.close()
