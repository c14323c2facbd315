"""Tokens over HTTP: the text of one is told once, and signs in until it ends or is revoked."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from tests.contract.store_kit import REGION, Yard
from tests.contract.test_api_variables import Api
from turnout.domain.tokens import hash_token
from turnout.store.schema import operations


@pytest.fixture
def api(yard: Yard, tmp_path: Path) -> Api:
    """The API."""
    return Api(yard, tmp_path / "home", TURNOUT_DEPLOY_REGIONS=REGION)


async def test_one_is_made_listed_used_and_revoked(api: Api) -> None:
    """Only the answer that makes it has its text; the store has its hash."""
    async with api.signed_in() as alice:
        made = await alice.post("/v1/tokens", json={"name": "ci", "expires_at": "2100-01-01T00:00:00Z"})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        secret, token = made.json()["secret"], made.json()["token"]
        assert (token["name"], token["access"], token["yours"]) == ("ci", "deploy", False)
        listed = await alice.get("/v1/tokens")
        assert {each["name"]: each["yours"] for each in listed.json()["tokens"]} == {"alice": True, "ci": False}
        assert secret not in listed.text
        assert secret not in str(await api.yard.dump())
        assert hash_token(secret) in str(await api.yard.dump())

        async with _bearing(api, secret) as ci:
            await api.yard.ship()
            assert (await ci.get("/v1/projects")).status_code == 200
            asked = await ci.post("/v1/projects/shop/deployments", json={"image": "shop:v2"})
            assert asked.status_code == 202
            async with api.yard.store._db.read() as tx:
                asked_by = select(operations.c.actor).where(operations.c.id == asked.json()["operation_id"])
                assert (await tx.execute(asked_by)).scalar_one() == "ci"
            for method, path in (
                ("GET", "/v1/tokens"),
                ("POST", "/v1/tokens"),
                ("DELETE", f"/v1/tokens/{token['id']}"),
                ("DELETE", "/v1/projects/shop"),
            ):
                refused = await ci.request(method, path, json={"name": "x"} if method == "POST" else None)
                assert (refused.status_code, refused.json()["type"]) == (403, "forbidden"), path
            assert (await alice.delete(f"/v1/tokens/{token['id']}")).status_code == 200
            assert (await ci.get("/v1/projects")).status_code == 401
        assert (await alice.delete(f"/v1/tokens/{token['id']}")).status_code == 404


async def test_one_to_look_with_changes_nothing(api: Api) -> None:
    """Metrics can be read with it, so that no admin's token has to lie with Prometheus."""
    async with api.signed_in() as alice:
        secret = (await alice.post("/v1/tokens", json={"name": "prometheus", "access": "read"})).json()["secret"]
    await api.yard.ship()
    async with _bearing(api, secret) as onlooker:
        for path in ("/metrics", "/v1/status", "/v1/projects/shop", "/v1/findings"):
            assert (await onlooker.get(path)).status_code == 200, path
        refused = await onlooker.post("/v1/projects/shop/rollback", json={})
        assert refused.json()["detail"] == "cannot do this: it needs deploy access, and the token's is read"


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": " x"},
        {"name": "a\nb"},
        {"name": "x" * 65},
        {"name": "tno_" + "a" * 43},
        {"name": "ci", "access": "krane"},
        {"name": "ci", "access": "root"},
        {"name": "ci", "expires_at": "2001-01-01T00:00:00Z"},
        {"name": "ci", "expires_at": "2100-01-01T00:00:00"},
    ],
)
async def test_what_is_no_token(api: Api, body: dict[str, str]) -> None:
    """A plain sentence, and nothing is made."""
    async with api.signed_in() as alice:
        before = await api.yard.dump()
        refused = await alice.post("/v1/tokens", json=body)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert await api.yard.dump() == before


def _bearing(api: Api, token: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(api._app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers={"authorization": f"Bearer {token}"})
