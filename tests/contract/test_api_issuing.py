"""The API's routes for certificates by ACME, over a real store. Getting one is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.domain_kit import add, check
from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api
from turnout.domain.issuing import Problem, ProblemKind
from turnout.domain.issuing_ports import account_place
from turnout.vault import Boxes

PATH = "/v1/projects/shop/domains/{}/certificate"
NAME = "app.example.com"


@pytest.fixture
async def api(yard: Yard, tmp_path: Path) -> Api:
    """The API with ACME switched on; project `shop` has proved a domain."""
    await check(yard, await add(yard, NAME))
    return Api(yard, tmp_path / "home", TURNOUT_ACME_EMAIL="ops@example.com")


async def test_a_certificate_is_asked_for_and_followed(api: Api) -> None:
    """202 with a turn, which grows when it has ended; the problem is a sentence, here and in the list."""
    async with api.signed_in() as client:
        before = await client.get(PATH.format(NAME))
        asked = await client.post(PATH.format("App.Example.com"))
        (visit,) = await api.yard.store.unsent_visits(lost_seconds=60)
        issuing = await api.yard.store.begin_visit(issuing_id=visit.issuing_id, turn=visit.turn)
        assert issuing is not None
        told = Problem(kind=ProblemKind.UNPROVED, detail="the ACME server said dns: there is no such name")
        await api.yard.store.fail_visit(issuing=issuing, problem=told)
        found = await client.get(PATH.format(NAME))
        listed = await client.get("/v1/certificates")
    assert (before.status_code, before.headers["content-type"]) == (404, "application/problem+json")
    assert (asked.status_code, asked.json()["fqdn"], asked.json()["status"]) == (202, NAME, "waiting")
    document = found.json()
    assert document["turn"] > asked.json()["turn"]
    assert (document["status"], document["problem"], document["problem_kind"]) == ("failed", told.detail, "unproved")
    assert listed.json() == {"certificates": [], "issuings": [document]}


@pytest.mark.parametrize(
    ("fqdn", "status", "said"),
    [
        ("other.example.com", 409, "not this project's"),
        ("hello.localhost", 400, "it is a local name"),
        ("shop.test", 400, "it is a local name"),
        ("not a name", 400, "not a legal host name"),
        ("a" * 300, 400, "longer than"),
        ("*.example.com", 400, "a wildcard"),
    ],
)
async def test_what_cannot_get_one(api: Api, fqdn: str, status: int, said: str) -> None:
    """One plain sentence, and nothing is written."""
    async with api.signed_in() as client:
        before = await api.yard.dump()
        answer = await client.post(PATH.format(fqdn))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert await api.yard.dump() == before


async def test_nothing_is_asked_of_anybody_without_consent(yard: Yard, tmp_path: Path) -> None:
    """Without an address nobody has agreed to the server's terms."""
    await check(yard, await add(yard, NAME))
    api = Api(yard, tmp_path / "home")
    async with api.signed_in() as client:
        answer = await client.post(PATH.format(NAME))
    assert answer.status_code == 409
    assert "TURNOUT_ACME_EMAIL" in answer.json()["detail"]
    assert await yard.store.find_issuing(fqdn=NAME) is None


async def test_rotating_the_master_key_takes_the_accounts_key_along(api: Api) -> None:
    """With everything else that is sealed."""
    store, directory, boxes = api.yard.store, "https://ca.example/directory", Boxes(api.masters)
    await store.add_acme_account(directory=directory, key=boxes.seal(account_place(directory), "a key"))
    async with api.signed_in() as client:
        rotated = await client.post("/v1/vault/rotate", json={"master": True})
    kept = await store.find_acme_account(directory=directory)
    assert kept is not None
    assert kept.key.master_key_id == rotated.json()["master_key_id"]
    assert boxes.open(kept.place, kept.key) == "a key"
