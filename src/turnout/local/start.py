"""One `turnout up`, from the empty home to the last part that was stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from turnout.domain.errors import Conflict, Invalid
from turnout.local.credentials import ensure_credentials
from turnout.local.home import only_supervisor_of, prepare, write_private
from turnout.local.identity import ensure_identity
from turnout.local.parts import STOP_ORDER, Part, Plan, parts, reachable
from turnout.local.ports import Ports, choose_ports, remembered
from turnout.local.processes import end, gateways_of, parts_of
from turnout.local.record import Addresses, forget_running, now, read_running, write_running
from turnout.local.restate import config, register_worker
from turnout.local.supervisor import Say, Supervisor
from turnout.settings import Settings, load_settings

Ready = Callable[[Addresses], None]
Arrange = Callable[[tuple[Part, ...]], tuple[Part, ...]]


class AlreadyRuns(Conflict):
    """Another supervisor has this home."""

    def __init__(self, home: Path) -> None:
        running = read_running(home)
        super().__init__(f"cannot start in {home}: it runs already there; stop it with `turnout down`")
        self.addresses = running.addresses if running else None


def check(settings: Settings) -> None:
    """See that `up` can begin: the home can be used, nobody else has it, and the ports that are set are free."""
    if bool(settings.restate.ingress_url) != bool(settings.restate.admin_url):
        raise Invalid(
            "cannot use one half of a Restate server: set TURNOUT_RESTATE_INGRESS_URL and "
            "TURNOUT_RESTATE_ADMIN_URL, or neither"
        )
    prepare(settings.home)
    with only_supervisor_of(settings.home) as alone:
        if not alone:
            raise AlreadyRuns(settings.home)
        _ports(settings)


async def up(
    environ: Mapping[str, str],
    *,
    say: Say,
    ready: Ready,
    stop: asyncio.Event | None = None,
    arrange: Arrange = tuple,
) -> None:
    """Start everything, call `ready`, and stay until SIGTERM, SIGINT or SIGHUP. Nothing is left then.

    `arrange` may put another program in the place of a part; tests do. Raises AlreadyRuns, or the error of what could
    not be started.
    """
    os.umask(0o077)
    settings = load_settings(environ)
    check(settings)
    with only_supervisor_of(settings.home) as alone:
        if not alone:
            raise AlreadyRuns(settings.home)
        stop = stop or _stop_signal()
        write_running(settings.home, since=now(), addresses=None, parts=())
        _take_over(settings.home, say)
        plan = await _plan(settings, environ, say=say)
        addresses = Addresses(
            api_url=plan.api_url,
            gateway_url=plan.gateway_url,
            dashboard_url=None,
            home=str(settings.home),
            gateway_https_url=plan.gateway_https_url,
        )
        supervisor = Supervisor(settings.home, arrange(parts(plan)), say=say, stop_order=STOP_ORDER)
        try:
            await supervisor.run(addresses, stop=stop, ready=partial(ready, addresses))
        finally:
            forget_running(settings.home)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where programs that were installed are kept: shared by all homes."""
    if cache := environ.get("TURNOUT_CACHE"):
        return Path(cache).expanduser().absolute()
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout"


def document(addresses: Addresses) -> dict[str, str | None]:
    """What `turnout up --json` prints."""
    return asdict(addresses)


def _take_over(home: Path, say: Say) -> None:
    """End what a supervisor that was killed has left. All of it may be killed at any time.

    Instances are krane's and go on; so does the gateway's Envoy, which the next gateway adopts.
    """
    left = parts_of(home)
    if left:
        say(f"ending {len(left)} processes that an earlier run has left")
        end(left, grace=0)


def _ports(settings: Settings) -> Ports:
    """The ports; those of our own that still run are ours to take again."""
    ours: set[int] = set()
    if gateways_of(settings.home):
        ours |= {port for name in ("gateway", "gateway_tls") if (port := remembered(settings.home, name))}
    if parts_of(settings.home):
        names = ("api", "worker", "restate_ingress", "restate_admin", "restate_node", "gateway_metrics")
        ours |= {port for name in names if (port := remembered(settings.home, name))}
    return choose_ports(settings, ours=ours)


async def _plan(settings: Settings, environ: Mapping[str, str], *, say: Say) -> Plan:
    ports = _ports(settings)
    restate_server: Path | None = None
    identity_key = settings.restate.identity_key
    if not settings.restate.ingress_url:
        from turnout.local.restate_binary import ensure_restate_server  # noqa: PLC0415  # not needed otherwise

        restate_server = await ensure_restate_server(cache_folder(environ), say=say)
        folder = settings.home / "restate"
        identity_key = await ensure_identity(folder)
        write_private(
            folder / "config.toml",
            config(
                data=folder / "data",
                identity=folder / "identity.pem",
                ports=ports,
                memory_mib=settings.restate.memory_mib,
                deadline_seconds=settings.deploy.deadline_seconds,
            ),
        )
    api_url = f"http://{reachable(settings.api.host)}:{ports.api}"
    credentials = ensure_credentials(settings.home, api_url=api_url, region=settings.krane.region)

    async def register() -> None:
        await register_worker(plan.admin_url, plan.worker_url)

    plan = Plan(
        settings=settings,
        ports=ports,
        token=credentials.token,
        restate_server=restate_server,
        identity_key=identity_key,
        register=register,
    )
    return plan


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
