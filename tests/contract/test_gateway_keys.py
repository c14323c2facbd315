"""Keys at a real Envoy: who is let in, how often, and what an app gets to see of it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.contract.test_gateway_envoy import HOST, Backend, Rig, _envoy_is_here, rig, v1, v2
from tests.faults.rows import Row
from turnout.domain.keyspaces import NewKey, RateLimit, new_key
from turnout.domain.views import GuardView, KeyView, ProjectView, RouteView, TargetView
from turnout.gateway.policies import keys as policy
from turnout.gateway.testing import project

__all__ = ["_envoy_is_here", "rig", "v1", "v2"]  # fixtures

pytestmark = pytest.mark.asyncio

OPEN = "open.example"
NO_KEY = (
    "This domain needs a key, as `Authorization: Bearer <key>` or `X-API-Key: <key>`. "
    "There was none, or it is not one that is valid here and now."
)


def view_of(key: NewKey, *, of: str = "ks_1", name: str = "key_1", **more: Any) -> KeyView:
    """A key as the store tells of it."""
    return KeyView(id=name, keyspace_id=of, sha256=key.sha256, **more)


def guarded(app: Backend, *keys: KeyView, keyspace: str = "ks_1", host: str = HOST) -> ProjectView:
    """A project whose domain asks for keys of a keyspace, and which has another one that does not."""
    deployment = f"dep_{app.name}"
    return ProjectView(
        project_id="prj_1",
        routes=(
            RouteView(fqdn=host, deployment_id=deployment, guard=GuardView(key_auth_id=keyspace)),
            RouteView(fqdn=OPEN, deployment_id=deployment, guard=GuardView()),
        ),
        targets=(TargetView(deployment_id=deployment, addresses=(app.address,)),),
        keys=keys,
    )


def bearer(key: NewKey) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key.secret}"}


async def refused(rig: Rig, host: str = HOST, **headers: str) -> None:
    """The request does not reach the app, and the answer is the same whatever was wrong."""
    status, body, answered = await rig.get(host=host, headers=headers)
    assert (status, answered["content-type"]) == (401, "application/problem+json"), body
    assert answered["www-authenticate"] == 'Bearer realm="turnout"'
    assert body == {"type": "about:blank", "title": "No good key", "status": 401, "detail": NO_KEY}


async def test_a_good_key_lets_in_and_the_app_sees_its_id_only(rig: Rig, v1: Backend) -> None:
    """In either header; neither the name of the header nor that of the scheme has a case."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    for header in (
        {"Authorization": f"Bearer {key.secret}"},
        {"authorization": f"bEaReR   {key.secret}"},
        {"X-API-Key": key.secret},
        {"x-api-key": key.secret},
    ):
        status, body, answered = await rig.get(headers=header)
        assert (status, body["app"]) == (200, "v1"), header.keys()
        assert body["headers"]["x-turnout-key-id"] == "key_1"
        assert key.secret not in str(body)
        assert not {"authorization", "x-api-key"} & body["headers"].keys()
        assert not [name for name in answered if name.lower().startswith("x-ratelimit")]


@pytest.mark.fault(Row.HOSTILE)
async def test_no_good_key_and_no_answer_of_the_app(rig: Rig, v1: Backend) -> None:
    """Missing, unknown, malformed, of another keyspace, expired, revoked: one refusal for all."""
    good, other, over, revoked = (new_key() for _ in range(4))
    now = datetime.now(UTC)
    known = (
        view_of(good),
        view_of(other, of="ks_2", name="key_2"),
        view_of(over, name="key_3", expires_at=now - timedelta(seconds=1)),
    )
    await rig.put(guarded(v1, *known, view_of(revoked, name="key_4")))
    assert (await rig.get(headers=bearer(revoked)))[0] == 200
    await rig.put(guarded(v1, *known))
    await refused(rig)
    for bad in (other, over, revoked, new_key()):
        await refused(rig, **bearer(bad))
        await refused(rig, **{"X-API-Key": bad.secret})
    before = v1.answered
    for value in (
        "",
        "Bearer",
        "Bearer ",
        good.secret,
        f"Basic {good.secret}",
        f"Bearer {good.secret}x",
        f"Bearer {good.secret[:-1]}",
        f"Bearer {good.sha256}",
        f"Bearer x{good.secret}",
        f"Bearer {good.secret.lower()}",
        f"Bearer {good.secret}, Bearer {good.secret}",
        "Bearer " + "x" * 20_000,
    ):
        await refused(rig, Authorization=value)
    for value in ("", f"{good.secret},{good.secret}", f"Bearer {good.secret}", "ks_1", "%s", "\xff"):
        await refused(rig, **{"X-API-Key": value})
    assert v1.answered == before


@pytest.mark.fault(Row.HOSTILE)
async def test_no_spelling_of_the_host_goes_around_the_guard(rig: Rig, v1: Backend) -> None:
    """Also when the route is found only after the host was lower-cased."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    for host in (HOST.upper(), f"{HOST}:8000", f"{HOST}.", "HeLLo.Example.:99"):
        await refused(rig, host=host)
        assert (await rig.get(host=host, headers=bearer(key)))[0] == 200


@pytest.mark.fault(Row.HOSTILE)
async def test_every_method_needs_a_key(rig: Rig, v1: Backend) -> None:
    """A preflight request too: what asks for keys is not for pages of other origins."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    headers = {"Host": HOST, "Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        body = b"x" * 100_000 if method in ("POST", "PUT") else None
        async with rig.client.request(method, rig.url("/"), headers=headers, data=body) as answer:
            assert answer.status == 401, method
        async with rig.client.request(method, rig.url("/"), headers=headers | bearer(key), data=body) as answer:
            assert answer.status == 200, method


async def test_a_keyspace_without_keys_lets_nobody_in(rig: Rig, v1: Backend) -> None:
    """It is not the same as no keyspace."""
    await rig.put(guarded(v1))
    await refused(rig)
    await refused(rig, **bearer(new_key()))


async def test_the_id_that_a_client_claims_never_reaches_an_app(rig: Rig, v1: Backend) -> None:
    """With a key, without a guard, and in every spelling."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    claim = {"X-Turnout-Key-Id": "key_root", "X_Turnout_Key_Id": "key_root"}
    _, body, _ = await rig.get(headers=claim | bearer(key))
    assert body["headers"]["x-turnout-key-id"] == "key_1"
    _, body, _ = await rig.get(host=OPEN, headers=claim)
    assert not [name for name in body["headers"] if "turnout" in name]
    await refused(rig, **claim)


async def test_headers_that_are_no_keys_are_the_apps_business(rig: Rig, v1: Backend) -> None:
    """An app may have users of its own behind the guard; but never does it see a key, nor half of a list of them."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    _, body, _ = await rig.get(headers={"X-API-Key": key.secret, "Authorization": "Basic dXNlcjpwYXNz"})
    assert body["headers"]["authorization"] == "Basic dXNlcjpwYXNz"
    _, body, _ = await rig.get(headers=bearer(key) | {"X-API-Key": "the-apps-own"})
    assert body["headers"]["x-api-key"] == "the-apps-own"
    for both in ({"X-API-Key": key.secret}, {"X-API-Key": f"{new_key().secret}, other"}):
        status, body, _ = await rig.get(headers=bearer(key) | both)
        assert status == 200
        assert "tnk_" not in str(body)
    twice = [("X-API-Key", "junk"), ("X-API-Key", key.secret), ("Authorization", f"Bearer {key.secret}")]
    async with rig.client.get(rig.url("/"), headers=[("Host", HOST), *twice]) as answer:
        assert answer.status == 200
        assert "tnk_" not in await answer.text()


async def test_domains_without_a_keyspace_and_other_projects_are_open(rig: Rig, v1: Backend, v2: Backend) -> None:
    """Nothing is asked, nothing is taken away, nothing is added."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)), project("prj_2", {"two.example": "dep_two"}, {"dep_two": [v2.address]}))
    for host in (OPEN, "two.example"):
        status, body, answered = await rig.get(host=host, headers={"Authorization": "Bearer the-apps-own"})
        assert status == 200
        assert body["headers"]["authorization"] == "Bearer the-apps-own"
        assert not [name for name in answered if name.lower().startswith("x-ratelimit")]


async def test_a_check_that_fails_lets_nobody_in(rig: Rig, v1: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Envoy would let a request pass whose script has failed."""
    key = new_key()
    monkeypatch.setattr(policy, "_line", lambda known: f"{known.sha256} not a record\n")
    await rig.put(guarded(v1, view_of(key)))
    await refused(rig, **bearer(key))
    assert "could not be checked" in (rig.folder / "envoy.log").read_text()
    assert key.secret not in (rig.folder / "envoy.log").read_text()


async def test_a_key_ends_by_the_clock_of_the_gateway(rig: Rig, v1: Backend) -> None:
    """Nobody has to tell it."""
    key = new_key()
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    await rig.put(guarded(v1, view_of(key, expires_at=soon)))
    statuses = [(await rig.get(headers=bearer(key)))[0]]
    while datetime.now(UTC) < soon + timedelta(milliseconds=50):
        await asyncio.sleep(0.02)
    statuses.append((await rig.get(headers=bearer(key)))[0])
    assert statuses == [200, 401]


async def test_a_websocket_needs_a_key_to_open(rig: Rig, v1: Backend) -> None:
    """Once open, it stays."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    with pytest.raises(aiohttp.WSServerHandshakeError) as failed:
        await rig.client.ws_connect(rig.url("/ws"), headers={"Host": HOST})
    assert failed.value.status == 401
    async with rig.client.ws_connect(rig.url("/ws"), headers={"Host": HOST} | bearer(key)) as ws:
        await rig.put(guarded(v1))
        await ws.send_str("still there?")
        assert (await ws.receive_str()) == "v1:still there?"
    await refused(rig, **bearer(key))


async def test_thousands_of_keys_each_known(rig: Rig, v1: Backend) -> None:
    """The first, the last and some between; and one more that is not among them."""
    keys = [new_key(n.to_bytes(32, "big")) for n in range(5000)]
    views = [view_of(key, name=f"key_{n}") for n, key in enumerate(keys)]
    await rig.put(guarded(v1, *views))
    for n in (0, 1, 2500, 4999):
        _, body, _ = await rig.get(headers=bearer(keys[n]))
        assert body["headers"]["x-turnout-key-id"] == f"key_{n}"
    await refused(rig, **bearer(new_key((5000).to_bytes(32, "big"))))


async def test_projects_that_share_a_keyspace_hear_of_changes_one_after_another(
    rig: Rig, v1: Backend, v2: Backend
) -> None:
    """Each goes by what it was told, whoever asked first in which thread."""
    key, added = new_key(), new_key()
    second = replace(guarded(v2, view_of(key), host="two.example"), project_id="prj_2")
    second = replace(second, routes=second.routes[:1])
    await rig.put(guarded(v1, view_of(key)), second)
    both = {HOST: guarded(v1, view_of(added, name="key_2")), "two.example": second}
    await rig.put(both[HOST])
    for _ in range(20):
        assert (await rig.get(headers=bearer(added)))[0] == 200
        await refused(rig, **bearer(key))
        assert (await rig.get(host="two.example", headers=bearer(key)))[0] == 200
        await refused(rig, host="two.example", **bearer(added))


async def test_a_thread_that_keeps_too_much_forgets_and_reads_again(
    rig: Rig, v1: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three keyspaces of two keys, where no more than five are kept."""
    monkeypatch.setattr(policy, "_CHECK", policy._CHECK.replace("KEPT = 500000", "KEPT = 5"))
    rig.envoy = await rig.launch()
    await rig.envoy.ready(timeout=10)
    good = {f"{n}.example": (new_key(), new_key()) for n in range(3)}
    views = []
    for n, (host, pair) in enumerate(good.items()):
        known = tuple(view_of(key, of=f"ks_{n}", name=f"key_{n}") for key in pair)
        route = RouteView(fqdn=host, deployment_id=f"dep_{n}", guard=GuardView(key_auth_id=f"ks_{n}"))
        target = TargetView(deployment_id=f"dep_{n}", addresses=(v1.address,))
        views.append(ProjectView(project_id=f"prj_{n}", routes=(route,), targets=(target,), keys=known))
    await rig.put(*views)
    for _ in range(5):
        for host, pair in good.items():
            assert [(await rig.get(host=host, headers=bearer(key)))[0] for key in pair] == [200, 200]
            for other in good.keys() - {host}:
                await refused(rig, host=other, **bearer(pair[0]))


async def test_a_limit_is_told_and_kept(rig: Rig, v1: Backend) -> None:
    """So many requests, then 429 with when to come back; another key is not concerned."""
    limited, other, free = (new_key() for _ in range(3))
    await rig.put(
        guarded(
            v1,
            view_of(limited, limit=RateLimit(requests=3, seconds=86400)),
            view_of(other, name="key_2", limit=RateLimit(requests=3, seconds=86400)),
            view_of(free, name="key_3"),
        )
    )
    for left in (2, 1, 0):
        status, _, answered = await rig.get(headers=bearer(limited))
        assert (status, answered["x-ratelimit-limit"], answered["x-ratelimit-remaining"]) == (200, "3", str(left))
        assert 0 < int(answered["x-ratelimit-reset"]) <= 86400
    before = v1.answered
    status, body, answered = await rig.get(headers=bearer(limited))
    assert (status, answered["content-type"]) == (429, "application/problem+json")
    assert (body["title"], body["status"]) == ("Too many requests", 429)
    assert (answered["x-ratelimit-limit"], answered["x-ratelimit-remaining"]) == ("3", "0")
    assert 28_000 < int(answered["retry-after"]) <= 28_800, "a third of a day"
    assert v1.answered == before
    assert (await rig.get(headers=bearer(other)))[2]["x-ratelimit-remaining"] == "2"
    assert (await rig.get(headers=bearer(free)))[0] == 200


async def test_a_limit_lets_exactly_so_many_through(rig: Rig, v1: Backend) -> None:
    """However the requests are spread over Envoy's threads. What the bucket regains meanwhile may pass too."""
    limits = {1: new_key(), 7: new_key(), 30: new_key(), 333: new_key()}
    views = (
        view_of(key, name=f"key_{requests}", limit=RateLimit(requests=requests, seconds=86400))
        for requests, key in limits.items()
    )
    await rig.put(guarded(v1, *views))
    slots = asyncio.Semaphore(16)

    async def ask(key: NewKey) -> int:
        async with slots:
            return (await rig.get(headers=bearer(key)))[0]

    for requests, key in limits.items():
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(key) for _ in range(requests + 20)))
        regained = math.ceil((time.monotonic() - began) * requests / 86400)
        assert requests <= answers.count(200) <= requests + regained
        assert answers.count(200) + answers.count(429) == requests + 20


async def test_no_change_of_routes_or_keys_fills_a_bucket(rig: Rig, v1: Backend, v2: Backend) -> None:
    """A switch, another key, a restart of the control plane: what was used stays used; only a new limit counts anew."""
    key = new_key()
    used_up = view_of(key, limit=RateLimit(requests=2, seconds=86400))
    await rig.put(guarded(v1, used_up))
    assert [(await rig.get(headers=bearer(key)))[0] for _ in range(3)] == [200, 200, 429]
    await rig.put(guarded(v2, used_up))
    assert (await rig.get(headers=bearer(key)))[0] == 429
    await rig.put(guarded(v2, used_up, view_of(new_key(), name="key_2")))
    assert (await rig.get(headers=bearer(key)))[0] == 429
    await rig.service.stop()
    await rig.start_service()
    await rig.put(guarded(v1, used_up))
    assert (await rig.get(headers=bearer(key)))[0] == 429
    await rig.put(guarded(v1, replace(used_up, limit=None)))
    assert (await rig.get(headers=bearer(key)))[0] == 200


class CountsItself(Backend):
    """An app with limits of its own."""

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(headers={"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "3"})


async def test_limits_of_the_app_itself_are_told_unless_the_key_has_one(rig: Rig) -> None:
    """Then there is one value of each header, and it is the key's."""
    limited, free = new_key(), new_key()
    async with CountsItself("app").running() as app:
        await rig.put(
            guarded(app, view_of(limited, limit=RateLimit(requests=9, seconds=60)), view_of(free, name="key_2"))
        )
        for key, told in ((limited, ["9"]), (free, ["5"])):
            _, _, answered = await rig.get(headers=bearer(key))
            assert answered.getall("x-ratelimit-limit") == told


async def test_no_key_is_in_what_envoy_or_the_snapshot_hold(rig: Rig, v1: Backend) -> None:
    """Only its hash: who reads either can let nobody in."""
    key = new_key()
    await rig.put(guarded(v1, view_of(key)))
    assert (await rig.get(headers=bearer(key)))[0] == 200
    await rig.get(headers={"X-API-Key": new_key().secret})
    assert rig.envoy is not None
    dump = await rig.envoy.admin.config_dump()
    await rig.service.stop()
    held = dump + b"".join(path.read_bytes() for path in rig.folder.rglob("*") if path.is_file())
    assert hashlib.sha256(key.secret.encode()).hexdigest().encode() in held
    assert key.secret.encode() not in held
    await rig.start_service()
