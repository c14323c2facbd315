"""Callers without a good token, with the wrong one, and with a good one for somebody else's things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tests.contract.store_kit import REGION
from tests.faults.attack_kit import SECRET, World, refusal
from tests.faults.hostile.tokens import IN_THE_QUERY, TOKENS
from tests.faults.routes_kit import CLOSED, OPERATORS, QUERIES, WITH_ID, filled, good_body, label
from tests.faults.rows import Row
from turnout.api.access import Access
from turnout.domain.tokens import hash_token
from turnout.store.schema import audit_log

pytestmark = pytest.mark.fault(Row.HOSTILE)

_MAKES_BY_NAME = frozenset({"deploy", "set_variables", "add_domain", "change_protection"})
"""Handlers that make a project of the caller's own when the name is free in its workspace: no name is anybody's."""


async def _send(client: httpx.AsyncClient, route: Any, ids: Mapping[str, str], **more: Any) -> httpx.Response:
    query = {**QUERIES.get(route.handler.__name__, {}), **more.pop("params", {})}
    return await client.request(route.method, filled(route, ids), json=good_body(route), params=query, **more)


async def _audited(here: World) -> list[tuple[str, str, str, str]]:
    columns = audit_log.c.workspace_id, audit_log.c.actor, audit_log.c.action, audit_log.c.subject
    async with here.store._db.read() as tx:
        found = await tx.execute(select(*columns).order_by(audit_log.c.id))
        return [tuple(row) for row in found if row.action.startswith("access.")]


async def test_no_good_token(here: World, subtests: pytest.Subtests) -> None:
    """401 on every route that is not open, whatever is sent; and the answer does not say which it was."""
    good = await here.token("ada")
    revoked = await here.token("gone")
    record = await here.store.find_token(token_hash=hash_token(revoked))
    assert record is not None
    other = await here.store.find_token(token_hash=hash_token(good))
    assert other is not None
    await here.store.revoke_token(token_id=record.id, by=other)
    filling = {
        b"{good}": good, b"{GOOD}": good.upper(), b"{half}": good[: len(good) // 2], b"{hash}": hash_token(good),
        b"{id}": record.id, b"{revoked}": revoked,
    }  # fmt: skip
    before = await here.dump()
    said = set()
    async with here.client() as client:
        for kind, headers in TOKENS.items():
            sent = []
            for name, value in headers:
                for mark, text in filling.items():
                    value = value.replace(mark, text.encode())  # noqa: PLW2901
                sent.append((name, value))
            with subtests.test(kind):
                for route in CLOSED:
                    answer = await _send(client, route, here.belongings.ids, headers=sent)
                    problem = refusal(answer, 401)
                    assert answer.headers["www-authenticate"] == "Bearer"
                    said.add(problem["detail"])
        for name in IN_THE_QUERY:
            with subtests.test(f"in the address, as {name}"):
                for route in CLOSED:
                    said.add(
                        refusal(await _send(client, route, here.belongings.ids, params={name: good}), 401)["detail"]
                    )
    with subtests.test("two sentences for all of them"):
        assert len(said) == 2
    with subtests.test("nothing changed"):
        assert await here.dump() == before


async def test_a_token_for_something_else(here: World, subtests: pytest.Subtests) -> None:
    """Each kind of token on the routes that are not for it, krane's also on another region's: 403 and audited."""
    opens = {
        "operator": OPERATORS,
        "deployer": (Access.READ, Access.DEPLOY),
        "onlooker": (Access.READ,),
        "krane": (Access.KRANE,),
        "krane of another region": (),
    }
    tokens = {
        "operator": await here.token("ada"),
        "deployer": await here.token("ci", access="deploy"),
        "onlooker": await here.token("grafana", access="read"),
        "krane": await here.token("krane", access="krane", region=REGION),
        "krane of another region": await here.token("far", access="krane", region="south"),
    }
    before = await here.dump(apart_from=("audit_log",))
    expected = set()
    for who, token in tokens.items():
        async with here.client(token) as client:
            for route in CLOSED:
                if route.access in opens[who]:
                    continue
                with subtests.test(f"{who}: {label(route)}"):
                    for _ in range(3):
                        refusal(await _send(client, route, here.belongings.ids), 403)
                    expected.add((who, f"{route.method} {route.path}"))
    with subtests.test("each is in the audit log once, however often it was tried"):
        names = {
            "ada": "operator",
            "ci": "deployer",
            "grafana": "onlooker",
            "krane": "krane",
            "far": "krane of another region",
        }
        told = await _audited(here)
        assert {(names[actor], subject) for _, actor, _, subject in told} == expected
        assert len(told) == len(expected)
        assert {(workspace, action) for workspace, _, action, _ in told} == {
            (here.attacker.workspace.id, "access.denied")
        }
    with subtests.test("nothing else changed"):
        assert await here.dump(apart_from=("audit_log",)) == before


async def test_what_is_somebody_elses(here: World, subtests: pytest.Subtests) -> None:
    """Every route with something in its path, with what another workspace has: 404, the same as what nobody has.

    Generated from the table of routes: a new one is here as soon as it is written.
    """
    tokens = {
        **dict.fromkeys(OPERATORS, await here.token("ada")),
        Access.KRANE: await here.token("far", access="krane", region="south"),
    }
    ids = here.belongings.ids | {"region": "south"}
    mine = ids | {"project": "shop"}
    nobodys = {name: f"{value.partition('_')[0]}_{'0' * 26}" if "_" in value else value for name, value in ids.items()}
    before = await here.dump(apart_from=("audit_log",))
    for route in WITH_ID:
        async with here.client(tokens[route.access]) as client:
            if route.handler.__name__ in _MAKES_BY_NAME | {"report", "follow_desired"}:
                continue
            with subtests.test(label(route)):
                answer = await _send(client, route, ids)
                same = await _send(client, route, nobodys)
                assert not [word for word in here.belongings.words if word in answer.text]
                assert same.status_code == answer.status_code
                assert _masked(same, nobodys) == _masked(answer, ids)
                if answer.json() != {"granted": False}:  # the one answer that is no as it is
                    refusal(answer, 404, 409 if route.handler.__name__ == "ask_certificate" else 404)
            if "{fqdn}" in route.path and route.handler.__name__ != "ask_certificate":
                with subtests.test(f"{label(route)}: in a project of one's own"):
                    refusal(await _send(client, route, mine), 404)
    with subtests.test("nothing changed"):
        assert await here.dump(apart_from=("audit_log",)) == before
    with subtests.test("its owner can read who tried"):
        told = await _audited(here)
        asked_for = {subject for _, _, _, subject in told}
        named = {value for name, value in ids.items() if name.endswith("_id") or name in ("keyspace", "before")}
        assert asked_for == named
        assert {(workspace, actor, action) for workspace, actor, action, _ in told} == {
            (here.victim.workspace.id, here.attacker.workspace.id, "access.foreign")
        }


def _masked(answer: httpx.Response, ids: Mapping[str, str]) -> str:
    text = answer.text
    for value in sorted(set(ids.values()), key=len, reverse=True):
        text = text.replace(value, "·")
    return text


async def test_what_is_somebody_elses_in_a_body(here: World, subtests: pytest.Subtests) -> None:
    """In a project of one's own, naming what another workspace has: refused as what nobody has."""
    ids = here.belongings.ids
    attempts: dict[str, tuple[str, dict[str, Any]]] = {
        "a deployment to roll back to": ("rollback", {"target_deployment_id": ids["deployment_id"]}),
        "a deployment to roll back from": ("rollback", {"source_deployment_id": ids["deployment_id"]}),
        "a deployment to promote": ("promote", {"target_deployment_id": ids["deployment_id"]}),
        "a source": ("deployments", {"source_id": "e" * 64, "run_command": ["serve"]}),
        "a keyspace, by its id": ("deployments", {"image": "shop:v2", "key_auth_id": ids["keyspace"]}),
        "a keyspace, by its name": ("deployments", {"image": "shop:v2", "key_auth_id": "vip-customers"}),
    }
    before = await here.dump(apart_from=("audit_log",))
    async with here.client(await here.token("ada")) as client:
        for what, (verb, body) in attempts.items():
            with subtests.test(what):
                refusal(await client.post(f"/v1/projects/shop/{verb}", json=body), 404)
        mine = (await client.get("/v1/projects/shop")).json()["live_deployment_id"]
        for way in ("diff", "openapi/diff"):
            for pair in (f"{mine}/{way}/{ids['deployment_id']}", f"{ids['deployment_id']}/{way}/{mine}"):
                with subtests.test(f"one of two deployments: {way}"):
                    refusal(await client.get(f"/v1/deployments/{pair}"), 404)
    with subtests.test("nothing changed"):
        after = await here.dump(apart_from=("audit_log", "tokens"))
        assert after == {name: rows for name, rows in before.items() if name != "tokens"}


async def test_lists_hold_ones_own_only(here: World, subtests: pytest.Subtests) -> None:
    """Every route without a name in its path, for a stranger to what the other workspace has."""
    async with here.client(await here.token("ada")) as client:
        for path in (
            "/metrics", "/v1/status", "/v1/projects", "/v1/keyspaces", "/v1/certificates",
        ):  # fmt: skip
            with subtests.test(path):
                answer = await client.get(path)
                assert answer.status_code == 200
                foreign = [*here.belongings.words, *(v for k, v in here.belongings.ids.items() if "_" in v)]
                assert not [word for word in foreign if word in answer.text]
                assert "vault-app" not in answer.text
        with subtests.test("the report of a collection"):
            gone = here.belongings.ids["before"]
            await here.store.stop_deployment(workspace_id=here.victim.workspace.id, deployment_id=gone, actor="vera")
            (here.home / "logs" / gone).mkdir(parents=True)
            answer = await client.post("/v1/garbage", json={})
            assert (answer.status_code, answer.json()["expired"], answer.json()["collected"]) == (200, [], [])
            assert (await here.store.load_deploy_plan(deployment_id=gone)).deployment.removed_at is not None


async def test_strangers_are_in_the_log_without_their_tokens(here: World) -> None:
    """Once a minute for each address; of a token the first digits of its hash."""
    with capture_logs() as lines:
        async with here.client(f"tno_{SECRET}_unknown") as client:
            for _ in range(5):
                refusal(await client.get("/v1/projects"), 401)
    (line,) = [each for each in lines if each["event"] == "api.stranger"]
    assert line["asked"] == "GET /v1/projects"
    assert line["token_sha256"] == hash_token(f"tno_{SECRET}_unknown")[:8]
    assert SECRET not in str(lines)
    assert await _audited(here) == []
