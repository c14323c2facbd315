"""The Restate server's configuration, and a real server with it where there is one."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import threading
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support import patiently
from turnout.domain.errors import Unavailable
from turnout.local.identity import base58, ensure_identity
from turnout.local.loopback import call
from turnout.local.ports import Ports, choose_ports
from turnout.local.restate import config
from turnout.local.workers import register_worker
from turnout.settings import load_settings


def text(folder: Path, ports: Ports) -> str:
    """A configuration."""
    return config(
        data=folder / "data", identity=folder / "identity.pem", ports=ports, memory_mib=128, deadline_seconds=1800
    )


def test_the_server_listens_on_loopback_only_and_keeps_small() -> None:
    """Own ports, no telemetry, no web UI, no call that stays paused for ever, and no file outside of the home."""
    ports = Ports(api=1, gateway=2, worker=3, restate_ingress=4, restate_admin=5, restate_node=6)
    document = tomllib.loads(text(Path('/home/a "b" ü'), ports))
    assert document["bind-ip"] == "127.0.0.1"
    assert document["listen-mode"] == "tcp"
    assert (document["bind-port"], document["ingress"]["bind-port"], document["admin"]["bind-port"]) == (6, 4, 5)
    assert document["base-dir"] == '/home/a "b" ü/data'
    assert document["worker"]["invoker"]["tmp-dir"].startswith(document["base-dir"])
    assert document["disable-telemetry"] is document["admin"]["disable-web-ui"] is True
    retries = document["default-retry-policy"]
    assert retries["on-max-attempts"] == "kill"
    assert retries["max-interval"] == "1s"
    assert retries["max-attempts"] >= 2 * 1800


def test_base_58() -> None:
    """Bitcoin's, with its ones for leading zeros."""
    assert base58(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert base58(b"\0\0\1") == "112"
    assert base58(b"") == ""


async def test_the_identity_is_made_once(tmp_path: Path) -> None:
    """Its private part is for its owner only."""
    first = await ensure_identity(tmp_path)
    assert first.startswith("publickeyv1_")
    assert await ensure_identity(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "identity.pem").stat().st_mode) == 0o600


async def test_nobody_there_is_unavailable() -> None:
    """Whoever registers may try again."""
    with pytest.raises(Unavailable, match="cannot reach"):
        await register_worker("http://127.0.0.1:1", "http://127.0.0.1:2")


class Admin(ThreadingHTTPServer):
    """An admin API that remembers what it was asked, and a worker of the revision `aa` at the same address."""

    daemon_threads = True

    def __init__(self, deployments: list[dict[str, Any]], status: int = 200) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.asked.append((self.command, self.path, json.loads(body) if body else None))
                answer: Any = {"message": "no worker there"}
                if self.command == "GET":
                    answer = {"revision": "aa"} if self.path == "/revision" else {"deployments": deployments}
                self.send_response(200 if self.command == "GET" else status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # names that http.server looks for

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


async def test_a_worker_that_has_moved_takes_its_calls_in_flight_along() -> None:
    """One of the same revision, under another port of this machine. Other revisions go, unless they are draining.

    Other machines' workers, and services of somebody else on this one, are left alone.
    """
    ours = [{"name": "Deployments"}, {"name": "Routing"}]
    admin = Admin(
        [
            {"id": "dp_moved", "uri": "http://127.0.0.1:1/v/aa"},
            {"id": "dp_other", "uri": "http://127.0.0.1:1/v/bb"},
            {"id": "dp_draining", "uri": "http://127.0.0.1:1/v/cc"},
            {"id": "dp_before_revisions", "uri": "http://127.0.0.1:1/", "services": ours},
            {"id": "dp_somebody", "uri": "http://127.0.0.1:1/", "services": [{"name": "Greeter"}]},
            {"id": "dp_far", "uri": "http://10.0.0.1:1/v/aa"},
        ]
    )
    assert await register_worker(admin.url, admin.url, draining=["cc"]) == "aa"
    admin.shutdown()
    uri = f"{admin.url}/v/aa"
    assert admin.asked == [
        ("GET", "/revision", None),
        ("GET", "/deployments", None),
        ("PATCH", "/deployments/dp_moved", {"uri": uri}),
        ("POST", "/deployments", {"uri": uri, "force": True}),
        ("DELETE", "/deployments/dp_other?force=true", None),
        ("DELETE", "/deployments/dp_before_revisions?force=true", None),
    ]


async def test_a_refused_worker_is_unavailable_with_restates_reason() -> None:
    """It is tried again; the reason is for the log."""
    admin = Admin([], status=500)
    with pytest.raises(Unavailable, match="no worker there"):
        await register_worker(admin.url, admin.url)
    admin.shutdown()


# ---------------------------------------------------------------------------------------- a real server


class Worker(ThreadingHTTPServer):
    """An endpoint with one service; keeps the headers of Restate's calls."""

    daemon_threads = True

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        manifest = {
            "protocolMode": "REQUEST_RESPONSE", "minProtocolVersion": 5, "maxProtocolVersion": 5,
            "services": [{"name": "Hello", "ty": "SERVICE", "handlers": [{"name": "hello"}]}],
        }  # fmt: skip
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.headers.append(dict(self.headers))
                content = json.dumps(manifest).encode()
                self.send_response(200)
                self.send_header("content-type", "application/vnd.restate.endpointmanifest.v3+json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def workers() -> Iterator[tuple[Worker, Worker]]:
    """One worker, and where it moves to."""
    pair = Worker(), Worker()
    yield pair
    for worker in pair:
        worker.shutdown()
        worker.server_close()


@asynccontextmanager
async def restate(home: Path, binary: Path) -> AsyncIterator[tuple[str, str]]:
    """A server as `turnout up` starts it: its admin address, and its public key."""
    folder = home / "restate"
    key = await ensure_identity(folder)
    (home / "run").mkdir(exist_ok=True)
    ports = choose_ports(load_settings({"TURNOUT_HOME": str(home), "TURNOUT_GATEWAY_PORT": "0"}))
    (folder / "config.toml").write_text(text(folder, ports))
    with (home / "restate.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binary, "--no-logo", "--config-file", str(folder / "config.toml"), stdout=log, stderr=log
        )
    admin = f"http://127.0.0.1:{ports.restate_admin}"
    try:
        async with patiently(30):
            while not await _healthy(admin):
                await asyncio.sleep(0.05)
        yield admin, key
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def _healthy(admin: str) -> bool:
    try:
        return (await call("GET", f"{admin}/health"))[0] == 200
    except Unavailable:
        return False


async def test_a_real_server_signs_its_calls_and_lets_its_worker_move(
    tmp_path: Path, workers: tuple[Worker, Worker], restate_binary: Path
) -> None:
    """The signature is of the key that the worker is told; the deployment keeps its id when the worker moves."""
    old, new = workers
    async with restate(tmp_path, restate_binary) as (admin, key):
        body = {"uri": old.url, "force": True, "use_http_11": True}
        status, registered = await call("POST", f"{admin}/deployments", body=body, timeout=20)
        assert status == 201, registered
        token = old.headers[-1]["x-restate-jwt-v1"]
        assert old.headers[-1]["x-restate-signature-scheme"] == "v1"
        head, payload, signature = token.split(".")
        assert json.loads(_decoded(head))["kid"] == key
        _public(key).verify(_decoded(signature), f"{head}.{payload}".encode())

        move = {"uri": new.url, "use_http_11": True}
        status, moved = await call("PATCH", f"{admin}/deployments/{registered['id']}", body=move, timeout=20)
        assert status == 200, moved
        status, again = await call("POST", f"{admin}/deployments", body=body | {"uri": new.url}, timeout=20)
        assert (status, again["id"]) == (200, registered["id"])
        _, listed = await call("GET", f"{admin}/deployments")
        assert [each["uri"] for each in listed["deployments"]] == [f"{new.url}/"]


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _public(key: str) -> Ed25519PublicKey:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in key.removeprefix("publickeyv1_"):
        number = number * 58 + alphabet.index(character)
    return Ed25519PublicKey.from_public_bytes(number.to_bytes(32, "big"))
