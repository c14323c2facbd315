"""Calls to the worker from others than its Restate: refused, told in the log, and nothing is done."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from structlog.testing import capture_logs

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store, yard
from tests.contract.store_kit import Yard
from tests.faults.hostile.signatures import DISCOVER, FORGERIES, INVOKE, SCHEME, TOKEN, Signer
from tests.faults.rows import Row
from tests.support import patiently
from tests.workflows.lab import Restate, free_port
from turnout.domain.errors import Conflict
from turnout.local.identity import make_identity
from turnout.settings import RestateSettings
from turnout.workflows import Config, Workflow
from turnout.workflows.serving import serve

__all__ = ["clock", "database_url", "postgres_template", "sqlite_template", "store", "yard"]  # fixtures

pytestmark = pytest.mark.fault(Row.HOSTILE)

MANIFEST = "application/vnd.restate.endpointmanifest.v4+json"


@dataclass
class Worker:
    """A worker that knows one key, and a client that speaks to it as Restate does."""

    signer: Signer
    client: httpx.AsyncClient
    port: int
    identity: Path

    async def call(self, path: str, headers: dict[str, str]) -> httpx.Response:
        """As Restate calls it."""
        if path == DISCOVER:
            return await self.client.get(path, headers={"accept": MANIFEST, **headers})
        kind = {"content-type": "application/vnd.restate.invocation.v5"}
        return await self.client.post(path, headers={**kind, **headers}, content=b"\0" * 16)


def signer(folder: Path) -> Signer:
    """A fresh key, made as `turnout up` makes it."""
    folder.mkdir()
    make_identity(folder)
    key = load_pem_private_key((folder / "identity.pem").read_bytes(), None)
    return Signer(key, (folder / "identity.pub").read_text().strip())  # type: ignore[arg-type]


@asynccontextmanager
async def running(yard: Yard, folder: Path) -> AsyncIterator[Worker]:
    """The real workflows, served as in production."""
    mine, port = signer(folder / "run"), free_port()
    settings = RestateSettings(worker_port=port, worker_grace_seconds=0.2, identity_key=mine.public)
    workflow = Workflow(Config(db=yard.store, logger=structlog.get_logger()))
    serving = asyncio.create_task(serve(workflow, settings))
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(http1=False, http2=True, base_url=base, timeout=30, trust_env=False) as client:
        async with patiently(10):
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    await client.get("/restate/health")
                    break
                await asyncio.sleep(0.02)
        yield Worker(mine, client, port, folder / "run" / "identity.pem")
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def test_calls_that_restate_has_not_signed(yard: Yard, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """401 for discovery and for every handler, before anything of the call is read."""
    await yard.ship()
    before = await yard.dump()
    other = signer(tmp_path / "other")
    with capture_logs() as lines:
        async with running(yard, tmp_path) as worker:
            for path in (DISCOVER, INVOKE):
                for name, forge in FORGERIES.items():
                    with subtests.test(f"{path}: {name}"):
                        answer = await worker.call(path, dict(forge(worker.signer, other, path)))
                        assert answer.status_code == 401
                        assert answer.content == b""
            with subtests.test("signed as Restate signs"):
                good = {SCHEME: "v1", TOKEN: worker.signer.sign(DISCOVER)}
                manifest = (await worker.call(DISCOVER, good)).json()
                services = {each["name"] for each in manifest["services"]}
                assert "Routing" in services
            for service in manifest["services"]:
                for handler in service["handlers"]:
                    path = f"/invoke/{service['name']}/{handler['name']}"
                    with subtests.test(f"{path}: nothing"):
                        assert (await worker.call(path, {})).status_code == 401
    with subtests.test("told once"):
        (line,) = [each for each in lines if each["event"] == "worker.unsigned"]
        assert (line["asked"], line["client"]) == ("GET /discover", "127.0.0.1")
    with subtests.test("nothing changed"):
        assert await yard.dump() == before


async def test_what_restate_signed_is_no_good_for_anything_else(
    yard: Yard, tmp_path: Path, restate_binary: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """A genuine signature of a real server, overheard and replayed: for its path, and for its minute, only.

    The body is not signed: what protects it is that the worker listens on the loopback interface.
    """
    heard: list[dict[str, str]] = []

    async def overhear(scope: dict[str, object], _receive: object, send: object) -> None:
        if scope["type"] == "http":
            heard.append({name.decode(): value.decode() for name, value in scope["headers"]})  # type: ignore[attr-defined]
            await send({"type": "http.response.start", "status": 500, "headers": []})  # type: ignore[operator]
            await send({"type": "http.response.body"})  # type: ignore[operator]

    async with running(yard, tmp_path) as worker:
        monkeypatch.setenv("RESTATE_REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE", str(worker.identity))
        config, done = HypercornConfig(), asyncio.Event()
        config.bind = [f"127.0.0.1:{free_port()}"]
        listening = asyncio.create_task(hypercorn_serve(overhear, config, shutdown_trigger=done.wait))  # type: ignore[arg-type]
        server = Restate(restate_binary, tmp_path / "restate")
        server.start()
        try:
            async with httpx.AsyncClient(timeout=60, trust_env=False) as admin, patiently(30):
                while not heard:
                    with contextlib.suppress(httpx.HTTPError):
                        await admin.post(
                            f"http://127.0.0.1:{server.admin}/deployments", json={"uri": f"http://{config.bind[0]}"}
                        )
                    await asyncio.sleep(0.05)
        finally:
            server.stop()
            done.set()
            await listening
        genuine = {name: heard[0][name] for name in (SCHEME, TOKEN)}
        with subtests.test("as it was meant"):
            assert (await worker.call(DISCOVER, genuine)).status_code == 200
        for path in (INVOKE, "/invoke/Deployments/deploy", "/invoke/Routing/discover"):
            with subtests.test(f"for {path}"):
                assert (await worker.call(path, genuine)).status_code == 401
        with subtests.test("signed for a minute at the most"):
            assert worker.signer.public in _said(genuine[TOKEN], 0).values()
            claims = _said(genuine[TOKEN], 1)
            assert claims["exp"] - claims["iat"] <= 60
            assert claims["aud"] == DISCOVER


def _said(token: str, part: int) -> dict[str, object]:
    said: dict[str, object] = json.loads(base64.urlsafe_b64decode(token.split(".")[part] + "=="))
    return said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "worker.local"])
async def test_a_worker_without_a_key_is_for_this_machine_only(host: str) -> None:
    """It says what is missing, and does not listen."""
    workflow = Workflow(Config(db=None, logger=structlog.get_logger()))  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="TURNOUT_RESTATE_IDENTITY_KEY"):
        await serve(workflow, RestateSettings(worker_host=host, worker_port=free_port()))
