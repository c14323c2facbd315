"""What the watchdog has found, as the API tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.store_kit import REGION, Yard
from tests.contract.test_api_variables import Api
from turnout.domain.findings import Finding, FindingKind
from turnout.domain.records import Backend

SINCE = datetime(2030, 1, 1, tzinfo=UTC)


def finding(subject: str, workspace_id: str | None, *, repaired: bool = False) -> Finding:
    """A paused invocation."""
    return Finding(
        kind=FindingKind.INVOCATION_PAUSED,
        subject=subject,
        workspace_id=workspace_id,
        since=SINCE,
        sentence="it is paused; it was resumed",
        repaired=repaired,
    )


@pytest.fixture
async def api(yard: Yard, tmp_path: Path) -> Api:
    """An API whose gateway and krane are connected."""
    await yard.store.gateway_connected(gateway_id="gw", region=REGION, at=yard.clock())
    await yard.store.krane_connected(region=REGION, backends=[Backend.DOCKER])
    return Api(yard, tmp_path, TURNOUT_DEPLOY_REGIONS=REGION)


async def test_findings_are_shown_everywhere(api: Api) -> None:
    """In the status, in a list of their own, as metrics; whoever else's they are, they are not shown."""
    mine = api.yard.workspace.id
    async with api.signed_in() as client:
        assert (await client.get("/v1/status")).json()["healthy"] is True
        api.watchdog.found = (finding("inv_1", mine), finding("inv_2", "ws_other"), finding("inv_3", None))
        told = {
            "kind": "invocation-paused",
            "since": "2030-01-01T00:00:00Z",
            "sentence": "it is paused; it was resumed",
            "repaired": False,
        }
        listed = (await client.get("/v1/findings")).json()
        assert listed == {"findings": [told | {"subject": "inv_1"}, told | {"subject": "inv_3"}]}
        status = (await client.get("/v1/status")).json()
        assert (status["healthy"], status["findings"]) == (False, listed["findings"])
        metrics = (await client.get("/metrics")).text
    assert 'turnout_findings{kind="invocation-paused"} 2.0' in metrics
    assert 'turnout_findings{kind="operation-lost"} 0.0' in metrics
    assert 'turnout_repairs_total{kind="operation-lost"} 0.0' in metrics
    assert "turnout_watchdog_age_seconds 1.5" in metrics


async def test_what_was_repaired_does_not_count(api: Api) -> None:
    """It is shown, and all is well."""
    api.watchdog.found = (finding("inv_1", None, repaired=True),)
    async with api.signed_in() as client:
        assert (await client.get("/v1/status")).json()["healthy"] is True
        assert 'turnout_findings{kind="invocation-paused"} 0.0' in (await client.get("/metrics")).text


async def test_krane_tells_of_strays(api: Api) -> None:
    """With its report; a krane of another region cannot."""
    report = {
        "complete": False,
        "backends": [],
        "instances": [],
        "strays": [{"instance_id": "ins_9"}, {"instance_id": "ins_8", "problem": "no"}],
    }
    async with api.signed_in("krane", REGION) as krane:
        assert (await krane.post(f"/v1/regions/{REGION}/report", json=report)).status_code == 204
        assert [(each.instance_id, each.problem) for each in api.watchdog.strays] == [("ins_9", None), ("ins_8", "no")]
        assert (await krane.post("/v1/regions/other/report", json=report)).status_code == 403
        hostile = report | {"strays": [{"instance_id": "x" * 65}]}
        assert (await krane.post(f"/v1/regions/{REGION}/report", json=hostile)).status_code == 400
