"""Pebble, the ACME server that the protocol's own authors test with, on free ports of this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import dns.message
import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acme_authority import Authority, private_pem
from tests.dns_kit import NameServer
from tests.support import require
from tests.workflows.lab import free_port

_EAB_SECRET = "c2VjcmV0IG9mIGFuIGV4dGVybmFsIGFjY291bnQgaGVyZQ"


class _Here(NameServer):
    """Every name leads to this machine. It is asked over UDP by older Pebbles and over TCP by newer ones."""

    def __enter__(self) -> Self:
        self._streams = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), _stream_handler(self))
        threading.Thread(target=self._streams.serve_forever, args=(0.05,), daemon=True).start()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        self._streams.shutdown()
        self._streams.server_close()
        super().__exit__(*error)

    def answer(self, packet: bytes) -> bytes:
        """What is told over either way."""
        return self._answer(packet)

    def _answer(self, packet: bytes) -> bytes:
        name = dns.message.from_wire(packet).question[0].name.to_text(omit_final_dot=True).lower()
        self.say(name, "A", "127.0.0.1")
        return super()._answer(packet)


class Pebble:
    """Runs while the block lasts, and believes that every name leads to this machine."""

    def __init__(
        self, folder: Path, *, challenge_port: int, bindings: bool = False, lifetime: int = 90 * 86400
    ) -> None:
        require("pebble")
        self._folder = folder
        self._names = _Here()
        self._port, self._management = free_port(), free_port()
        self.directory = f"https://127.0.0.1:{self._port}/dir"
        self.ca_file = folder / "pebble-ca.pem"
        self.bindings = {"kid-1": _EAB_SECRET} if bindings else {}
        self._challenge_port, self._lifetime = challenge_port, lifetime
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = self._folder / "pebble.json"
        config.write_text(json.dumps({"pebble": self._config()}))
        environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10", "PEBBLE_AUTHZREUSE": "0"}
        name = shutil.which("pebble")
        assert name is not None, "`require` has looked"
        self._names.__enter__()
        with (self._folder / "pebble.log").open("wb") as log:
            command = [name, "-config", str(config), "-dnsserver", self._names.address]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        for port in (self._port, self._management):
            _await_port(port)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._names.__exit__()

    @property
    def root_pem(self) -> str:
        """The root of the certificates that it signs, drawn anew by each Pebble."""
        answer = httpx.get(f"https://127.0.0.1:{self._management}/roots/0", verify=False, trust_env=False, timeout=20)
        return answer.raise_for_status().text

    def _config(self) -> dict[str, Any]:
        authority, key, now = Authority(), ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        own = authority.sign(["127.0.0.1"], key.public_key(), begins=now, ends=now + timedelta(days=1))
        self.ca_file.write_text(authority.root_pem)
        certificate, private = self._folder / "pebble.pem", self._folder / "pebble-key.pem"
        certificate.write_text(authority.chain(own))
        private.write_text(private_pem(key))
        return {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(certificate),
            "privateKey": str(private),
            "httpPort": self._challenge_port,
            "tlsPort": free_port(),
            "externalAccountBindingRequired": bool(self.bindings),
            "externalAccountMACKeys": self.bindings,
            "domainBlocklist": ["forbidden.example"],
            "retryAfter": {"authz": 1, "order": 1},
            "certificateValidityPeriod": self._lifetime,
            "profiles": {"default": {"description": "the only one", "validityPeriod": self._lifetime}},
        }


def _await_port(port: int) -> None:
    from tests.kit import until

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers, what=f"Pebble listens on {port}")


def _stream_handler(names: _Here) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(length := self.rfile.read(2)) == 2:
                answer = names.answer(self.rfile.read(int.from_bytes(length, "big")))
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)

    return Handler
