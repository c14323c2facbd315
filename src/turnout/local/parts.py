"""The parts as a table: what is started, with which environment, after what, and how it is known to be ready."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from turnout.domain.errors import Unavailable
from turnout.local.loopback import call
from turnout.local.ports import LOOPBACK, Ports
from turnout.local.processes import MARK
from turnout.revision import code_revision
from turnout.settings import Settings

Check = Callable[[], Awaitable[bool]]
Hook = Callable[[], Awaitable[str | None]]
"""May return the revision of what has become ready."""

_ANY: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # compared with, not listened on


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One program that is kept running."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """Added to the supervisor's own, without what is set in it for other servers."""
    is_ready: Check
    after: tuple[str, ...] = ()
    """Parts that have to have been ready once before this one is started."""
    once_ready: Hook | None = None
    """Done after each start, before the part counts as running. Raises Unavailable to be tried again."""
    on_restart: Hook | None = None
    """The same, but only after another start than the first."""
    grace: float = 5.0
    """Seconds it may take to end after SIGTERM."""
    code: Callable[[], str] | None = None
    """Names what it would run if it were started now."""
    stays: bool = False
    """An upgrade leaves it as it is while that name is the same."""
    replaced_by: signal.Signals = signal.SIGTERM
    """How an old one is ended whose successor is about to be started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything the table is made of."""

    settings: Settings
    ports: Ports
    token: str
    restate_server: Path | None
    """None: Restate is somebody else's."""
    identity_key: str
    register: Hook
    """Makes the worker known to Restate."""
    restate_code: str = ""
    """Names the program and the configuration of our own Restate."""

    @property
    def api_url(self) -> str:
        """Where the API is reached from this machine."""
        return f"http://{reachable(self.settings.api.host)}:{self.ports.api}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is reached from this machine."""
        return f"http://{reachable(self.settings.gateway.host)}:{self.ports.gateway}"

    @property
    def gateway_https_url(self) -> str | None:
        """Where the gateway is reached with TLS from this machine, by the name of a domain; None when it is off."""
        if not self.ports.gateway_tls:
            return None
        return f"https://{reachable(self.settings.gateway.host)}:{self.ports.gateway_tls}"

    @property
    def ingress_url(self) -> str:
        """Restate's ingress."""
        return self.settings.restate.ingress_url or f"http://{LOOPBACK}:{self.ports.restate_ingress}"

    @property
    def admin_url(self) -> str:
        """Restate's admin API."""
        return (self.settings.restate.admin_url or f"http://{LOOPBACK}:{self.ports.restate_admin}").rstrip("/")

    @property
    def worker_url(self) -> str:
        """Where Restate calls the worker."""
        return f"http://{reachable(self.settings.restate.worker_host)}:{self.ports.worker}"


UPGRADE_ORDER: Final = ("restate", "server", "worker", "krane", "gateway")
"""The server brings the store up to its version, which the others need."""
STOP_ORDER: Final = ("gateway", "krane", "worker", "server", "restate")
"""Traffic is drained first; krane needs the server while it stops its instances."""


def parts(plan: Plan) -> tuple[Part, ...]:
    """The table."""
    settings, status = plan.settings, f"{plan.api_url}/v1/status"
    authorization = {"authorization": f"Bearer {plan.token}"}
    shared = _shared_environment(plan)

    def python(name: str, *flags: str) -> tuple[str, ...]:
        return (sys.executable, "-P", "-m", "turnout", name, *flags)

    def environment(name: str) -> dict[str, str]:
        return {**shared, MARK: name}

    table = [
        Part(
            name="server",
            argv=python("server"),
            environment=environment("server"),
            code=code_revision,
            is_ready=answers(f"{plan.api_url}/healthz"),
        ),
        Part(
            name="worker",
            argv=python("worker"),
            environment=environment("worker"),
            code=code_revision,
            is_ready=answers(f"{plan.worker_url}/health", any_status=True),
            after=("server", "restate") if plan.restate_server else ("server",),
            once_ready=plan.register,
            grace=settings.restate.worker_grace_seconds + 3,
        ),
        Part(
            name="krane",
            argv=python("krane", "--stop-instances-on-exit"),
            environment=environment("krane"),
            code=code_revision,
            # Asked to end, it would end what it looks after; killed, it leaves that to its successor.
            replaced_by=signal.SIGKILL,
            is_ready=connected(status, authorization, "regions"),
            after=("server",),
            grace=settings.krane.stop_seconds + 10,
        ),
        Part(
            name="gateway",
            argv=python("gateway"),
            environment=environment("gateway"),
            code=code_revision,
            replaced_by=signal.SIGKILL,  # as krane
            is_ready=both(connected(status, authorization, "gateways"), listens(plan.gateway_url)),
            after=("server",),
            grace=settings.gateway.drain_seconds + 10,
        ),
    ]
    if plan.restate_server is not None:
        restate = Part(
            name="restate",
            argv=(
                str(plan.restate_server),
                "--no-logo",
                "--config-file",
                str(settings.home / "restate" / "config.toml"),
            ),
            environment={"TURNOUT_HOME": str(settings.home), MARK: "restate", "DO_NOT_TRACK": "1"},
            is_ready=both(answers(f"{plan.admin_url}/health"), answers(f"{plan.ingress_url}/restate/health")),
            on_restart=plan.register,
            grace=10.0,
            code=lambda: plan.restate_code,
            stays=True,
        )
        table.insert(0, restate)
    return tuple(table)


def in_turn(table: Sequence[Part]) -> tuple[Part, ...]:
    """The same parts, each to be started only when those before it in `UPGRADE_ORDER` are ready."""
    names: list[str] = [name for name in UPGRADE_ORDER if name in {part.name for part in table}]
    return tuple(replace(part, after=tuple(names[: names.index(part.name)])) for part in table)


def reachable(host: str) -> str:
    """An address under which somebody on this machine reaches what listens on `host`, as a URL has it."""
    if host in _ANY:
        return LOOPBACK
    return f"[{host}]" if ":" in host else host


def answers(url: str, *, any_status: bool = False) -> Check:
    """Ready when a GET is answered well, or at all."""

    async def check() -> bool:
        try:
            status, _ = await call("GET", url)
        except Unavailable:
            return False
        return any_status or 200 <= status < 300

    return check


def connected(status_url: str, headers: Mapping[str, str], which: str) -> Check:
    """Ready when the server's status shows one of the `which` connected."""

    async def check() -> bool:
        try:
            status, document = await call("GET", status_url, headers=headers)
        except Unavailable:
            return False
        return status == 200 and any(each.get("connected") for each in document.get(which, ()))

    return check


def listens(url: str) -> Check:
    """Ready when connections to this address are taken: with many projects that is later than being connected."""
    address = urlsplit(url)

    async def check() -> bool:
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return False
        writer.close()
        return True

    return check


def both(first: Check, second: Check) -> Check:
    """Ready when both are."""

    async def check() -> bool:
        return await first() and await second()

    return check


def _shared_environment(plan: Plan) -> dict[str, str]:
    settings, ports = plan.settings, plan.ports
    return {
        "TURNOUT_HOME": str(settings.home),
        "TURNOUT_API_URL": plan.api_url,
        "TURNOUT_API_HOST": settings.api.host,
        "TURNOUT_API_PORT": str(ports.api),
        "TURNOUT_GATEWAY_HOST": settings.gateway.host,
        "TURNOUT_GATEWAY_PORT": str(ports.gateway),
        "TURNOUT_GATEWAY_METRICS_PORT": str(ports.gateway_metrics),
        "TURNOUT_GATEWAY_TLS_PORT": str(ports.gateway_tls) if ports.gateway_tls else "off",
        "TURNOUT_RESTATE_INGRESS_URL": plan.ingress_url,
        "TURNOUT_RESTATE_ADMIN_URL": plan.admin_url,
        "TURNOUT_RESTATE_WORKER_HOST": settings.restate.worker_host,
        "TURNOUT_RESTATE_WORKER_PORT": str(ports.worker),
        "TURNOUT_RESTATE_IDENTITY_KEY": plan.identity_key,
        "TURNOUT_KRANE_BACKEND": settings.krane.backend,
        "TURNOUT_VAULT_KEYS_FILE": str(settings.vault_keys_file),
    }
