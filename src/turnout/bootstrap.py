"""The one place where parts are put together: settings in, a running part out.

Each `run_…` is the main function of one process and returns when it was told to stop. What a process does
not need is not imported into it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from turnout.domain.errors import Conflict, Invalid, Unavailable, Undecryptable
from turnout.settings import Settings

if TYPE_CHECKING:
    from turnout.domain.manifest import Manifest
    from turnout.domain.proofs import Prover
    from turnout.domain.records import Backend
    from turnout.gateway.policies.https import Redirect
    from turnout.krane.ports import BackendPort
    from turnout.store import Store
    from turnout.vault import Boxes, Vault
    from turnout.workflows.config import IssuingParts

TOKENS_FILE: Final = "tokens.json"
"""In `<home>/run`: the hashes of the tokens that the server is to know, written by whoever starts it."""
KRANE_TOKEN_FILE: Final = "krane.token"  # noqa: S105  # a file's name
"""In `<home>/run`: the token of the krane on this machine."""

_MIB: Final = 1024 * 1024


async def run_server(settings: Settings) -> None:
    """The API, and the dispatcher beside it."""
    import httpx
    import uvicorn

    from turnout.api.app import make_app
    from turnout.api.authority import ensure_authority
    from turnout.api.housekeeping import keep_house
    from turnout.api.logs import LogFiles
    from turnout.api.parts import Parts
    from turnout.builds.garbage import Collector
    from turnout.builds.output import BuildOutput
    from turnout.builds.sources import SourceStore
    from turnout.dispatch import Dispatcher
    from turnout.store import migrate, open_store
    from turnout.vault import MasterKeys

    logger = make_logger("server")
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    await migrate(settings.database_url)
    async with (
        open_store(settings.database_url) as store,
        httpx.AsyncClient(base_url=settings.restate.ingress_url, timeout=10.0, trust_env=False) as ingress,
        httpx.AsyncClient(base_url=settings.restate.admin_url, timeout=10.0, trust_env=False) as admin,
    ):
        await _introduce(store, settings)
        vault = _vault(store, settings)
        # Where something was encrypted they were lost, and new ones would open nothing.
        if not (await store.has_keyrings() or await store.keeps_private_keys()):
            MasterKeys(settings.vault_keys_file).make_if_missing()
        try:
            vault.active_master()
        except Undecryptable as error:  # apps without variables are not to suffer from it
            logger.warning("vault", error=error.detail)
        await ensure_authority(store, _boxes(settings), logger)
        dispatcher = Dispatcher(
            store=store,
            ingress=ingress,
            admin=admin,
            limits=settings.deploy,
            logger=logger,
            acme=settings.acme if settings.acme.email else None,
        )
        parts = Parts(
            store=store,
            vault=vault,
            boxes=_boxes(settings),
            build_output=BuildOutput(settings.home),
            collector=Collector(settings.home),
            sources=SourceStore(
                settings.home, upload_mib=settings.api.upload_mib, unpacked_mib=settings.api.unpacked_mib
            ),
            logs=LogFiles(settings.home / "logs", limit_bytes=settings.krane.output_mib * _MIB),
            settings=settings,
            gateway_url=f"http://{settings.gateway.host}:{settings.gateway.port}",
            restate=dispatcher,
            logger=logger,
        )
        app = make_app(parts)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.api.host,
                port=settings.api.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        async with _background(dispatcher.run()), _background(keep_house(parts)):
            await server.serve()


async def run_worker(settings: Settings) -> None:
    """The workflows, as Restate calls them."""
    from turnout.builds.local import LocalBuilds
    from turnout.store import open_store
    from turnout.workflows import Config, Workflow
    from turnout.workflows.serving import serve

    logger = make_logger("worker")
    async with open_store(settings.database_url) as store:
        vault = _vault(store, settings)

        async def secrets(deployment_id: str, names: tuple[str, ...]) -> dict[str, str]:
            snapshot = await store.snapshot_of(deployment_id=deployment_id)
            named = snapshot.named(names)
            values = await vault.decrypt_bulk([(snapshot.place(each), each.sealed) for each in named])
            return dict(zip((each.name for each in named), values, strict=True))

        workflow = Workflow(
            Config(
                db=store,
                logger=logger,
                vault=vault,
                build_client=LocalBuilds(
                    settings.home, unpacked_mib=settings.api.unpacked_mib, docker=settings.build, secrets=secrets
                ),
                default_domain=settings.gateway.apex,
                available_regions=settings.regions,
                limits=settings.deploy,
                prover=_prover(settings),
                domains=settings.domains,
                issuing=_issuing(settings),
            )
        )
        await serve(workflow, settings.restate)


async def run_krane(settings: Settings, *, stop_instances_on_exit: bool = False) -> None:
    """The agent that runs the instances of one region."""
    from turnout.client import RegionClient
    from turnout.krane.agent import Agent
    from turnout.krane.detect import detect_backends
    from turnout.krane.settings import KraneSettings

    logger = make_logger("krane")
    wanted = settings.krane.backend
    if wanted not in ("auto", "docker", "process"):
        raise Invalid(f"cannot start krane: the backend is auto, docker or process, not {wanted!r}")
    offered = await detect_backends(wanted)  # type: ignore[arg-type]  # checked above
    if not offered:
        raise Unavailable("cannot start krane: no Docker Engine answers here; start it, or use --backend auto")
    token = _read_token(settings.home / "run" / KRANE_TOKEN_FILE)
    async with AsyncExitStack() as stack:
        control_plane = await stack.enter_async_context(RegionClient(_api_url(settings), token, settings.krane.region))
        backends = _backends(offered, settings)
        for backend in backends.values():
            stack.push_async_callback(backend.close)
        agent = Agent(
            control_plane,
            backends,
            KraneSettings(
                home=settings.home,
                region=settings.krane.region,
                grace=settings.krane.stop_seconds,
                stop_instances_on_exit=stop_instances_on_exit,
            ),
            logger,
        )
        await agent.run(_stop_signal())


async def stop_instances(settings: Settings) -> tuple[str, ...]:
    """End what a krane that was killed has left; returns the ids. Raises Conflict while a krane lives.

    Containers too, when an engine answers; without one there is nothing that could be stopped.
    """
    from turnout.domain.records import Backend
    from turnout.krane.detect import detect_backends
    from turnout.krane.farewell import stop_everything

    backends = _backends(await detect_backends("docker"), settings)
    try:
        return await stop_everything(
            settings.home,
            grace=settings.krane.stop_seconds,
            others=[backends[each] for each in (Backend.DOCKER,) if each in backends],
        )
    finally:
        for backend in backends.values():
            await backend.close()


async def run_gateway(settings: Settings) -> None:
    """An Envoy, and the service beside it that tells it what to serve."""
    from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
    from turnout.gateway.launch import LaunchSettings, find_envoy
    from turnout.gateway.service import GatewayService
    from turnout.gateway.supervise import keep_running
    from turnout.store import open_store

    make_logger("gateway")
    sockets = _socket_folder(settings.home)
    folder = settings.home / "gateway"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls_port = _tls_port(settings)
    ads, admin = f"unix:{sockets / 'ads.sock'}", str(sockets / "envoy.sock")
    envoy = keep_running(
        LaunchSettings(binary=find_envoy(os.environ), folder=folder, admin=admin),
        bootstrap(
            BootstrapSettings(
                # The same after every restart: a gateway that was killed is waited for under its name.
                gateway_id=f"{settings.krane.region}-{_home_id(settings.home)[:6]}",
                region=settings.krane.region,
                ads=ads,
                admin=admin,
                listen=(settings.gateway.host,),
                port=settings.gateway.port,
                tls_port=tls_port,
            )
        ),
        stop=_stop_signal(),
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
            keys=_boxes(settings),
            redirect=_redirect(settings, tls_port),
        ) as service,
    ):
        await _first_of(envoy, service.watch())


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


def make_logger(part: str) -> Any:
    """A logger that writes JSON lines to standard error, each with the part's name."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    for chatty in ("httpx", "httpcore", "hypercorn", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return structlog.get_logger().bind(part=part)


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


def _vault(store: Store, settings: Settings) -> Vault:
    from turnout.vault import MasterKeys, Vault

    return Vault(store, MasterKeys(settings.vault_keys_file))


def _prover(settings: Settings) -> Prover:
    from turnout.domain.resolvers import parse_resolvers
    from turnout.proofs import Lookups, NetProver, WebPages

    lookups = Lookups(resolvers=parse_resolvers(settings.dns.resolvers), timeout=settings.dns.timeout_seconds)
    pages = WebPages(
        lookups,
        port=settings.domains.http_port,
        timeout=settings.domains.http_seconds,
        private=settings.domains.private_addresses == "allow",
    )
    return NetProver(records=lookups, pages=pages)


def _issuing(settings: Settings) -> IssuingParts | None:
    """None when nobody has agreed to an ACME server's terms."""
    asked = settings.acme
    if not asked.email:
        return None
    from turnout.acme import AcmeClient, external_account
    from turnout.domain.issuing_keys import KeyType
    from turnout.workflows.config import IssuingParts

    return IssuingParts(
        acme=AcmeClient(
            asked.directory,
            contact=asked.email,
            ca_file=Path(asked.ca_file).expanduser() if asked.ca_file else None,
            external_account=partial(external_account, asked.eab_kid, asked.eab_key_file),
        ),
        boxes=_boxes(settings),
        key_type=KeyType(asked.key_type),
        order_seconds=asked.order_seconds,
    )


def _boxes(settings: Settings) -> Boxes:
    from turnout.vault import Boxes, MasterKeys

    return Boxes(MasterKeys(settings.vault_keys_file))


def _tls_port(settings: Settings) -> int | None:
    """Where a gateway that is started by itself listens for HTTPS; `turnout up` has chosen one for its own."""
    if settings.gateway.tls_port == "off":
        return None
    return 8443 if settings.gateway.tls_port == "auto" else int(settings.gateway.tls_port)


def _redirect(settings: Settings, tls_port: int | None) -> Redirect | None:
    from turnout.gateway.policies.https import Redirect

    if tls_port is None or settings.gateway.redirect == "off":
        return None
    return Redirect(
        mode="on" if settings.gateway.redirect == "on" else "auto",
        port=settings.gateway.tls_public_port or tls_port,
        hsts_seconds=settings.gateway.hsts_seconds,
    )


def _backends(offered: tuple[Backend, ...], settings: Settings) -> dict[Backend, BackendPort]:
    from turnout.domain.records import Backend
    from turnout.krane.process import ProcessBackend

    limit = settings.krane.output_mib * _MIB
    backends: dict[Backend, BackendPort] = {}
    if Backend.PROCESS in offered:
        backends[Backend.PROCESS] = ProcessBackend(
            home=settings.home, releases=settings.home / "releases", output_limit=limit
        )
    if Backend.DOCKER in offered:
        from turnout.krane.docker import DockerBackend

        backends[Backend.DOCKER] = DockerBackend(
            home=settings.home, home_id=_home_id(settings.home), output_limit=limit
        )
    return backends


@asynccontextmanager
async def _background(work: Any) -> AsyncIterator[None]:
    """Run `work` beside the block, and end it with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Conflict(f"cannot start krane: {file} cannot be read ({error.strerror}); run `turnout up` once") from None


def _api_url(settings: Settings) -> str:
    return os.environ.get("TURNOUT_API_URL") or f"http://{settings.api.host}:{settings.api.port}"


def _home_id(home: Path) -> str:
    """Tells the containers of several homes on one engine apart; drawn once, since two machines may name a
    home alike and share an engine."""
    file = home / "run" / "home-id"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError), file.open("x") as fresh:
        fresh.write(secrets.token_hex(8))
    return file.read_text()


def _socket_folder(home: Path) -> Path:
    """Where Unix sockets lie: in the home, or, since their paths may have 100 characters only, in a short place."""
    import tempfile

    folder = home / "run"
    if len(str(folder)) > 80:
        folder = Path(tempfile.gettempdir()) / f"turnout-{os.getuid()}-{_home_id(home)}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise Conflict(f"cannot use {folder}: it belongs to somebody else")
    return folder


def pack_folder(folder: Path, destination: Path, *, limit_mib: int) -> Any:
    """Pack a source folder for upload: see `turnout.builds.pack`."""
    from turnout.builds.pack import pack_folder as pack

    return pack(folder, destination, limit_mib=limit_mib)


def dockerfile_of(folder: Path, manifest: Manifest) -> tuple[str, bool]:
    """The Dockerfile that an image of the folder is built by, and whether it is generated. Raises Invalid."""
    from turnout.builds.context import DOCKERFILE
    from turnout.builds.dockerfile import generate

    file = folder / (manifest.build.dockerfile or DOCKERFILE)
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace"), False
    text = generate(
        {path.name for path in folder.iterdir()},
        run_command=manifest.run_command,
        build_command=manifest.build_command,
        base=manifest.build.base,
    )
    return text, True
