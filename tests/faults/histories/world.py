"""Where a history happens: a store, the API, a dispatcher, a worker that can be killed, a real Restate; krane and the
gateway are played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from tests.contract.test_api_variables import Watchdog
from tests.faults.histories.picture import Picture, as_served, read_tables
from tests.faults.histories.played import Gateway, Krane
from tests.faults.histories.worker import Work, Worker
from tests.support import CERTIFICATES, patiently
from tests.workflows.lab import Restate, free_port, registered
from turnout.api.app import make_app
from turnout.api.logs import LogFiles
from turnout.api.parts import Parts
from turnout.builds.garbage import Collector
from turnout.builds.output import BuildOutput
from turnout.builds.sources import SourceStore
from turnout.dispatch import Dispatcher
from turnout.domain.tokens import hash_token
from turnout.settings import Settings, load_settings
from turnout.store import Store, migrate, open_store
from turnout.vault import Boxes, MasterKeys, Vault

PROPAGATION_SECONDS: Final = 4.0
_TOKEN: Final = "a-token-of-the-history"
_LIMITS: Final = {
    "TURNOUT_DEPLOY_DEADLINE_SECONDS": "600",
    "TURNOUT_DEPLOY_READY_GRACE_SECONDS": "0.3",
    "TURNOUT_DEPLOY_PROPAGATION_SECONDS": f"{PROPAGATION_SECONDS}",
    "TURNOUT_DEPLOY_OPENAPI_SECONDS": "0.2",
    "TURNOUT_DEPLOY_RETRY_SECONDS": "120",
    "TURNOUT_DEPLOY_OBSERVE_SECONDS": "0",
    "TURNOUT_DEPLOY_KEEP_STOPPED": "2",
    "TURNOUT_DOMAINS_RECHECK_SECONDS": "0.1",
}
_AS_JSON: Final = {"accept": "application/json"}
_AT_WORK: Final = "SELECT id, target, status FROM sys_invocation WHERE status NOT IN ('completed', 'scheduled')"


@dataclass
class World:
    """All of it."""

    settings: Settings
    store: Store
    restate: Restate
    ingress: httpx.AsyncClient
    admin: httpx.AsyncClient
    worker: Worker
    worker_log: Path
    krane: Krane
    gateway: Gateway
    api: httpx.AsyncClient
    logger: Any
    server_is_there: asyncio.Event = field(default_factory=asyncio.Event)
    answers: list[str] = field(default_factory=list)
    """All that the API has answered, but for what it tells once."""
    _server: asyncio.Task[None] | None = None

    def dispatcher(self) -> Dispatcher:
        """One more."""
        return Dispatcher(
            store=self.store, ingress=self.ingress, admin=self.admin, limits=self.settings.deploy, logger=self.logger
        )

    async def start_server(self) -> None:
        """The dispatcher works, and the API answers."""
        self._server = asyncio.create_task(self.dispatcher().run())
        self.server_is_there.set()

    async def stop_server(self) -> None:
        """Both are away."""
        self.server_is_there.clear()
        if self._server is not None:
            await ended(self._server)

    async def ask(self, method: str, path: str, *, told_once: bool = False, **more: Any) -> httpx.Response:
        """A request to the API, as soon as it is there."""
        await self.server_is_there.wait()
        answer = await self.api.request(method, path, **more)
        if not told_once:
            self.answers.append(answer.text)
        return answer

    async def restate_is_at(self) -> tuple[str, ...]:
        """The calls that have not ended and are not to be made later."""
        return tuple(f"{row['target']} ({row['status']})" for row in await self.query(_AT_WORK))

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Ask Restate about itself; while it is on its way back, again."""
        async with patiently(30):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await self.admin.post("/query", json={"query": sql}, headers=_AS_JSON)
                    if answer.status_code == 200:
                        rows: list[dict[str, Any]] = answer.json()["rows"]
                        return rows
                await asyncio.sleep(0.1)

    async def picture(self, *, with_restate: bool) -> Picture:
        """All there is now."""
        invocations = await self.restate_is_at() if with_restate else None
        return Picture(
            tables=await read_tables(self.store),
            krane_runs={name: said.status for name, said in self.krane.runs.items()},
            gateway_serves=as_served(self.gateway.projects.values()),
            went_dark=tuple(self.gateway.went_dark),
            invocations=invocations,
        )


@asynccontextmanager
async def open_world(
    restate: Restate, folder: Path, *, warm: bool, database_url: str | None = None
) -> AsyncIterator[World]:
    """A new world in an empty folder, around a running Restate."""
    database_url = database_url or f"sqlite+aiosqlite:///{folder / 'turnout.db'}"
    settings = load_settings(
        {"TURNOUT_HOME": str(folder), "TURNOUT_DATABASE_URL": database_url, **_LIMITS}
        | {"TURNOUT_DEPLOY_KEEP_WARM_SECONDS": "3600" if warm else "0.3"}
    )
    await migrate(database_url)
    async with contextlib.AsyncExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("a"))
        logger = structlog.wrap_logger(structlog.PrintLogger(log))
        store = await stack.enter_async_context(open_store(database_url))
        ingress = await stack.enter_async_context(_client(restate.ingress))
        admin = await stack.enter_async_context(_client(restate.admin))
        work = Work(
            folder=folder,
            database_url=database_url,
            port=free_port(),
            limits=settings.deploy,
            domains=settings.domains,
        )
        world = World(
            settings=settings,
            store=store,
            restate=restate,
            ingress=ingress,
            admin=admin,
            worker=Worker(work),
            worker_log=work.log,
            krane=Krane(store),
            gateway=Gateway(store),
            api=await stack.enter_async_context(await _api(store, settings, logger)),
            logger=logger,
        )
        for part in (world.worker.keep(), world.krane.work(), world.gateway.work()):
            _in_background(stack, part)
        await registered(admin, work.port)
        await world.start_server()
        stack.push_async_callback(world.stop_server)
        yield world


def _client(port: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, verify=CERTIFICATES)


async def _api(store: Store, settings: Settings, logger: Any) -> httpx.AsyncClient:
    masters = MasterKeys(settings.vault_keys_file)
    masters.make_if_missing()
    workspace = await store.ensure_workspace(slug="default")
    await store.add_token(
        name="alice", access="admin", workspace_id=workspace.id, region=None, token_hash=hash_token(_TOKEN)
    )
    parts = Parts(
        store=store,
        vault=Vault(store, masters),
        boxes=Boxes(masters),
        build_output=BuildOutput(settings.home),
        collector=Collector(settings.home),
        sources=SourceStore(settings.home, upload_mib=1, unpacked_mib=1),
        logs=LogFiles(settings.home / "logs", limit_bytes=1000),
        settings=settings,
        gateway_url="http://127.0.0.1:8000",
        restate=_Anyway(),
        watchdog=Watchdog(),
        logger=logger,
    )
    transport = httpx.ASGITransport(make_app(parts), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {_TOKEN}"}
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers, timeout=60)


class _Anyway:
    async def restate_is_up(self) -> bool:
        """It is asked for nothing but a sentence."""
        return True


def _in_background(stack: contextlib.AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    stack.push_async_callback(ended, asyncio.create_task(work))


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel it, and wait for that."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
