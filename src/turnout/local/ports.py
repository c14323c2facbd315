"""Which ports the parts use: chosen once, remembered, and chosen again when somebody else has taken one."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.domain.errors import Conflict, Invalid
from turnout.local.home import read_json, run_folder, write_private
from turnout.settings import Settings

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Every port of one home."""

    api: int
    gateway: int
    worker: int
    restate_ingress: int
    restate_admin: int
    restate_node: int
    gateway_metrics: int = 0
    gateway_tls: int = 0
    """0: there is no HTTPS."""


TLS_PORT: Final = 8443
"""Where HTTPS answers unless something else is set, or it is taken: no root is needed for it."""


def choose_ports(settings: Settings, *, ours: Collection[int] = (), beside: Collection[str] = ()) -> Ports:
    """Take what is set, else what was used before, else what is usual, else what is free; remember it.

    `ours` are taken by what this home left running, and therefore good. Those named in `beside` run beside an old one
    of them, and therefore get a free port, whatever is set. Raises Conflict when a port that is
    set is in use, Invalid when its address is not one of this machine.
    """
    file = run_folder(settings.home) / "ports.json"
    before = {name: port for name, port in read_json(file).items() if isinstance(port, int) and 0 < port < 65536}
    fixed = {
        "gateway": _Fixed(settings.gateway.host, settings.gateway.port, "--gateway-port"),
        "api": _Fixed(settings.api.host, settings.api.port, "TURNOUT_API_PORT"),
        "worker": _Fixed(settings.restate.worker_host, settings.restate.worker_port, "TURNOUT_RESTATE_WORKER_PORT"),
        "restate_ingress": _Fixed(LOOPBACK, 0, ""),
        "restate_admin": _Fixed(LOOPBACK, 0, ""),
        "restate_node": _Fixed(LOOPBACK, 0, ""),
        "gateway_metrics": _Fixed(LOOPBACK, settings.gateway.metrics_port, "TURNOUT_GATEWAY_METRICS_PORT"),
    }
    wished = {}
    if settings.gateway.tls_port == "auto":
        wished["gateway_tls"] = TLS_PORT
    if settings.gateway.tls_port != "off":
        port = 0 if settings.gateway.tls_port == "auto" else int(settings.gateway.tls_port)
        fixed["gateway_tls"] = _Fixed(settings.gateway.host, port, "TURNOUT_GATEWAY_TLS_PORT")
    chosen: dict[str, int] = {}
    for name, wanted in fixed.items():
        taken = set(chosen.values())
        if wanted.port and name not in beside:
            if wanted.port not in ours:
                wanted.check()
            chosen[name] = wanted.port
            continue
        liked = [port for port in (before.get(name, 0), wished.get(name, 0)) if port and port not in taken]
        good = [port for port in liked if port in ours or _is_free(wanted.host, port)]
        chosen[name] = good[0] if good else _free(wanted, taken)
    write_private(file, chosen)
    return Ports(**chosen)


def remembered(home: Path, name: str) -> int | None:
    """The port that was used last time."""
    port = read_json(run_folder(home) / "ports.json").get(name)
    return port if isinstance(port, int) else None


@dataclass(frozen=True, slots=True)
class _Fixed:
    host: str
    port: int
    changed_by: str

    def check(self) -> None:
        try:
            _bind(self.host, self.port)
        except OSError as error:
            raise self.refusal(error) from None

    def refusal(self, error: OSError) -> Conflict | Invalid:
        if error.errno == errno.EADDRINUSE:
            return Conflict(
                f"cannot start: port {self.port} of {self.host} is in use; "
                f"end what listens there, or choose another port with {self.changed_by}"
            )
        if error.errno == errno.EACCES:
            return Conflict(
                f"cannot start: you may not listen on port {self.port}; choose one above 1023 with {self.changed_by}"
            )
        return Invalid(f"cannot listen on {self.host}: {error.strerror or error}; choose an address of this machine")


def _free(wanted: _Fixed, taken: Collection[int]) -> int:
    while True:
        try:
            port = _bind(wanted.host, 0)
        except OSError as error:
            raise wanted.refusal(error) from None
        if port not in taken:
            return port


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of an earlier run that are still being forgotten do not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
        return int(probe.getsockname()[1])
