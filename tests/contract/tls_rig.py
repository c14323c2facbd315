"""A gateway with a port for HTTPS, and real TLS clients for it."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509

from tests.certificates_kit import Authority, boxes, view
from tests.contract.test_gateway_envoy import HOST, Backend, Rig
from tests.support import eventually, patiently
from turnout.domain.errors import NotFound
from turnout.domain.views import CertificateView
from turnout.gateway.launch import find_envoy
from turnout.gateway.policies.https import Redirect
from turnout.gateway.testing import project

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


@asynccontextmanager
async def tls_rig() -> AsyncIterator[TlsRig]:
    """A gateway without projects and certificates, its Envoy ready. Skips the test where there is no Envoy."""
    try:
        find_envoy(os.environ)
    except NotFound as error:
        pytest.skip(error.detail)
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
