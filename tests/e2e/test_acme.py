"""Certificates by ACME in the whole product: a name of one's own, proved, served over HTTPS, and renewed, by itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from tests.acme_server import AcmeServer
from tests.dns_kit import NameServer
from tests.kit import App, Turnout, until
from turnout.domain.certificates import CertificateSource

NAME = "app.example.com"


@pytest.fixture
def port() -> int:
    """Where the gateway listens: the ACME server asks there for every name's proof."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[AcmeServer]:
    """An ACME server whose certificates do not last long."""
    with AcmeServer(tmp_path, challenge_port=port) as server:
        server.lifetime = timedelta(seconds=30)
        yield server


@pytest.fixture
def dns() -> Iterator[NameServer]:
    """Where names are proved."""
    with NameServer() as dns:
        yield dns


@pytest.fixture
def turnout(tmp_path: Path, server: AcmeServer, dns: NameServer, port: int) -> Iterator[Turnout]:
    """One that knows both."""
    turnout = Turnout(
        tmp_path / "home",
        TURNOUT_GATEWAY_PORT=str(port),
        TURNOUT_DNS_RESOLVERS=dns.address,
        TURNOUT_DEPLOY_PROPAGATION_SECONDS="60",
        TURNOUT_ACME_EMAIL="ops@example.com",
        TURNOUT_ACME_DIRECTORY=server.directory,
        TURNOUT_ACME_CA_FILE=str(server.ca_file),
    )
    turnout.up("--backend", "process")
    yield turnout
    turnout.down()


def shown(turnout: Turnout, server: AcmeServer) -> x509.Certificate | None:
    """The certificate with which the app answers a client that trusts the ACME server's authority alone; else None."""
    address = urlsplit(turnout.urls["gateway_https_url"])
    context = ssl.create_default_context(cadata=server.authority.root_pem)
    try:
        with (
            socket.create_connection((address.hostname, address.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            answer = secure.recv(65536)
            certificate = secure.getpeercert(binary_form=True)
    except OSError:
        return None
    if certificate is None or not answer.startswith(b"HTTP/1.1 200 "):
        return None
    return x509.load_der_x509_certificate(certificate)


def replaced(turnout: Turnout, server: AcmeServer, before: x509.Certificate) -> x509.Certificate | None:
    """The certificate that is shown, if it is another one."""
    found = shown(turnout, server)
    return None if found is None or found.serial_number == before.serial_number else found


def test_a_proved_name_is_served_over_https_and_renewed(
    turnout: Turnout, server: AcmeServer, dns: NameServer, tmp_path: Path
) -> None:
    """Although the worker is killed in the middle of it; and it is still there after everything was stopped."""
    app = App(turnout, tmp_path, "shop")
    app.deploy("v1")
    server.slow_looks = 4
    added = turnout.ok("domains", "add", NAME, "--project", "shop")
    dns.say(added["txt"]["name"], "TXT", added["txt"]["value"])
    until(lambda: server.asked["finalize"], what="the order is finalised")
    turnout.kill("worker")
    first = until(lambda: shown(turnout, server), within=30, what="the name is served over HTTPS")
    assert (len(server.accounts), len(server.orders), len(server.issued)) == (1, 1, 1)
    assert turnout.get(NAME).status_code == 308
    server.slow_looks = 1

    listed = turnout.ok("certs", "ls")
    assert [(each["names"], each["source"]) for each in listed["certificates"]] == [([NAME], CertificateSource.ACME)]
    (issuing,) = listed["issuings"]
    assert (issuing["fqdn"], issuing["project"], issuing["status"], issuing["problem"]) == (
        NAME,
        "shop",
        "issued",
        None,
    )

    server.lifetime = timedelta(days=90)
    second = until(lambda: replaced(turnout, server, first), within=60, what="it is renewed")
    assert len(server.accounts) == 1
    turnout.down()
    turnout.up("--backend", "process")
    assert until(lambda: shown(turnout, server), what="it is served after a restart") == second

    server.trouble("new-order", "rateLimited", status=429, retry_after="7200")
    ran = turnout.run("certs", "issue", NAME, "--project", "shop")
    assert (ran.code, ran.document["status"], ran.document["problem_kind"]) == (1, "failed", "rate-limited")
    assert "injected rateLimited" in ran.document["problem"]
    assert shown(turnout, server) == second
    assert turnout.ok("certs", "issue", NAME, "--project", "shop")["problem"] is None
