"""Challenges at a real Envoy: answered by the gateway, in front of the app and of what guards it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import httpx
import pytest

from tests.contract.test_gateway_envoy import HOST, Backend, Rig, _contains, _envoy_is_here, rig, v1, v2
from tests.faults.rows import Row
from turnout.domain.views import ChallengeView, ProjectView
from turnout.gateway.testing import project

__all__ = ["_envoy_is_here", "rig", "v1", "v2"]  # fixtures

pytestmark = pytest.mark.asyncio

PATH = "/.well-known/acme-challenge/token-1"
ONLY = "soon.example"


def challenged(backend: Backend | None, *challenges: ChallengeView, project_id: str = "prj_1") -> ProjectView:
    """A project with one domain, or none, and these challenges."""
    routes = {} if backend is None else {HOST: f"dep_{backend.name}"}
    targets = {} if backend is None else {f"dep_{backend.name}": [backend.address]}
    return replace(project(project_id, routes, targets), challenges=challenges)


def answer(fqdn: str = HOST, path: str = PATH, body: str = "token-1.thumb") -> ChallengeView:
    """One challenge."""
    return ChallengeView(fqdn=fqdn, path=path, body=body)


async def test_the_path_is_the_gateways_and_the_rest_the_apps(rig: Rig, v1: Backend) -> None:
    """Exactly this path, whatever stands behind a question mark; the app never hears of it."""
    await rig.put(challenged(v1, answer()))
    for path in (PATH, f"{PATH}?x=1", f"/x/..{PATH}"):
        status, body, headers = await rig.get(path)
        assert (status, body) == (200, "token-1.thumb")
        assert headers["content-type"].startswith("text/plain")
        assert headers["cache-control"] == "no-store"
    assert v1.answered == 0
    for path in ("/", f"{PATH}/", f"{PATH}2", PATH[:-1], PATH.upper(), "/.well-known/acme-challenge/"):
        status, body, _ = await rig.get(path)
        assert (status, body["app"]) == (200, "v1"), path


@pytest.mark.parametrize("host", [HOST.upper(), f"{HOST}.", f"{HOST}:80"])
async def test_every_spelling_of_the_name(rig: Rig, v1: Backend, host: str) -> None:
    """A certificate authority may write it as it likes."""
    await rig.put(challenged(v1, answer()))
    assert (await rig.get(PATH, host=host))[1] == "token-1.thumb"
    assert (await rig.get(PATH, host="other.example"))[0] == 404


async def test_a_name_that_is_not_routed_answers_nothing_else(rig: Rig, v1: Backend) -> None:
    """A host of its own, gone with its last challenge; the project's other domain does not notice."""
    await rig.put(challenged(v1, answer(ONLY)))
    assert (await rig.get(PATH, host=ONLY))[1] == "token-1.thumb"
    status, body, _ = await rig.get("/", host=ONLY)
    assert (status, body["title"]) == (404, "No such domain")
    assert (await rig.get(PATH))[1]["app"] == "v1"
    await rig.put(challenged(v1))
    assert (await rig.get(PATH, host=ONLY))[0] == 404
    assert not await _contains(rig, ONLY.encode())


async def test_a_project_that_has_nothing_else(rig: Rig) -> None:
    """Before its first deploy there is no cluster and no target."""
    await rig.put(challenged(None, answer(ONLY), answer(ONLY, f"{PATH}-b", "b")))
    assert (await rig.get(PATH, host=ONLY))[1] == "token-1.thumb"
    assert (await rig.get(f"{PATH}-b", host=ONLY))[1] == "b"
    await rig.put(challenged(None))
    assert (await rig.get(PATH, host=ONLY))[0] == 404


async def test_the_name_moves_to_the_project_that_proved_it(rig: Rig, v1: Backend, v2: Backend) -> None:
    """Carried by one project, routed to another: in one feed, as the store tells it."""
    await rig.put(challenged(v1, answer(ONLY)))
    theirs = project("prj_2", {ONLY: "dep_v2"}, {"dep_v2": [v2.address]})
    await rig.put(challenged(v1), theirs)
    assert (await rig.get("/", host=ONLY))[1]["app"] == "v2"
    assert (await rig.get(PATH, host=ONLY))[1]["app"] == "v2"
    assert (await rig.get())[1]["app"] == "v1"


async def test_a_challenge_during_switches(rig: Rig, v1: Backend, v2: Backend) -> None:
    """Published, kept and withdrawn while the target changes; neither disturbs the other."""
    for turn in range(20):
        backend = (v1, v2)[turn % 2]
        await rig.put(challenged(backend, answer()) if turn % 4 < 2 else challenged(backend))
        status, body, _ = await rig.get(PATH)
        assert (status, body == "token-1.thumb") == (200, turn % 4 < 2)
        assert (await rig.get())[1]["app"] == backend.name


async def test_answers_are_sent_as_they_are(rig: Rig, v1: Backend) -> None:
    """Neither formatted nor escaped, up to the largest there may be, over HTTP/2 and by HEAD too."""
    odd = 'turnout-verify=%REQ(HOST)% %LOCAL_REPLY_BODY% {"a": "b\\n"}'
    await rig.put(challenged(v1, answer(body=odd), answer(path=f"{PATH}-large", body="x" * 4096)))
    async with rig.client.get(rig.url(PATH), headers={"Host": HOST}) as response:
        assert await response.text() == odd
    assert (await rig.get(f"{PATH}-large"))[1] == "x" * 4096
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        assert (await client.get(rig.url(PATH), headers={"Host": HOST})).text == odd
    async with rig.client.head(rig.url(PATH), headers={"Host": HOST}) as response:
        assert response.status == 200


async def test_refusals_are_problems_as_before(rig: Rig, v1: Backend) -> None:
    """Only an answer with status 200 goes out unwrapped."""
    await rig.put(challenged(v1, answer()))
    status, body, headers = await rig.get(host="nobody.example")
    assert (status, body["status"], headers["content-type"]) == (404, 404, "application/problem+json")
    with pytest.raises(aiohttp.ClientResponseError):
        await rig.get(headers={"X-Big": "x" * 70_000}, raise_for_status=True)


@pytest.mark.fault(Row.CONTROL_PLANE_DEAD)
async def test_a_restart_without_the_store_answers_from_the_snapshot(rig: Rig, v1: Backend) -> None:
    """A challenge is part of what was last known."""
    await rig.put(challenged(v1, answer(), answer(ONLY)))
    await rig.service.stop()
    rig.store.away = True
    await rig.kill_envoy()
    await rig.start_service()
    await rig.start_envoy()
    assert (await rig.get(PATH))[1] == "token-1.thumb"
    assert (await rig.get(PATH, host=ONLY))[1] == "token-1.thumb"


def refuse_everybody(host: Any, *_: object) -> None:
    """A policy that no request passes, written for the whole domain as policies are."""
    from envoy.extensions.filters.http.rbac.v3 import rbac_pb2

    closed = rbac_pb2.RBACPerRoute()
    closed.rbac.rules.action = 0  # allow, and nobody is named
    host.typed_per_filter_config["envoy.filters.http.rbac"].Pack(closed)


async def test_what_guards_the_app_does_not_guard_the_challenge(
    rig: Rig, v1: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate authority has no key. Every other path stays as closed as it was."""
    open_by_default = {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"},
    }
    monkeypatch.setattr("turnout.gateway.policies.filters", lambda: [open_by_default])
    monkeypatch.setattr("turnout.gateway.planner.GUARDS", (refuse_everybody,))
    assert rig.envoy is not None
    await rig.kill_envoy()
    await rig.start_envoy()
    await rig.put(challenged(v1))
    assert (await rig.get())[0] == (await rig.get(PATH))[0] == 403
    await rig.put(challenged(v1, answer()))
    assert (await rig.get(PATH))[1] == "token-1.thumb"
    assert (await rig.get())[0] == (await rig.get(f"{PATH}x"))[0] == 403
    assert v1.answered == 0
