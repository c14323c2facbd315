"""A real Envoy with a real sentinel beside it, and apps whose documents the gateway knows: the lab of the tests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from yarl import URL

from tests.contract.validation_cases import JSON, Case
from turnout.domain.errors import Unavailable
from turnout.domain.validation import Validation
from turnout.domain.views import GuardView, ProjectView, RouteView, TargetView
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.checks import Checks
from turnout.gateway.launch import Envoy, LaunchSettings, find_envoy, launch
from turnout.gateway.sentinel_process import SentinelKeeper, SentinelSettings
from turnout.gateway.service import GatewayService
from turnout.gateway.specs import SpecFolder
from turnout.gateway.testing import MemoryStore

GATEWAY = "gw-test"
HOST = "shop.example"
ON = Validation(enabled=True)
TEXT_OF_A_BODY = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}


def document(paths: dict[str, Any], schemas: dict[str, Any] | None = None) -> dict[str, Any]:
    """A whole document with these paths."""
    info = {"title": "t", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas or {}}}


def takes(schema: dict[str, Any]) -> dict[str, Any]:
    """An operation with a JSON body."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}, "responses": {}}


NOTES = document({"/notes": {"post": takes(TEXT_OF_A_BODY), "get": {"responses": {}}}})


@dataclass(kw_only=True)
class DocumentStore(MemoryStore):
    """With documents."""

    documents: dict[str, bytes] = field(default_factory=dict)

    def add(self, document: dict[str, Any] | bytes) -> str:
        """Keep a document; returns its id."""
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        spec_id = hashlib.sha256(text).hexdigest()
        self.documents[spec_id] = text
        return spec_id

    async def checkable_document(self, spec_id: str) -> bytes | None:
        """As the store has it."""
        if self.away:
            raise Unavailable("the store is away, as the test asked")
        return self.documents.get(spec_id)


class Lab:
    """One gateway whose routes are checked."""

    def __init__(self, folder: Path, linger: float) -> None:
        self.folder = folder
        self.linger = linger
        self.store = DocumentStore()
        self.port = _free_port()
        self.settings = BootstrapSettings(
            gateway_id=GATEWAY,
            region="here",
            ads=f"unix:{folder}/ads.sock",
            admin=f"{folder}/admin.sock",
            sentinel=f"{folder}/sentinel.sock",
            port=self.port,
        )
        self.service: GatewayService
        self.keeper: SentinelKeeper
        self.envoy: Envoy
        self.client: aiohttp.ClientSession

    async def start_service(self) -> None:
        gateway = self.folder / "gateway"
        gateway.mkdir(exist_ok=True)
        self.keeper = SentinelKeeper(
            SentinelSettings(
                socket=self.folder / "sentinel.sock",
                specs=gateway / "specs",
                note=gateway / "sentinel.pid.json",
                log=gateway / "sentinel.log",
            ),
            linger=self.linger,
        )
        checks = Checks(self.store, SpecFolder(gateway / "specs"), self.keeper, linger=self.linger)
        self.service = GatewayService(
            source=self.store, journal=self.store, home=self.folder, listen=self.settings.ads, checks=checks
        )
        await self.service.start()

    async def start_envoy(self) -> None:
        launching = LaunchSettings(
            binary=find_envoy(os.environ), folder=self.folder, admin=self.settings.admin, concurrency=2
        )
        self.envoy = await launch(launching, bootstrap(self.settings))
        await self.envoy.ready(timeout=10)

    async def stop(self) -> None:
        await self.envoy.stop(grace=0)
        await self.service.stop()
        await self.keeper.close()
        for log in (self.folder / "envoy.log", self.folder / "gateway" / "sentinel.log"):
            with suppress(OSError):
                print(log.read_text())  # noqa: T201  # shown when a test fails
        shutil.rmtree(self.folder)

    def view(self, address: str, spec_id: str | None, validation: Validation = ON) -> ProjectView:
        """The project `prj_1`, whose one domain leads to a deployment and is guarded like this."""
        guard = GuardView(openapi_spec_id=spec_id, validation=validation)
        return ProjectView(
            project_id="prj_1",
            routes=(RouteView(fqdn=HOST, deployment_id="dep_1", guard=guard),),
            targets=(TargetView(deployment_id="dep_1", addresses=(address,)),),
        )

    async def route(self, address: str, spec_id: str | None, validation: Validation = ON) -> None:
        """Serve that view."""
        await self.put(self.view(address, spec_id, validation))

    async def put(self, view: ProjectView) -> None:
        """A routing transaction, and what the gateway makes of it."""
        generation = await self.store.put(view)
        await self.store.until_acknowledged(generation, by=GATEWAY, timeout=60)

    async def send(self, case: Case, base: str = "", host: str = HOST) -> tuple[int, Any]:
        """Send the request, byte by byte as it stands; returns status and document."""
        headers = [("host", host), *case.headers]
        if case.content_type is not None:
            headers.append(("content-type", case.content_type))
        url = URL(f"http://127.0.0.1:{self.port}{base}{case.target}", encoded=True)
        async with self.client.request(case.method, url, headers=headers, data=case.body) as response:
            text = await response.read()
            is_json = "json" in response.headers.get("content-type", "")
            return response.status, json.loads(text) if is_json and text else text

    async def raw(self, request: bytes) -> bytes:
        """Send bytes, and read to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def lab(*, linger: float = 60.0) -> AsyncIterator[Lab]:
    """A gateway without projects, its Envoy ready; no sentinel, since nobody needs one."""
    made = Lab(Path(tempfile.mkdtemp(prefix="turnout-")), linger)
    await made.start_service()
    await made.start_envoy()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as made.client:
            yield made
    finally:
        await made.stop()


class Recorder:
    """An app that takes everything, says its name, and remembers what it was sent."""

    def __init__(self, name: str = "app") -> None:
        self.name = name
        self.seen: list[str] = []
        self.address = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(f"{scope['method']} {scope['path']}")
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", self.name.encode())]})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The app, really served; yields its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def named(document: Any) -> list[tuple[str, str]]:
    """The violations of an answer, as a case has them."""
    return sorted((each["in"], each["name"]) for each in document["violations"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
