"""Pebble, the ACME server that the protocol's own authors test with, on free ports of this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acme_authority import Authority, private_pem
from tests.support import require
from tests.workflows.lab import free_port

_EAB_SECRET = "c2VjcmV0IG9mIGFuIGV4dGVybmFsIGFjY291bnQgaGVyZQ"


class Pebble:
    """Runs while the block lasts. It looks every name up at a DNS server beside it that knows one answer: here."""

    def __init__(
        self, folder: Path, *, challenge_port: int, bindings: bool = False, lifetime: int = 90 * 86400
    ) -> None:
        require("pebble")
        self._folder = folder
        self._dns, self._port, self._management, self._control = (free_port() for _ in range(4))
        self.directory = f"https://127.0.0.1:{self._port}/dir"
        self.ca_file = folder / "pebble-ca.pem"
        self.bindings = {"kid-1": _EAB_SECRET} if bindings else {}
        self._challenge_port, self._lifetime = challenge_port, lifetime
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        config = self._folder / "pebble.json"
        config.write_text(json.dumps({"pebble": self._config()}))
        environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10", "PEBBLE_AUTHZREUSE": "0"}
        with (self._folder / "pebble.log").open("wb") as log:
            dns = f"127.0.0.1:{self._dns}"
            for command in (
                ["pebble-challtestsrv", "-dnsserver", dns, "-management", f"127.0.0.1:{self._control}",
                 "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""],
                ["pebble", "-config", str(config), "-dnsserver", dns],
            ):  # fmt: skip
                name = shutil.which(command[0])
                assert name is not None, "`require` has looked"
                self._processes.append(
                    subprocess.Popen([name, *command[1:]], env=environment, stdout=log, stderr=subprocess.STDOUT)
                )
        for port in (self._port, self._management):
            _await_port(port)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait()

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
