"""The knobs of an environment against a real Envoy: who gets in, who does not, and what the app sees."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.contract.traffic_kit import HOST, Backend, Rig, protected, standing
from tests.support import patiently
from turnout.domain.header_rules import parse_header_rule
from turnout.domain.passwords import credential
from turnout.domain.protection import Maintenance, Protection
from turnout.gateway.policies import protection as policy
from turnout.gateway.testing import project

pytestmark = pytest.mark.asyncio

PASSWORD = "correct horse 电池 battery: staple"
SALT = bytes(range(16))


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A gateway."""
    async with standing() as rig:
        yield rig


@pytest_asyncio.fixture
async def v1() -> AsyncIterator[Backend]:
    """An app."""
    async with Backend("v1").running() as backend:
        yield backend


async def protect(rig: Rig, backend: Backend, **knobs: Any) -> None:
    """The backend behind the host, with these knobs; returns once Envoy applies them."""
    await rig.put(protected(backend, **knobs))


@asynccontextmanager
async def at(rig: Rig, address: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that comes from this address."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def ask(rig: Rig, address: str, **headers: str) -> int:
    """The status that a request from this address gets."""
    async with (
        at(rig, address) as session,
        session.get(rig.url("/"), headers={"Host": HOST, **headers}) as response,
    ):
        return response.status


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


# ---------------------------------------------------------------------------------------- addresses


async def test_only_the_allowed_ranges_get_in(rig: Rig, v1: Backend) -> None:
    """Ranges and single addresses; everybody else gets a 403 that says why, and the app hears nothing."""
    await protect(rig, v1, allow=("127.0.0.2", "127.0.1.0/24", "2001:db8::/32"))
    assert await ask(rig, "127.0.0.2") == 200
    assert await ask(rig, "127.0.1.77") == 200
    answered = v1.answered
    assert await ask(rig, "127.0.0.3") == 403
    assert await ask(rig, "127.0.2.1") == 403
    status, body, headers = await rig.get()
    assert (status, body["title"], headers["content-type"]) == (403, "Not from here", "application/problem+json")
    assert v1.answered == answered


async def test_no_claim_of_a_client_opens_an_environment(rig: Rig, v1: Backend) -> None:
    """The other end of the connection counts, and another spelling of the host is the same host."""
    await protect(rig, v1, allow=("127.0.0.2",))
    for claim in (
        {"X-Forwarded-For": "127.0.0.2"},
        {"X-Forwarded-For": "127.0.0.2, 127.0.0.2"},
        {"X-Real-IP": "127.0.0.2"},
        {"Forwarded": "for=127.0.0.2"},
        {"X-Envoy-External-Address": "127.0.0.2"},
        {"X-Client-IP": "127.0.0.2"},
        {"Host": HOST.upper()},
        {"Host": f"{HOST}.:80"},
    ):
        assert await ask(rig, "127.0.0.3", **claim) == 403, claim
    assert v1.answered == 0


async def test_behind_our_own_proxies_the_address_they_saw_counts(v1: Backend) -> None:
    """One trusted proxy: the last entry is its word, and what a client put before that is nobody's."""
    async with standing(trusted_proxies=1) as rig:
        await protect(rig, v1, allow=("198.51.100.0/24",))
        assert await ask(rig, "127.0.0.1", **{"X-Forwarded-For": "198.51.100.7"}) == 200
        assert await ask(rig, "127.0.0.1", **{"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}) == 403
        assert await ask(rig, "127.0.0.1") == 403


async def test_ranges_of_both_families(v1: Backend) -> None:
    """An IPv4 client on an IPv6 socket is an IPv4 client."""
    async with standing(listen=("::",)) as rig:
        url = f"http://[::1]:{rig.port}/"
        await protect(rig, v1, allow=("127.0.0.0/31", "::1"))
        async with rig.client.get(url, headers={"Host": HOST}) as response:
            assert response.status == 200
        assert await ask(rig, "127.0.0.1") == 200
        assert await ask(rig, "127.0.0.2") == 403
        await protect(rig, v1, allow=("127.0.0.0/8", "2001:db8::/32"))
        async with rig.client.get(url, headers={"Host": HOST}) as response:
            assert response.status == 403


# --------------------------------------------------------------------------------------- basic auth


@pytest.fixture
def alice() -> dict[str, Any]:
    """Basic auth for two."""
    return {
        "basic_auth": (
            credential("alice", PASSWORD, salt=SALT),
            credential("bob", "x" * 128, salt=SALT[::-1]),
        )
    }


async def test_a_good_password_gets_in_and_stays_at_the_gateway(rig: Rig, v1: Backend, alice: dict[str, Any]) -> None:
    """The app never sees the header; the second request is recognised, and so is another name's."""
    await protect(rig, v1, **alice)
    for user, password in [("alice", PASSWORD), ("alice", PASSWORD), ("bob", "x" * 128)]:
        status, body, _ = await rig.get(headers=basic(user, password))
        assert status == 200
        assert "authorization" not in body["headers"]
    lower = basic("alice", PASSWORD)["Authorization"].replace("Basic ", "bASIC   ")
    assert (await rig.get(headers={"Authorization": lower}))[0] == 200


NO_PASSWORDS: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": "Basic"},
    {"Authorization": "Basic ===="},
    {"Authorization": "Basic !!!!"},
    {"Authorization": "Basic " + "A" * 30_000},
    {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    {"Authorization": "Bearer " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()},
    basic("alice", PASSWORD + " "),
    basic("alice", PASSWORD[:-1]),
    basic("alice", ""),
    basic("", PASSWORD),
    basic("Alice", PASSWORD),
    basic("bob", PASSWORD),
    basic("nobody", PASSWORD),
    basic("alice", "x" * 128),
    basic("alice\0", PASSWORD),
    {"Proxy-Authorization": basic("alice", PASSWORD)["Authorization"]},
]


async def test_anything_else_is_asked_for_a_password(rig: Rig, v1: Backend, alice: dict[str, Any]) -> None:
    """401 with a challenge that a browser understands, and the app hears nothing."""
    await protect(rig, v1, **alice)
    assert (await rig.get(headers=basic("alice", PASSWORD)))[0] == 200
    for headers in NO_PASSWORDS:
        status, body, answer = await rig.get(headers=headers)
        assert (status, body["title"]) == (401, "Not signed in"), headers
        assert answer["content-type"] == "application/problem+json"
        assert answer["www-authenticate"].startswith("Basic realm=")
        assert PASSWORD not in json.dumps(body)
    assert v1.answered == 1


async def test_guessing_ends(v1: Backend, alice: dict[str, Any], rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one name and from one address, until the window is over; even the good password tells nothing meanwhile."""
    await protect(rig, v1, **alice)
    async with at(rig, "127.0.0.3") as session:

        async def answer(user: str, password: str) -> tuple[int, str | None]:
            headers = {"Host": HOST, **basic(user, password)}
            async with session.get(rig.url("/"), headers=headers) as response:
                return response.status, response.headers.get("Retry-After")

        for number in range(policy.GUESSES):
            assert (await answer("alice", f"wrong {number}"))[0] == 401
            assert (await answer(f"nobody {number}", PASSWORD))[0] == 401
        for user, password in (("alice", "wrong"), ("alice", PASSWORD), ("nobody at all", PASSWORD)):
            status, seconds = await answer(user, password)
            assert (status, 0 < int(seconds or 0) <= 60) == (429, True), user
        assert (await answer("bob", "x" * 128))[0] == 200
        assert await ask(rig, "127.0.0.2", **basic("alice", PASSWORD)) == 200
        monkeypatch.setattr(policy, "WINDOW_MS", 1)
        await protect(rig, v1, **alice)
        assert (await answer("alice", PASSWORD))[0] == 200


@pytest.mark.parametrize(
    ("addresses", "are_one"),
    [
        (("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::1"), True),
        (("2001:db8:1:2:3:4:5:6", "2001:db8:1:3:3:4:5:6"), False),
        (("2001:db8::1", "2001:db8::ffff:1"), True),
        (("2001:db8::1", "2001:db9::1"), False),
        (("192.0.2.1", "192.0.2.2"), False),
    ],
)
async def test_guesses_are_counted_by_network(
    v1: Backend, alice: dict[str, Any], monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, str], are_one: bool
) -> None:
    """Who has one IPv6 address has all of its network."""
    monkeypatch.setattr(policy, "GUESSES", 1)
    async with standing(trusted_proxies=1) as rig:
        await protect(rig, v1, **alice)

        async def answer(address: str, password: str) -> int:
            return (await rig.get(headers=basic("alice", password) | {"X-Forwarded-For": address}))[0]

        one, other = addresses
        assert await answer(one, "wrong") == 401
        assert await answer(one, PASSWORD) == 429
        assert await answer(other, PASSWORD) == (429 if are_one else 200)


async def test_two_headers_are_no_password(rig: Rig, v1: Backend, alice: dict[str, Any]) -> None:
    """Whoever sends a good and a bad one could mean either."""
    await protect(rig, v1, **alice)
    good = basic("alice", PASSWORD)["Authorization"]
    async with patiently(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        lines = f"Authorization: {good}\r\nAuthorization: Basic eDp5\r\n"
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{lines}Connection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()


async def test_upper_case_needs_the_password_too(rig: Rig, v1: Backend, alice: dict[str, Any]) -> None:
    """The protection is looked up after the host name got its one spelling."""
    await protect(rig, v1, **alice)
    assert (await rig.get(host=HOST.upper()))[0] == 401


async def test_a_changed_password_is_good_at_once_and_the_old_one_no_more(rig: Rig, v1: Backend) -> None:
    """What a worker remembers of good passwords belongs to their hash."""
    old, new = "an old password", "the new password"
    await protect(rig, v1, basic_auth=(credential("alice", old, salt=SALT),))
    assert (await rig.get(headers=basic("alice", old)))[0] == 200
    await protect(rig, v1, basic_auth=(credential("alice", new, salt=SALT[::-1]),))
    assert (await rig.get(headers=basic("alice", old)))[0] == 401
    assert (await rig.get(headers=basic("alice", new)))[0] == 200


async def test_passwords_of_every_length_are_hashed_as_the_store_does(rig: Rig, v1: Backend) -> None:
    """Around the block size of SHA-256 nothing is off by one."""
    passwords = {
        f"user{length}": "".join(chr(33 + (index * 7) % 90) for index in range(length))
        for length in (12, 24, 25, 26, 55, 56, 63, 64, 65, 119, 120, 128)
    }
    credentials = (credential(user, password, salt=SALT) for user, password in passwords.items())
    await protect(rig, v1, basic_auth=tuple(credentials))
    for user, password in passwords.items():
        assert (await rig.get(headers=basic(user, password)))[0] == 200, user
        assert (await rig.get(headers=basic(user, password[:-1] + " ")))[0] == 401, user


async def test_envoy_holds_no_password(rig: Rig, v1: Backend, alice: dict[str, Any]) -> None:
    """Neither its configuration nor its log nor the snapshot does, in any form that can be read back."""
    await protect(rig, v1, **alice)
    await rig.get(headers=basic("alice", PASSWORD))
    await rig.get(headers=basic("alice", PASSWORD + "!"))
    assert rig.envoy is not None
    await rig.service.stop()
    everything = await rig.envoy.admin.config_dump()
    for file in rig.folder.rglob("*"):
        everything += file.read_bytes() if file.is_file() else b""
    await rig.start_service()
    assert b"pbkdf2" in everything, "it was looked for in something"
    for secret in (PASSWORD.encode(), b"x" * 128, base64.b64encode(f"alice:{PASSWORD}".encode())[:-4]):
        assert secret not in everything


# -------------------------------------------------------------------------------------- maintenance


async def test_in_maintenance_browsers_get_a_page_and_programs_a_problem(rig: Rig, v1: Backend) -> None:
    """503 and when to come back, whichever it is."""
    await protect(rig, v1, maintenance=Maintenance(retry_after=120))
    status, body, headers = await rig.get(headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "120", "text/html; charset=utf-8")
    assert "Back soon" in body
    status, body, headers = await rig.get()
    assert (status, headers["retry-after"], body["title"]) == (503, "120", "Maintenance")
    assert headers["content-type"] == "application/problem+json"
    assert v1.answered == 0


async def test_the_page_may_be_ones_own(rig: Rig, v1: Backend) -> None:
    """Byte for byte, whatever it holds."""
    page = '<h1>Zurück um 12 %REQ(Authorization)% "]]" {{ x }}</h1>\n' + "ü" * 4000
    await protect(rig, v1, maintenance=Maintenance(page=page))
    _, body, _ = await rig.get(headers={"Accept": "text/html"})
    assert body == page


async def test_who_is_let_in_and_what_proves_a_domain_passes(rig: Rig, v1: Backend) -> None:
    """One may look at the site before the others, and certificates are renewed meanwhile."""
    await protect(rig, v1, maintenance=Maintenance(let_in=("127.0.0.2",)))
    assert await ask(rig, "127.0.0.2") == 200
    assert await ask(rig, "127.0.0.3") == 503
    assert await ask(rig, "127.0.0.3", **{"X-Forwarded-For": "127.0.0.2"}) == 503
    assert (await rig.get("/.well-known/acme-challenge/token_-1"))[0] == 200
    for path in (
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/a/b",
        "/.well-known/acme-challenge/..%2fx",
    ):
        assert (await rig.get(path))[0] == 503
    assert (await rig.get(host=HOST.upper()))[0] == 503


async def test_maintenance_comes_first_then_addresses_then_passwords(
    rig: Rig, v1: Backend, alice: dict[str, Any]
) -> None:
    """Each is asked only of those who passed the one before; who is let in still needs the others."""
    await protect(rig, v1, allow=("127.0.0.2",), maintenance=Maintenance(let_in=("127.0.0.2", "127.0.0.3")), **alice)
    assert await ask(rig, "127.0.0.4") == 503
    assert await ask(rig, "127.0.0.3") == 403
    assert await ask(rig, "127.0.0.2") == 401
    assert await ask(rig, "127.0.0.2", **basic("alice", PASSWORD)) == 200


async def test_maintenance_on_and_off_under_traffic(rig: Rig, v1: Backend) -> None:
    """Every request is answered by the app or by the page, and after an acknowledgement only by the right one."""
    await protect(rig, v1)
    seen: Counter[int] = Counter()
    failures: list[str] = []
    stop = False

    async def keep_asking() -> None:
        while not stop:
            try:
                status, body, _ = await rig.get()
            except aiohttp.ClientError as error:
                failures.append(repr(error))
                continue
            good = status == 200 or (status == 503 and body["title"] == "Maintenance")
            seen[status] += 1
            if not good:
                failures.append(f"{status} {body}")

    clients = [asyncio.create_task(keep_asking()) for _ in range(8)]
    for turn in range(40):
        closed = turn % 2 == 0
        await protect(rig, v1, maintenance=Maintenance() if closed else None)
        before = seen.copy()
        while seen.total() < before.total() + 16:  # let some requests pass between two changes
            await asyncio.sleep(0)
        assert (await rig.get())[0] == (503 if closed else 200)
    stop = True
    await asyncio.gather(*clients)
    assert not failures
    assert min(seen[200], seen[503]) > 50


# ----------------------------------------------------------------------------------------- headers


async def test_header_rules_change_requests_and_answers(rig: Rig, v1: Backend) -> None:
    """Set replaces, add adds, remove removes; what looks like Envoy's own language is only text."""
    rules = [
        "set request X-Env: preview %REQ(Authorization)% 100%",
        "add request X-Tag: two",
        "remove request User-Agent",
        "set response Server: turnout",
        "add response Set-Cookie: preview=1; Path=/",
        "set response X-Robots-Tag: noindex",
        "remove response Content-Disposition",
    ]
    await protect(rig, v1, headers=tuple(parse_header_rule(rule) for rule in rules))
    sent = {"X-Env": "mine", "X-Tag": "one", "User-Agent": "spy", "Authorization": "Bearer abc"}
    status, body, headers = await rig.get(headers=sent)
    assert status == 200
    assert body["headers"]["x-env"] == "preview %REQ(Authorization)% 100%"
    assert "user-agent" not in body["headers"]
    assert headers.getall("server") == ["turnout"]
    assert headers["x-robots-tag"] == "noindex"
    assert headers["set-cookie"] == "preview=1; Path=/"
    assert body["headers"]["authorization"] == "Bearer abc", "no rule and no basic auth took it away"


async def test_nothing_of_it_reaches_another_environment(rig: Rig, v1: Backend) -> None:
    """The knobs stand in the routes of one environment, and go when they are switched off."""
    view = project("prj_1", {HOST: "dep_v1", "other.example": "dep_v1"}, {"dep_v1": [v1.address]})
    closed = replace(view.routes[0], protection=Protection(maintenance=Maintenance()))
    await rig.put(replace(view, routes=(closed, view.routes[1])))
    assert (await rig.get())[0] == 503
    assert (await rig.get(host="other.example"))[0] == 200
    await rig.put(view)
    assert (await rig.get())[0] == 200
