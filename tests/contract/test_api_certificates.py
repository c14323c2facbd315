"""Certificates over HTTP: what is answered, to whom, and that no answer holds a private key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.certificates_kit import Authority, Pair
from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api
from turnout.api.authority import ensure_authority
from turnout.domain.certificate_pairs import check_pair
from turnout.vault import Boxes

AUTHORITY = Authority()
PATH = "/v1/certificates"


@pytest.fixture
def api(yard: Yard, tmp_path: Path) -> Api:
    """The API of the workspace."""
    return Api(yard, tmp_path)


def body(pair: Pair) -> dict[str, str]:
    """What is sent."""
    return {"chain": pair.chain, "key": pair.key}


async def test_a_certificate_is_added_listed_and_removed(api: Api) -> None:
    """201 with everything but its key; the same one again is the same one."""
    pair = AUTHORITY.pair("www.shop.example", "shop.example")
    async with api.signed_in() as client:
        added = await client.post(PATH, json=body(pair))
        again = await client.post(PATH, json=body(pair))
        listed = await client.get(PATH)
        removed = await client.delete(f"{PATH}/{added.json()['id']}")
        gone = await client.delete(f"{PATH}/{added.json()['id']}")
    document: dict[str, Any] = added.json()
    assert (added.status_code, again.json()) == (201, document)
    assert (document["names"], document["source"], document["expired"]) == (
        ["shop.example", "www.shop.example"],
        "uploaded",
        False,
    )
    assert listed.json() == {"certificates": [document], "issuings": []}
    assert removed.json() == document
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    for answer in (added, listed, removed, gone):
        assert "PRIVATE" not in answer.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"}, "cannot read the private key"),
        ({"key": AUTHORITY.pair("shop.example").key}, "not that of the certificate"),
        ({"chain": "hello"}, "cannot read the certificate"),
        ({"chain": "x" * 300_000}, "chain"),
        ({"key": 7}, "key"),
        ({"project": "shop"}, "project"),
    ],
)
async def test_what_cannot_be_served_is_refused_and_not_repeated(api: Api, wrong: dict[str, Any], said: str) -> None:
    """A problem with one sentence; nothing was written."""
    pair = AUTHORITY.pair("shop.example")
    async with api.signed_in() as client:
        before = await api.yard.dump()
        refused = await client.post(PATH, json=body(pair) | wrong)
        assert await api.yard.dump() == before
    problem = refused.json()
    assert refused.status_code in (400, 413)
    assert said in problem["detail"]
    assert "\n" not in problem["detail"]
    for secret in ("c2VjcmV0", pair.key.splitlines()[1]):
        assert secret not in refused.text


async def test_it_is_the_workspaces_business(
    api: Api, another_yard: Callable[[str], Awaitable[Yard]], tmp_path: Path
) -> None:
    """Another workspace sees and removes nothing of it; krane and strangers are turned away."""
    rival = Api(await another_yard("rival"), tmp_path)
    async with api.signed_in() as client, rival.signed_in() as other, api.signed_in("krane", "north") as krane:
        added = (await client.post(PATH, json=body(AUTHORITY.pair("shop.example")))).json()
        assert (await other.get(PATH)).json() == {"certificates": [], "issuings": []}
        assert (await other.delete(f"{PATH}/{added['id']}")).status_code == 404
        assert (await krane.get(PATH)).status_code == 403
        client.headers.pop("authorization")
        assert (await client.get(PATH)).status_code == 401


async def test_the_root_of_the_local_authority_is_there_for_everybody_who_asks(api: Api) -> None:
    """404 with a sentence until there is one."""
    async with api.signed_in() as client:
        assert (await client.get(f"{PATH}/authority")).status_code == 404
        await ensure_authority(api.yard.store, Boxes(api.masters), structlog.get_logger())
        root = (await client.get(f"{PATH}/authority")).json()
        listed = (await client.get(PATH)).json()
    assert root["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert set(root) == {"certificate", "fingerprint", "not_after"}
    assert listed == {"certificates": [], "issuings": []}


async def test_a_rotation_wraps_private_keys_anew(api: Api) -> None:
    """Counted with the others; they open with the new master key."""
    pair = AUTHORITY.pair("shop.example")
    async with api.signed_in() as client:
        await client.post(PATH, json=body(pair))
        rotated = (await client.post("/v1/vault/rotate", json={"data": False})).json()
    assert rotated["data_keys_wrapped"] == 1
    (kept,) = await api.yard.store.list_certificates(workspace_id=api.yard.workspace.id)
    assert kept.key.master_key_id == rotated["master_key_id"]
    assert Boxes(api.masters).open(kept.place, kept.key) == check_pair(pair.chain, pair.key, now=AUTHORITY.now).key_pem
