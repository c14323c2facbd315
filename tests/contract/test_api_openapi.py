"""The API's routes for OpenAPI documents, over a real store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api
from tests.contract.test_store_openapi import NEW, OLD, SAME, ship
from tests.specs import PETSTORE, api, as_json
from turnout.domain.openapi_document import read_served
from turnout.domain.openapi_yaml import parse_yaml
from turnout.domain.statuses import StepStatus


@pytest.fixture
def server(yard: Yard, tmp_path: Path) -> Api:
    """The API."""
    return Api(yard, tmp_path / "home")


async def test_a_document_as_json_and_as_yaml(server: Api) -> None:
    """What was served comes back as it was in its own form, and says the same in the other."""
    yaml, served = await ship(server.yard, PETSTORE), await ship(server.yard, OLD)
    async with server.signed_in() as client:
        answer = await client.get(f"/v1/deployments/{yaml.id}/openapi", params={"form": "yaml"})
        assert (answer.content, answer.headers["content-type"]) == (PETSTORE, "application/yaml")
        assert answer.headers["x-content-type-options"] == "nosniff"
        answer = await client.get(f"/v1/deployments/{yaml.id}/openapi")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == read_served(PETSTORE)[1].content
        assert (await client.get(f"/v1/deployments/{served.id}/openapi")).content == OLD
        answer = await client.get(f"/v1/deployments/{served.id}/openapi", params={"form": "yaml"})
        assert parse_yaml(answer.text) == json.loads(OLD)
        assert answer.text.startswith("openapi: 3.1.0\ninfo:\n  title: t\n")
        shown = (await client.get(f"/v1/deployments/{served.id}")).json()
        assert shown["openapi_spec_id"] == read_served(OLD)[0].id
        assert (await client.get(f"/v1/deployments/{served.id}/openapi", params={"form": "xml"})).status_code == 400


async def test_a_document_with_half_a_character(server: Api) -> None:
    """JSON can hold what no other text can."""
    deployed = await ship(server.yard, as_json(api({"/": {"get": {"summary": "\ud800"}}})))
    path = f"/v1/deployments/{deployed.id}/openapi"
    async with server.signed_in() as client:
        assert (await client.get(path)).json()["paths"]["/"]["get"]["summary"] == "\ud800"
        assert "summary: '?'" in (await client.get(path, params={"form": "yaml"})).text


async def test_a_deployment_without_one_says_why(server: Api) -> None:
    """What its deploy saw is in the answer."""
    deployed = await server.yard.admit()
    async with server.signed_in() as client:
        answer = await client.get(f"/v1/deployments/{deployed.deployment_id}/openapi")
        assert answer.status_code == 404
        assert answer.json()["detail"].endswith("has no OpenAPI document: its deploy has not come to look for one")
        await server.yard.store.end_step(
            operation_id=deployed.operation_id, name="openapi", status=StepStatus.SKIPPED, detail="none: seen nothing"
        )
        answer = await client.get(f"/v1/deployments/{deployed.deployment_id}/openapi")
        assert answer.json()["detail"].endswith("has no OpenAPI document; its deploy saw none: seen nothing")
        for path in ("dep_none/openapi", "dep_none/openapi/diff/dep_none"):
            assert (await client.get(f"/v1/deployments/{path}")).status_code == 404


async def test_what_changed(server: Api) -> None:
    """Each change with its rule; those that break are counted."""
    v1, v2, v3 = [await ship(server.yard, served) for served in (OLD, NEW, SAME)]
    async with server.signed_in() as client:
        found = (await client.get(f"/v1/deployments/{v1.id}/openapi/diff/{v2.id}")).json()
        assert found == {
            "before": v1.id,
            "after": v2.id,
            "before_spec_id": read_served(OLD)[0].id,
            "after_spec_id": read_served(NEW)[0].id,
            "same": False,
            "breaking": 1,
            "changes": [
                {
                    "rule": "path-removed",
                    "breaking": True,
                    "operation": "/more",
                    "place": "",
                    "text": "the path was removed",
                }
            ],
        }
        back = (await client.get(f"/v1/deployments/{v2.id}/openapi/diff/{v1.id}")).json()
        assert (back["breaking"], [each["rule"] for each in back["changes"]]) == (0, ["path-added"])
        for same in (v1, v3):
            found = (await client.get(f"/v1/deployments/{v1.id}/openapi/diff/{same.id}")).json()
            assert (found["same"], found["changes"]) == (True, [])


async def test_another_workspace_sees_nothing(server: Api, another_yard, tmp_path: Path) -> None:
    """Nor can it compare with what it does not see."""
    deployed = await ship(server.yard, OLD)
    other = Api(await another_yard("globex"), tmp_path / "other")
    own = await ship(other.yard, OLD)
    async with other.signed_in() as stranger:
        for path in ("openapi", f"openapi/diff/{own.id}"):
            assert (await stranger.get(f"/v1/deployments/{deployed.id}/{path}")).status_code == 404
        assert (await stranger.get(f"/v1/deployments/{own.id}/openapi/diff/{deployed.id}")).status_code == 404
