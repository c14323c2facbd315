"""Serves the workflows to Restate over HTTP/2, and ends in time when told to."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any, Final

import restate
import structlog
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from restate.server import install_shutdown_hook

from turnout.domain.errors import Conflict
from turnout.settings import RestateSettings
from turnout.workflows.refusing import telling_of_refusals
from turnout.workflows.revisions import only_of
from turnout.workflows.workflow import Workflow

_CANCELLATIONS: Final = 4
_GOODBYE_SECONDS: Final = 0.5


async def serve(
    workflow: Workflow, settings: RestateSettings, logger: Any = None, *, revision: str | None = None
) -> None:
    """Serve until SIGTERM. Calls that the Restate server has not signed are refused when a key is configured.

    With a `revision`, so are calls that were begun by another one: see `revisions`.
    Raises Conflict when the address cannot be had, or when there is no key and others than this machine could call.
    Steps in flight get the configured grace; what is cut off then is done again by whoever comes next.
    """
    if not settings.identity_key and not _is_loopback(settings.worker_host):
        raise Conflict(
            f"cannot start the worker: it would take calls from everybody who reaches {settings.worker_host}; set "
            "TURNOUT_RESTATE_IDENTITY_KEY to the public key that your Restate server signs its calls with"
        )
    app = restate.app(
        workflow.services(),
        protocol="bidi",
        identity_keys=[settings.identity_key] if settings.identity_key else None,
    )
    if revision is not None:
        app = only_of(revision, app)
    config = HypercornConfig()
    config.bind = [f"{settings.worker_host}:{settings.worker_port}"]
    config.graceful_timeout = settings.worker_grace_seconds
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h2_max_concurrent_streams = 1000
    told = asyncio.Event()
    # The SDK has a SIGTERM handler of its own, and asyncio keeps one a signal: ours is hung up beside it.
    install_shutdown_hook(asyncio.get_running_loop(), told.set)
    serving = asyncio.create_task(
        hypercorn_serve(telling_of_refusals(app, logger or structlog.get_logger()), config, shutdown_trigger=told.wait)
    )
    stopping = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not told.is_set():
            await _explained(serving, config.bind[0])
        # Streams from Restate stay open while their handlers wait; the server does not end them by itself.
        await asyncio.wait({serving}, timeout=settings.worker_grace_seconds)
    finally:
        stopping.cancel()
        await _ended(serving)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _ended(serving: asyncio.Task[None]) -> None:
    """End the server for good.

    A handler that waits clings to its connection until Restate closes it, a minute later, and catches the first
    cancellation in order to say goodbye. What it has not done is done by the next worker.
    """
    for _ in range(_CANCELLATIONS):
        serving.cancel()
        done, _pending = await asyncio.wait({serving}, timeout=_GOODBYE_SECONDS)
        if done:
            return


async def _explained(serving: asyncio.Task[None], address: str) -> None:
    try:
        await serving
    except OSError as error:
        raise Conflict(f"cannot start the worker: {address}: {error.strerror}") from None
