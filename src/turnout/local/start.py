"""One `turnout up`, from the empty home to the last part that was stopped."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from turnout.domain.errors import Conflict, Invalid
from turnout.local.credentials import ensure_credentials
from turnout.local.draining import Draining
from turnout.local.home import only_supervisor_of, prepare, write_private
from turnout.local.identity import ensure_identity
from turnout.local.inherited import WORKER, Estate, read_estate
from turnout.local.parts import STOP_ORDER, Part, Plan, in_turn, parts, reachable
from turnout.local.ports import Ports, choose_ports, remembered
from turnout.local.processes import end, gateways_of, parts_of
from turnout.local.record import Addresses, forget_running, now, read_running, write_running
from turnout.local.restate import config
from turnout.local.supervisor import Say, Supervisor
from turnout.local.workers import register_worker
from turnout.revision import workflow_revision
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

    On SIGUSR1 this process takes the program that is on the disk by then, which replaces the parts one after another:
    see `upgrade`. `arrange` may put another program in the place of a part; tests do. Raises AlreadyRuns, or the error
    of what could not be started.
    """
    os.umask(0o077)
    settings = load_settings(environ)
    check(settings)
    with only_supervisor_of(settings.home) as alone:
        if not alone:
            raise AlreadyRuns(settings.home)
        stop, hand_over = stop or _stop_signal(), _set_by(signal.SIGUSR1)
        estate = read_estate(settings.home)
        revision = workflow_revision()
        old = estate.old_workers(revision)
        if not estate.handed_over:
            _take_over(settings.home, say, spared={each.pid for each in old})
        write_running(settings.home, since=now(), addresses=None, parts=[each.record for each in estate.processes])
        plan, draining = await _plan(settings, environ, estate, revision, say=say)
        addresses = Addresses(
            api_url=plan.api_url,
            gateway_url=plan.gateway_url,
            dashboard_url=None,
            home=str(settings.home),
            gateway_https_url=plan.gateway_https_url,
        )
        table = arrange(parts(plan))
        supervisor = Supervisor(
            settings.home,
            in_turn(table) if estate.handed_over else table,
            say=say,
            stop_order=STOP_ORDER,
            inherited=estate.parts(revision) if estate.handed_over else None,
            draining=draining,
        )
        told = partial(say, "every part runs the new version") if estate.handed_over else partial(ready, addresses)
        left = False
        try:
            left = await supervisor.run(addresses, stop=stop, ready=told, hand_over=hand_over)
        finally:
            if not left:
                forget_running(settings.home)
        if left:
            say("taking the new version")
            _take_the_new_program()


def _take_the_new_program() -> None:
    """Become what the same command line starts now. The parts stay this process's children.

    Nothing may be put away before: asyncio would end the processes that it has started.
    """
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # its own arguments


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where programs that were installed are kept: shared by all homes."""
    if cache := environ.get("TURNOUT_CACHE"):
        return Path(cache).expanduser().absolute()
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout"


def document(addresses: Addresses) -> dict[str, str | None]:
    """What `turnout up --json` prints."""
    return asdict(addresses)


def _take_over(home: Path, say: Say, *, spared: Collection[int]) -> None:
    """End what a supervisor that was killed has left. All of it may be killed at any time.

    Instances are krane's and go on; so does the gateway's Envoy, which the next gateway adopts, and so do old workers,
    who alone can finish what they have begun.
    """
    left = [process for process in parts_of(home) if process.pid not in spared]
    if left:
        say(f"ending {len(left)} processes that an earlier run has left")
        end(left, grace=0)


def _ports(settings: Settings, *, beside: Collection[str] = ()) -> Ports:
    """The ports; those of our own that still run are ours to take again, but for those who go on `beside`."""
    ours: set[int] = set()
    if gateways_of(settings.home):
        ours |= {port for name in ("gateway", "gateway_tls") if (port := remembered(settings.home, name))}
    if parts_of(settings.home):
        names = ("api", "worker", "restate_ingress", "restate_admin", "restate_node", "gateway_metrics")
        ours |= {port for name in names if name not in beside and (port := remembered(settings.home, name))}
    return choose_ports(settings, ours=ours, beside=beside)


async def _plan(
    settings: Settings, environ: Mapping[str, str], estate: Estate, revision: str, *, say: Say
) -> tuple[Plan, Draining]:
    old = estate.old_workers(revision)
    ports = _ports(settings, beside=(WORKER,) if old else ())
    restate_server: Path | None = None
    identity_key, restate_code = settings.restate.identity_key, ""
    if not settings.restate.ingress_url:
        from turnout.local.restate_binary import ensure_restate_server  # noqa: PLC0415  # not needed otherwise

        restate_server = await ensure_restate_server(cache_folder(environ), say=say)
        folder = settings.home / "restate"
        identity_key = await ensure_identity(folder)
        content = config(
            data=folder / "data",
            identity=folder / "identity.pem",
            ports=ports,
            memory_mib=settings.restate.memory_mib,
            deadline_seconds=settings.deploy.deadline_seconds,
        )
        file = folder / "config.toml"
        if not file.exists() or file.read_text(encoding="utf-8") != content:  # a server that runs would wonder
            write_private(file, content)
        restate_code = _named(restate_server, content)
    api_url = f"http://{reachable(settings.api.host)}:{ports.api}"
    credentials = ensure_credentials(settings.home, api_url=api_url, region=settings.krane.region)

    async def register() -> str:
        registered = await register_worker(plan.admin_url, plan.worker_url, draining=draining.revisions)
        draining.begin(registered)
        return registered

    plan = Plan(
        settings=settings,
        ports=ports,
        token=credentials.token,
        restate_server=restate_server,
        identity_key=identity_key,
        register=register,
        restate_code=restate_code,
    )
    draining = Draining(
        old,
        admin_url=plan.admin_url,
        worker_url=plan.worker_url,
        say=say,
        grace=settings.restate.worker_grace_seconds + 3,
        limit_seconds=2 * settings.deploy.deadline_seconds,
    )
    return plan, draining


def _named(program: Path, configuration: str) -> str:
    """What our own Restate is: another name, and an upgrade starts it again."""
    file = program.stat()
    told = f"{program}\0{file.st_size}\0{file.st_mtime_ns}\0{configuration}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _stop_signal() -> asyncio.Event:
    return _set_by(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _set_by(*numbers: signal.Signals) -> asyncio.Event:
    told = asyncio.Event()
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told
