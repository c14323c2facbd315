"""The API's routes for custom domains, over a real store. The checks themselves are played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.domain_kit import NOTHING, TXT
from tests.contract.store_kit import Yard
from tests.contract.test_api_variables import Api
from tests.faults.rows import Row
from turnout.domain.proofs import Claim, Finding

DOMAINS = "/v1/projects/shop/domains"
FQDN = "app.example.com"


@pytest.fixture
def api(yard: Yard, tmp_path: Path) -> Api:
    """The API; its apex is `localhost`."""
    return Api(yard, tmp_path / "home")


@contextlib.asynccontextmanager
async def workers(yard: Yard, finding: Finding) -> AsyncIterator[None]:
    """The dispatcher and the worker, who see this wherever they look."""

    async def work() -> None:
        while True:
            for check in await yard.store.unsent_checks(overdue_seconds=60):
                await yard.store.mark_check_sent(check=check)
                await yard.store.record_check(
                    domain_id=check.domain_id,
                    check_round=check.round,
                    finding=finding,
                    apex="localhost",
                    again_in=60,
                )
                await yard.store.conclude_check(domain_id=check.domain_id, check_round=check.round, problem=None)
            await yard.store.wait_for_change(timeout=1.0)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def added(client: httpx.AsyncClient, fqdn: str = FQDN, path: str = DOMAINS) -> Any:
    """Asked for, and accepted."""
    answer = await client.post(path, json={"fqdn": fqdn})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_add_says_what_to_do(api: Api) -> None:
    """The record and the page, as the checkers look for them; again, it says the same."""
    async with api.signed_in() as client:
        document = await added(client, "App.Bücher.example.")
        fqdn = "app.xn--bcher-kva.example"
        assert (document["fqdn"], document["name"]) == (fqdn, "app.bücher.example")
        assert (document["status"], document["method"], document["deployment_id"]) == ("pending", None, None)
        (stored,) = await api.yard.store.domains_of(project_id=(await api.yard.project()).id)
        claim = Claim(fqdn=fqdn, project_id=stored.project_id, token=stored.token)
        assert document["txt"] == {"name": f"_turnout.{fqdn}", "value": f"turnout-verify={stored.token}"}
        assert document["http"] == {
            "url": f"http://{fqdn}/.well-known/turnout/{stored.token}",
            "body": claim.http_answer,
            "gateway_answers": True,
        }
        assert await added(client, fqdn) == document
        assert (await client.get(f"{DOMAINS}/app.bücher.example")).json() == document
        assert (await client.get(DOMAINS)).json() == {"project": "shop", "domains": [document]}


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    ("fqdn", "why"),
    [
        ("*.example.com", "wildcard"),
        ("192.0.2.1", "IP address"),
        ("shop", "one label"),
        ("shop.localhost", "Turnout's own"),
        ("https://example.com", "URL"),
        ("a b.example.com", "not a legal"),
        ("a" * 1000, "longer than 244"),
        ("a" * 5000, "1024"),
        (7, "string"),
        (None, "string"),
    ],
)
async def test_what_can_be_no_domain(api: Api, fqdn: Any, why: str) -> None:
    """400 with a sentence, and not even the project is made."""
    async with api.signed_in() as client:
        before = await api.yard.dump()
        answer = await client.post(DOMAINS, json={"fqdn": fqdn})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert why in answer.json()["detail"]
        assert await api.yard.dump() == before


async def test_verify_waits_for_the_look(api: Api) -> None:
    """The answer is what that look showed, and what followed."""
    async with api.signed_in() as client:
        await added(client)
        async with workers(api.yard, NOTHING):
            document = (await client.post(f"{DOMAINS}/{FQDN}/verify")).json()
            assert (document["status"], document["problem"]) == ("pending", NOTHING.problem)
        shipped = await api.yard.ship()
        async with workers(api.yard, TXT):
            document = (await client.post(f"{DOMAINS}/{FQDN}/verify")).json()
        assert (document["status"], document["method"], document["problem"]) == ("verified", "txt", None)
        assert document["deployment_id"] == shipped.id
        assert document["url"] == f"http://{FQDN}:8000"
        again = (await client.post(f"{DOMAINS}/{FQDN}/verify")).json()
        assert again == document
        listed = (await client.get("/v1/projects/shop")).json()["deployments"][0]["domains"]
        assert {"fqdn": FQDN, "url": f"http://{FQDN}:8000", "sticky": "live"} in listed


async def test_verify_does_not_wait_for_ever(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks: the document as it stands."""
    monkeypatch.setattr("turnout.api.domains._CHECK_SECONDS", 0.1)
    async with api.signed_in() as client:
        await added(client)
        document = (await client.post(f"{DOMAINS}/{FQDN}/verify")).json()
        assert (document["status"], document["checked_at"]) == ("pending", None)


async def test_remove(api: Api) -> None:
    """Gone at once, told with whether the gateways follow; a second time there is nothing to remove."""
    async with api.signed_in() as client:
        await api.yard.ship()
        await added(client)
        async with workers(api.yard, TXT):
            await client.post(f"{DOMAINS}/{FQDN}/verify")
        await api.yard.store.gateway_connected(gateway_id="gw-1", region="north", at=datetime.now(UTC))

        async def gateway() -> None:
            while True:
                generation = await api.yard.store.generation()
                await api.yard.store.gateway_acknowledged(
                    gateway_id="gw-1", generation=generation, at=datetime.now(UTC)
                )
                await api.yard.store.wait_for_change(timeout=1.0)

        following = asyncio.create_task(gateway())
        removed = (await client.delete(f"{DOMAINS}/{FQDN}")).json()
        following.cancel()
        assert removed == {
            "fqdn": FQDN,
            "project": "shop",
            "generation": await api.yard.store.generation(),
            "problem": None,
        }
        assert (await client.get(DOMAINS)).json()["domains"] == []
        for answer in (await client.delete(f"{DOMAINS}/{FQDN}"), await client.get(f"{DOMAINS}/{FQDN}")):
            assert answer.status_code == 404
            assert answer.json()["detail"] == f"the project has no domain {FQDN}; known are: none yet"


@pytest.mark.fault(Row.HOSTILE)
async def test_a_name_that_another_project_has(api: Api) -> None:
    """409 for who asks, and for who asks for a check."""
    async with api.signed_in() as client:
        blog = "/v1/projects/blog/domains"
        await added(client)
        await added(client, path=blog)
        async with workers(api.yard, TXT):
            first = (await client.post(f"{DOMAINS}/{FQDN}/verify")).json()["status"]
        winner, loser = ("shop", blog) if first == "verified" else ("blog", DOMAINS)
        for path in (loser, f"{loser}/{FQDN}/verify"):
            answer = await client.post(path, json={"fqdn": FQDN})
            assert answer.status_code == 409
            assert f"the project {winner} has proved it already" in answer.json()["detail"]


@pytest.mark.fault(Row.HOSTILE)
async def test_who_may(api: Api) -> None:
    """Krane may not, nor may anybody without a token; what is not there is not found."""
    async with api.signed_in("krane", "north") as krane:
        assert (await krane.post(DOMAINS, json={"fqdn": FQDN})).status_code == 403
        del krane.headers["authorization"]
        assert (await krane.get(DOMAINS)).status_code == 401
    async with api.signed_in() as client:
        assert (await client.get(DOMAINS)).status_code == 404
        assert (await client.get("/v1/projects/No/domains")).status_code == 400
        assert (await client.post(f"{DOMAINS}/{FQDN}/verify")).status_code == 404
        assert (await client.get(f"{DOMAINS}/*.example.com")).status_code == 400
