"""The API's routes for keyspaces and keys, over a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api, api
from tests.faults.rows import Row
from turnout.domain.keyspaces import hash_key, new_key

__all__ = ["api"]  # a fixture

SPACES = "/v1/keyspaces"
KEYS = "/v1/keyspaces/customers/keys"


async def test_from_the_first_keyspace_to_the_last(api: Api) -> None:
    """Made, listed, limited, filled, emptied, removed; the secret is in one answer only."""
    async with api.signed_in() as client:
        assert (await client.get(SPACES)).json() == {"keyspaces": []}
        made = await client.post(SPACES, json={"name": "customers", "limit": {"requests": 10, "seconds": 60}})
        assert made.status_code == 201, made.text
        assert (await client.post(SPACES, json={"name": "customers"})).status_code == 409
        answer = await client.post(KEYS, json={"name": "acme", "expires_at": "2031-01-01T00:00:00Z"})
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        secret, key = answer.json()["secret"], answer.json()["key"]
        assert (key["name"], key["state"], key["keyspace"]) == ("acme", "good", "customers")
        assert key["limit"] == {"requests": 10, "seconds": 60}, "its keyspace's"
        assert secret.startswith(key["start"])
        by_id = f"/v1/keys/{key['id']}"
        answers = [
            await client.get(SPACES),
            await client.get(KEYS),
            await client.get(f"{SPACES}/{made.json()['id']}/keys"),
            await client.put(f"{by_id}/limit", json={"limit": {"requests": 1, "seconds": 1}}),
            await client.put(f"{by_id}/limit", json={"limit": None}),
            await client.put(f"{by_id}/expiry", json={"expires_at": None}),
            await client.put(f"{SPACES}/customers/limit", json={"limit": None}),
            await client.post(f"{by_id}/revoke"),
            await client.post(f"{by_id}/revoke"),
            await client.get(KEYS),
            await client.delete(f"{SPACES}/customers"),
        ]
        assert {each.status_code for each in answers} == {200}
        for each in answers:
            assert secret not in each.text
            assert hash_key(secret) not in each.text
        assert answers[-2].json()["keys"][0]["state"] == "revoked"
        assert (await client.get(KEYS)).status_code == 404


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", SPACES, {"name": "Two Words"}),
        ("POST", SPACES, {"name": "a", "limit": {"requests": 0, "seconds": 60}}),
        ("POST", SPACES, {"name": "a", "limit": {"requests": 1, "seconds": 61}}),
        ("POST", SPACES, {"name": "a", "limit": {"requests": True, "seconds": 60}}),
        ("POST", SPACES, {"name": "a", "limit": {"requests": 1, "seconds": 60, "burst": 5}}),
        ("POST", SPACES, {"name": "a", "limit": "1/minute"}),
        ("POST", SPACES, {"name": "a", "other": 1}),
        ("POST", SPACES, {}),
        ("POST", KEYS, {"name": ""}),
        ("POST", KEYS, {"name": "a\nb"}),
        ("POST", KEYS, {"name": "a", "expires_at": "2031-01-01T00:00:00"}),
        ("POST", KEYS, {"name": "a", "expires_at": "2001-01-01T00:00:00Z"}),
        ("POST", KEYS, {"name": "a", "expires_at": "soon"}),
        ("POST", KEYS, {"name": "a", "secret": "mine"}),
        ("PUT", f"{SPACES}/customers/limit", {}),
        ("PUT", "/v1/keys/key_1/expiry", {}),
        ("POST", "/v1/keys/..%2Fx/revoke", None),
        ("GET", f"{SPACES}/a.b/keys", None),
    ],
)
async def test_bad_input_is_refused_and_changes_nothing(api: Api, method: str, path: str, body: Any) -> None:
    """400 as a problem with one sentence."""
    async with api.signed_in() as client:
        await client.post(SPACES, json={"name": "customers"})
        before = await api.yard.dump()
        answer = await client.request(method, path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) in (
            (400, "application/problem+json"),
            (404, "application/problem+json"),
        ), answer.text
        assert answer.json()["detail"]
        assert await api.yard.dump() == before


@pytest.mark.fault(Row.HOSTILE)
async def test_no_error_repeats_a_key(api: Api) -> None:
    """Wherever somebody puts one by mistake: in an address, a name, a reference."""
    secret = new_key().secret
    async with api.signed_in() as client:
        await client.post(SPACES, json={"name": "customers"})
        attempts = [
            await client.get(f"/v1/keys/{secret}"),
            await client.post(f"/v1/keys/{secret}/revoke"),
            await client.get(f"{SPACES}/{secret}/keys"),
            await client.post(KEYS, json={"name": secret}),
            await client.post(SPACES, json={"name": secret}),
            await client.post(KEYS, json={"name": "a", "expires_at": secret}),
            await client.post(KEYS, json=secret),
            await client.request("PATCH", f"/v1/{secret}"),
        ]
    for answer in attempts:
        assert answer.status_code in (400, 404, 405), answer.text
        assert secret not in answer.text
        assert secret[10:] not in answer.text


async def test_another_workspace_finds_nothing(api: Api, another_yard: Any, tmp_path: Path) -> None:
    """404, as for what does not exist."""
    rival = Api(await another_yard("rival"), tmp_path / "rival")
    async with api.signed_in() as client, rival.signed_in() as other:
        made = (await client.post(SPACES, json={"name": "customers"})).json()
        key = (await client.post(KEYS, json={"name": "a"})).json()["key"]
        assert (await other.get(SPACES)).json() == {"keyspaces": []}
        for method, path, body in (
            ("GET", f"{SPACES}/{made['id']}/keys", None),
            ("POST", KEYS, {"name": "mine"}),
            ("DELETE", f"{SPACES}/{made['id']}", None),
            ("POST", f"/v1/keys/{key['id']}/revoke", None),
            ("PUT", f"/v1/keys/{key['id']}/limit", {"limit": None}),
        ):
            assert (await other.request(method, path, json=body)).status_code == 404
        assert (await client.get(KEYS)).json()["keys"][0]["state"] == "good"


async def test_a_krane_may_not(api: Api, yard: Yard) -> None:
    """Keys are for people with admin access."""
    async with api.signed_in("krane", "north") as krane:
        assert (await krane.get(SPACES)).status_code == 403
