"""One domain with everything in front of it: who is asked what, in which order, and what is open to strangers."""

from __future__ import annotations

import base64
from dataclasses import replace

import aiohttp
import pytest

from tests.contract.validation_lab import HOST, NOTES, Lab, Recorder, lab, served
from turnout.domain.keyspaces import NewKey, new_key
from turnout.domain.passwords import credential
from turnout.domain.protection import Maintenance, Protection
from turnout.domain.validation import Validation
from turnout.domain.views import ChallengeView, GuardView, HttpsView, KeyView, ProjectView

PROOF = "/.well-known/acme-challenge/token"
PASSWORD = "correct horse battery staple"
PASSWORDS = Protection(allow=("127.0.0.0/8",), basic_auth=(credential("ann", PASSWORD, salt=bytes(16)),))
BASIC = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


def guarded(view: ProjectView, key: NewKey, *, protection: Protection | None, https: HttpsView | None) -> ProjectView:
    """The lab's view with keys, a challenge, and what is asked for besides."""
    (route,) = view.routes
    assert route.guard is not None
    guard = replace(route.guard, key_auth_id="ks_1", validation=Validation(enabled=True, skip=("/free/*",)))
    return replace(
        view,
        routes=(replace(route, guard=guard, protection=protection, https=https),),
        keys=(KeyView(id="key_1", keyspace_id="ks_1", sha256=key.sha256),),
        challenges=(ChallengeView(fqdn=HOST, path=PROOF, body="proved"),),
    )


async def ask(gateway: Lab, path: str, *, host: str = HOST, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and title of the answer, or its text when it is no problem."""
    url = f"http://127.0.0.1:{gateway.port}{path}"
    async with gateway.client.request(method, url, headers={"host": host, **headers}, allow_redirects=False) as answer:
        if "problem" in answer.headers.get("content-type", ""):
            return answer.status, str((await answer.json(content_type=None))["title"])
        return answer.status, await answer.text()


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.:80"])
async def test_every_policy_is_asked_and_a_challenge_is_not(host: str) -> None:
    """Password, then key, then document: the first that is not kept answers, and only who keeps all of them gets in."""
    key, app = new_key(), Recorder()
    async with lab() as gateway, served(app) as address:
        view = gateway.view(address, gateway.store.add(NOTES))
        await gateway.put(guarded(view, key, protection=PASSWORDS, https=None))
        assert (await ask(gateway, "/notes", host=host))[0] == 401
        assert await ask(gateway, "/notes", host=host, authorization=BASIC) == (401, "No good key")
        good = {"authorization": BASIC, "x-api-key": key.secret}
        status, _ = await ask(gateway, "/nowhere", host=host, **good)
        assert status == 400
        assert app.seen == []
        assert (await ask(gateway, "/notes", host=host, **good))[0] == 200
        assert (await ask(gateway, "/free/anything", host=host, **good))[0] == 200
        assert (await ask(gateway, "/free/anything", host=host, authorization=BASIC))[0] == 401
        assert app.seen == ["GET /notes", "GET /free/anything"]
        assert await ask(gateway, PROOF, host=host) == (200, "proved")
        assert (await ask(gateway, PROOF + "/more", host=host))[0] == 401


async def test_plain_requests_are_redirected_before_anything_is_asked() -> None:
    """Nobody is asked for a key or a password that anybody on the way could read; proofs are answered as they are."""
    key, app = new_key(), Recorder()
    async with lab() as gateway, served(app) as address:
        view = gateway.view(address, gateway.store.add(NOTES))
        https = HttpsView(port=8443, hsts_seconds=0)
        await gateway.put(guarded(view, key, protection=PASSWORDS, https=https))
        assert (await ask(gateway, "/notes"))[0] == 308
        assert (await ask(gateway, "/nowhere", method="POST"))[0] == 308
        assert await ask(gateway, PROOF) == (200, "proved")
        assert app.seen == []


async def test_maintenance_comes_first_and_leaves_proofs_alone() -> None:
    """Whoever asks, with or without a key, gets the page; certificates are renewed all the same."""
    key, app = new_key(), Recorder()
    async with lab() as gateway, served(app) as address:
        view = gateway.view(address, gateway.store.add(NOTES))
        closed = Protection(maintenance=Maintenance())
        await gateway.put(guarded(view, key, protection=closed, https=None))
        for headers in ({}, {"x-api-key": key.secret}):
            assert (await ask(gateway, "/notes", **headers))[0] == 503
        assert await ask(gateway, PROOF) == (200, "proved")
        assert app.seen == []


async def test_a_name_that_is_only_challenged_answers_only_that() -> None:
    """No app, no policy, and no checking service that would have to be asked."""
    async with lab() as gateway:
        await gateway.put(
            ProjectView(
                project_id="prj_1",
                routes=(),
                targets=(),
                challenges=(ChallengeView(fqdn=HOST, path=PROOF, body="proved"),),
            )
        )
        assert await ask(gateway, PROOF) == (200, "proved")
        assert (await ask(gateway, "/"))[0] == 404


async def test_an_open_app_is_asked_nothing() -> None:
    """The filters stand in the chain for everybody; a domain without policies does not notice."""
    app = Recorder()
    async with lab() as gateway, served(app) as address:
        view = gateway.view(address, None, Validation())
        (route,) = view.routes
        await gateway.put(replace(view, routes=(replace(route, guard=GuardView()),)))
        async with aiohttp.ClientSession() as client:
            sent = {"host": HOST, "authorization": "Bearer of-the-app"}
            async with client.post(f"http://127.0.0.1:{gateway.port}/any", headers=sent, data=b"x") as answer:
                assert answer.status == 200
    assert app.seen == ["POST /any"]
