"""HTTPS in the whole product: local names out of the box, an uploaded certificate, and what is refused."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from tests.certificates_kit import Authority, Pair, pem
from tests.kit import App, Turnout, until
from turnout.domain.certificate_pairs import fingerprint_of


def ask(turnout: Turnout, host: str, *, trust: str) -> str:
    """GET / of a host over HTTPS, as a client that trusts that root and no other. Raises OSError."""
    address = urlsplit(turnout.urls["gateway_https_url"])
    context = ssl.create_default_context(cadata=trust)
    with (
        socket.create_connection((address.hostname, address.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := secure.recv(65536):
            answer += more
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return answer.decode()


def write(folder: Path, pair: Pair) -> tuple[str, ...]:
    """The arguments that name this pair."""
    (folder / "chain.pem").write_text(pair.chain)
    (folder / "key.pem").write_text(pair.key)
    return ("--cert", str(folder / "chain.pem"), "--key", str(folder / "key.pem"))


def test_local_names_answer_over_https_with_the_root_that_certs_ca_prints(turnout: Turnout, app: App) -> None:
    """No set-up at all: `turnout up`, deploy, trust the root. The address is in the documents of `up` and `status`."""
    app.deploy("v1")
    printed = subprocess.run(
        [sys.executable, "-m", "turnout", "certs", "ca"],
        env=turnout.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    root = turnout.ok("certs", "ca")
    assert printed.stdout == root["certificate"]
    assert fingerprint_of(x509.load_pem_x509_certificates(printed.stdout.encode())) == root["fingerprint"]
    assert "x-hello-version: v1" in ask(turnout, app.live_domain, trust=printed.stdout).lower()
    assert turnout.ok("status")["gateway_https_url"] == turnout.urls["gateway_https_url"]


def test_an_uploaded_certificate_is_served_replaced_and_removed(turnout: Turnout, app: App, tmp_path: Path) -> None:
    """From the next handshake on; the same one again changes nothing; its key is nowhere in the home."""
    app.deploy("v1")
    authority, host = Authority(), app.live_domain
    trust = pem(authority.intermediate) + pem(authority.root)
    first = authority.pair(host)
    added = turnout.ok("certs", "add", *write(tmp_path, first))
    assert (added["names"], added["source"], added["expired"]) == ([host], "uploaded", False)
    until(lambda: served(turnout, host, trust), what="the uploaded certificate is served")
    assert turnout.ok("certs", "add", *write(tmp_path, first))["id"] == added["id"]
    second = turnout.ok("certs", "add", *write(tmp_path, authority.pair(host)))
    listed = [each["id"] for each in turnout.ok("certs", "ls")["certificates"]]
    assert second["id"] in listed
    assert added["id"] not in listed
    turnout.ok("vault", "rotate")
    assert served(turnout, host, trust)
    turnout.ok("certs", "rm", second["id"])
    until(lambda: not served(turnout, host, trust), what="the local authority serves the name again")
    inside = "".join(first.key.splitlines()[1:-1])[20:60].encode()
    for path in turnout.home.rglob("*"):
        assert not path.is_file() or inside not in read(path), path


def test_a_pair_that_cannot_be_served_is_refused_in_a_sentence(turnout: Turnout, tmp_path: Path) -> None:
    """Exit code 1 or 2, nothing kept, and no word of the key."""
    authority = Authority()
    pair, other = authority.pair("shop.example"), authority.pair("shop.example")
    for given, said in (
        (Pair(chain=pair.chain, key=other.key), "the private key is not that of the certificate"),
        (Pair(chain="hello", key=pair.key), "it is not PEM"),
        (Pair(chain=pair.chain, key="hello"), "it is not PEM"),
    ):
        ran = turnout.run("certs", "add", *write(tmp_path, given))
        assert said in ran.problem["detail"]
        assert "\n" not in ran.problem["detail"]
        assert pair.key.splitlines()[1] not in ran.out + ran.err
    missing = turnout.run("certs", "add", "--cert", str(tmp_path / "nothing.pem"), "--key", str(tmp_path / "key.pem"))
    assert "No such file" in missing.problem["detail"]
    assert turnout.run("certs", "rm", "crt_nobody").problem["status"] == 404
    assert turnout.ok("certs", "ls")["certificates"] == []


def served(turnout: Turnout, host: str, trust: str) -> bool:
    """Whether a client that trusts the test's authority alone is served."""
    try:
        ask(turnout, host, trust=trust)
    except ssl.SSLCertVerificationError:
        return False
    return True


def read(path: Path) -> bytes:
    """A file's content; nothing when it is gone meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
