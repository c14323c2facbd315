"""Names that are no names, everywhere the API takes one: refused in a sentence, and nothing is changed."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from tests.contract.store_kit import REGION
from tests.faults.attack_kit import World, refusal
from tests.faults.hostile.names import ANY, FREE, PLACES, TRICKS, Place
from tests.faults.rows import Row
from turnout.domain.hostnames import Naming, candidates, normalise
from turnout.domain.records import GitData

pytestmark = pytest.mark.fault(Row.HOSTILE)


async def _ask(client: httpx.AsyncClient, place: Place, name: str) -> httpx.Response:
    path = place.path.replace(ANY, quote(name, safe="").replace(".", "%2E"))
    query = {each: text.replace(ANY, name) for each, text in (place.query or {}).items()}
    return await client.request(place.method, path, params=query, json=place.body(name) if place.body else None)


@pytest.mark.full
async def test_names_that_are_none(here: World, subtests: pytest.Subtests) -> None:
    """Every place that takes a name, with every trick."""
    tokens = {
        "admin": await here.token("ada"),
        "krane": await here.token("krane", access="krane", region=REGION),
    }
    for where, place in PLACES.items():
        access = "krane" if "/v1/regions/" in place.path else "admin"
        before = await here.dump(apart_from=("audit_log",))
        async with here.client(tokens[access]) as client:
            for trick, name in TRICKS.items():
                if trick in place.accepts or ((place.in_path or place.query) and len(name) > 10_000):
                    continue
                with subtests.test(f"{where}: {trick}"):
                    refusal(await _ask(client, place, name))
        with subtests.test(f"{where}: nothing changed"):
            assert await here.dump(apart_from=("audit_log",)) == before


async def test_texts_of_people_stay_texts(here: World, subtests: pytest.Subtests) -> None:
    """A branch may be called anything git allows, and more: it is kept as it is, and becomes a legal host name."""
    async with here.client(await here.token("ada")) as client:
        for where, body in FREE.items():
            for trick, text in TRICKS.items():
                with subtests.test(f"{where}: {trick}"):
                    answer = await client.post("/v1/projects/shop/deployments", json=body(text))
                    if answer.status_code != 202:
                        refusal(answer, 400, 413)
                        continue
                    shown = await client.get(f"/v1/deployments/{answer.json()['deployment_id']}")
                    assert shown.status_code == 200
                    if where == "branch":
                        assert shown.json()["git_branch"] == text
                        _lead_nowhere_else(text)


def _lead_nowhere_else(branch: str) -> None:
    git = GitData(branch=branch, commit_sha="0" * 40)
    naming = Naming(
        project="shop",
        environment="production",
        workspace="acme",
        apex="apps.test",
        deployment_id=f"dep_{'0' * 26}",
        git=git,
    )
    for candidate in candidates(naming, live=True):
        for name in candidate.names:
            assert normalise(name) == name
            assert name.endswith(".apps.test")
            assert name.startswith("shop-")
