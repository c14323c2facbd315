"""The API, and the dispatcher beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, Final

import httpx
import uvicorn

from turnout.api.app import make_app
from turnout.api.authority import ensure_authority
from turnout.api.housekeeping import keep_house
from turnout.api.logs import LogFiles
from turnout.api.parts import Parts
from turnout.api.serving import served
from turnout.backups.restored import settle_restored
from turnout.bootstrap.keys import open_boxes, open_vault
from turnout.bootstrap.shared import MIB, make_logger
from turnout.builds.garbage import Collector
from turnout.builds.local import LocalBuilds
from turnout.builds.output import BuildOutput
from turnout.builds.sources import SourceStore
from turnout.dispatch import Dispatcher
from turnout.domain.errors import Undecryptable
from turnout.settings import Settings
from turnout.store import Store, migrate, open_store
from turnout.vault import MasterKeys
from turnout.watchdog import DurableSide, Stranded, Watchdog

TOKENS_FILE: Final = "tokens.json"
"""In `<home>/run`: the hashes of the tokens that the server is to know, written by whoever starts it."""


async def run_server(settings: Settings) -> None:
    """The API, and the dispatcher beside it."""
    logger = make_logger("server")
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    await migrate(settings.database_url)
    async with (
        open_store(settings.database_url) as store,
        httpx.AsyncClient(base_url=settings.restate.ingress_url, timeout=10.0, trust_env=False) as ingress,
        httpx.AsyncClient(base_url=settings.restate.admin_url, timeout=10.0, trust_env=False) as admin,
    ):
        await settle_restored(store, settings.home, logger)
        await _introduce(store, settings)
        vault = open_vault(store, settings)
        # Where something was encrypted they were lost, and new ones would open nothing.
        if not (await store.has_keyrings() or await store.keeps_private_keys()):
            MasterKeys(settings.vault_keys_file).make_if_missing()
        try:
            vault.active_master()
        except Undecryptable as error:  # apps without variables are not to suffer from it
            logger.warning("vault", error=error.detail)
        await ensure_authority(store, open_boxes(settings), logger)
        dispatcher = Dispatcher(
            store=store,
            ingress=ingress,
            admin=admin,
            limits=settings.deploy,
            logger=logger,
            acme=settings.acme if settings.acme.email else None,
        )
        watchdog = Watchdog(
            store=store,
            restate=DurableSide(admin, worker_url=_worker_url(settings)),
            sender=dispatcher,
            builds=LocalBuilds(settings.home),
            regions=settings.regions,
            warm_seconds=settings.deploy.keep_warm_seconds + settings.deploy.overdue_grace_seconds,
            logger=logger,
        )
        stranded = Stranded(store=store, admin=admin, logger=logger)
        parts = Parts(
            store=store,
            vault=vault,
            boxes=open_boxes(settings),
            build_output=BuildOutput(settings.home),
            collector=Collector(settings.home),
            sources=SourceStore(
                settings.home, upload_mib=settings.api.upload_mib, unpacked_mib=settings.api.unpacked_mib
            ),
            logs=LogFiles(settings.home / "logs", limit_bytes=settings.krane.output_mib * MIB),
            settings=settings,
            gateway_url=f"http://{settings.gateway.host}:{settings.gateway.port}",
            restate=dispatcher,
            watchdog=watchdog,
            logger=logger,
        )
        server = uvicorn.Server(served(make_app(parts), settings.api))
        await _serve(server, dispatcher.run(), stranded.run(), watchdog.run(), keep_house(parts))


def _worker_url(settings: Settings) -> str | None:
    """Where the worker on this machine is; None when nobody said on which port."""
    host, port = settings.restate.worker_host, settings.restate.worker_port
    if not port:
        return None
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  # compared with, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _introduce(store: Store, settings: Settings) -> None:
    """Make the default workspace, and let the store know the tokens that were made for this home."""
    workspace = await store.ensure_workspace(slug="default")
    file = settings.home / "run" / TOKENS_FILE
    if not file.exists():
        return
    for token in json.loads(file.read_text()):
        if await store.find_token(token_hash=token["hash"]) is None:
            await store.add_token(
                name=token["name"],
                access=token["access"],
                workspace_id=workspace.id,
                region=token.get("region"),
                token_hash=token["hash"],
            )


async def _serve(server: uvicorn.Server, *beside: Coroutine[Any, Any, None]) -> None:
    """Serve until told to stop. None of what runs `beside` ends by itself: when one does, all end, with its error.

    A server without its dispatcher would accept operations that nobody begins; one that ends is started again.
    """
    async with asyncio.TaskGroup() as group:
        others = [group.create_task(each) for each in beside]
        await server.serve()
        for each in others:
            each.cancel()
