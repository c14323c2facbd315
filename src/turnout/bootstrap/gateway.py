"""An Envoy, and the service beside it that tells it what to serve."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from turnout.bootstrap.keys import open_boxes
from turnout.bootstrap.shared import MIB, home_id, make_logger, stop_signal
from turnout.domain.errors import Conflict
from turnout.domain.requests import request_log
from turnout.gateway.access_log import AccessLog
from turnout.gateway.admin import Admin
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.checks import Checks
from turnout.gateway.launch import LaunchSettings, find_envoy
from turnout.gateway.metrics import metrics_at
from turnout.gateway.policies.https import Redirect
from turnout.gateway.request_log import RequestLog
from turnout.gateway.sentinel_process import SentinelKeeper, SentinelSettings
from turnout.gateway.service import GatewayService
from turnout.gateway.specs import SpecFolder
from turnout.gateway.supervise import keep_running
from turnout.gateway.tally import Tally
from turnout.settings import Settings
from turnout.store import open_store


async def run_gateway(settings: Settings) -> None:
    """An Envoy, and the service beside it that tells it what to serve."""
    make_logger("gateway")
    tally, logged = Tally(), settings.gateway.access_log == "on"
    sockets = socket_folder(settings.home)
    folder = settings.home / "gateway"
    sentinel = SentinelSettings(
        socket=sockets / "sentinel.sock",
        specs=folder / "specs",
        note=folder / "sentinel.pid.json",
        log=folder / "sentinel.log",
    )
    keeper = SentinelKeeper(sentinel)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls_port = _tls_port(settings)
    ads, admin = f"unix:{sockets / 'ads.sock'}", str(sockets / "envoy.sock")
    envoy = keep_running(
        LaunchSettings(binary=find_envoy(os.environ), folder=folder, admin=admin),
        bootstrap(
            BootstrapSettings(
                # The same after every restart: a gateway that was killed is waited for under its name.
                gateway_id=f"{settings.krane.region}-{home_id(settings.home)[:6]}",
                region=settings.krane.region,
                ads=ads,
                admin=admin,
                sentinel=str(sentinel.socket),
                listen=(settings.gateway.host,),
                port=settings.gateway.port,
                trusted_proxies=settings.gateway.trusted_proxies,
                access_log=AccessLog(path=request_log(settings.home)) if logged else None,
                tls_port=tls_port,
            )
        ),
        stop=stop_signal(),
        grace=settings.gateway.drain_seconds,
    )
    async with (
        # A gateway that starts while the store is away serves what it last knew.
        open_store(settings.database_url, must_answer=False) as store,
        GatewayService(
            source=store,
            journal=store,
            home=settings.home,
            listen=ads,
            keys=open_boxes(settings),
            redirect=_redirect(settings, tls_port),
            checks=Checks(store, SpecFolder(sentinel.specs), keeper),
        ) as service,
        Admin(admin) as envoy_admin,
    ):
        works = [envoy, service.watch()]
        if logged:
            limit = settings.gateway.access_log_mib * MIB
            log = RequestLog(request_log(settings.home), limit_bytes=limit, admin=envoy_admin, tally=tally)
            works.append(log.run())
        with metrics_at(settings.gateway.metrics_port, tally):
            await _first_of(*works)
    # Whoever ends this process by force, or by a fault of ours, leaves it running, as Envoy.
    await keeper.close()
    _leave(sockets, settings.home)


def _leave(sockets: Path, home: Path) -> None:
    """Nothing of a home stays outside of it."""
    if not sockets.is_relative_to(home):
        shutil.rmtree(sockets, ignore_errors=True)


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run them beside each other until one ends, with its error if it has one."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tls_port(settings: Settings) -> int | None:
    """Where a gateway that is started by itself listens for HTTPS; `turnout up` has chosen one for its own."""
    if settings.gateway.tls_port == "off":
        return None
    return 8443 if settings.gateway.tls_port == "auto" else int(settings.gateway.tls_port)


def _redirect(settings: Settings, tls_port: int | None) -> Redirect | None:
    if tls_port is None or settings.gateway.redirect == "off":
        return None
    return Redirect(
        mode="on" if settings.gateway.redirect == "on" else "auto",
        port=settings.gateway.tls_public_port or tls_port,
        hsts_seconds=settings.gateway.hsts_seconds,
    )


def socket_folder(home: Path) -> Path:
    """Where Unix sockets lie: in the home, or, since their paths may have 100 characters only, in a short place."""
    folder = home / "run"
    if len(str(folder)) > 80:
        folder = Path(tempfile.gettempdir()) / f"turnout-{os.getuid()}-{home_id(home)}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise Conflict(f"cannot use {folder}: it belongs to somebody else")
    return folder
