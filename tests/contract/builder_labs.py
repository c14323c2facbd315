"""Builders to test: each kind with sources that behave as the contract needs it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import psutil

from tests.kit import until
from tests.support import busybox_image, eventually, require
from turnout.builds.layout import BuildFolder
from turnout.builds.local import LocalBuilds
from turnout.builds.pack import pack_folder
from turnout.builds.service import BuildClient, BuildRequest, BuildState, BuildStatus
from turnout.builds.sources import SourceStore
from turnout.builds.testing import FakeBuilds
from turnout.domain.records import Backend
from turnout.settings import BuildSettings

WORK = """
import os, pathlib, sys, time
sys.stdout.write("building\\n")
with open("built", "a") as file:
    file.write("x")
gate = pathlib.Path(sys.argv[1])
while gate.exists():
    time.sleep(0.02)
"""
FAIL = "print('first'); print('the \\x1b[31mlast\\x1b[0m line'); raise SystemExit(3)"


class Lab(Protocol):
    """One kind of builder, and sources that behave as the contract needs it."""

    builds: BuildClient

    async def request(self, *, version: str = "1", fails: bool = False) -> BuildRequest:
        """A request of a new deployment; the same version is the same source."""
        ...

    def hold(self) -> None:
        """From now on builds do not come to an end."""
        ...

    def go_on(self) -> None: ...

    def count(self, request: BuildRequest) -> int:
        """How often the source of this request was really built."""
        ...


class FakeLab:
    def __init__(self) -> None:
        self.builds = FakeBuilds()
        self._held = False

    async def request(self, *, version: str = "1", fails: bool = False) -> BuildRequest:
        request = request_of(f"{version}{fails}".encode().hex().rjust(64, "0"), Backend.PROCESS)
        if fails:
            self.builds.failures[request.source_id] = "the build command exited with 3; its last lines:\nthe last line"
        if self._held:
            self.builds.held.add(request.source_id)
        return request

    def hold(self) -> None:
        self._held = True

    def go_on(self) -> None:
        self.builds.held.clear()

    def count(self, request: BuildRequest) -> int:
        return len(self.builds.built)


class RealLab:
    """Sources on disk and detached builders; `home` is all the state there is."""

    def __init__(self, folder: Path, docker: BuildSettings | None = None) -> None:
        self.home = folder / "home"
        self.sources = SourceStore(self.home, upload_mib=10, unpacked_mib=10)
        self.builds = LocalBuilds(self.home, unpacked_mib=10, docker=docker)
        self.folder = folder
        self.gate = folder / "gate"

    async def store(self, files: dict[str, str]) -> str:
        source, archive = self.folder / uuid.uuid4().hex, self.folder / "source.tar.gz"
        source.mkdir()
        for name, text in files.items():
            (source / name).write_text(text)
        pack_folder(source, archive, limit_mib=10)

        async def chunks() -> AsyncIterator[bytes]:
            yield archive.read_bytes()

        return (await self.sources.save(chunks())).source_id

    def hold(self) -> None:
        self.gate.touch()

    def go_on(self) -> None:
        self.gate.unlink(missing_ok=True)

    def build(self, request: BuildRequest) -> BuildFolder:
        return BuildFolder.of(self.home, request.deployment_id)

    def log(self, request: BuildRequest) -> str:
        file = self.build(request).log
        return file.read_text() if file.exists() else ""


class ProcessLab(RealLab):
    async def request(self, *, version: str = "1", fails: bool = False) -> BuildRequest:
        source_id = await self.store({"app.txt": version, "work.py": FAIL if fails else WORK})
        return request_of(source_id, Backend.PROCESS, ("/usr/bin/env", "python3", "work.py", str(self.gate)))

    def count(self, request: BuildRequest) -> int:
        return sum(len(file.read_text()) for file in self.home.glob("releases/*/app/built"))


@contextmanager
def registry(folder: Path, *, htpasswd: str = "") -> Iterator[str]:
    """A registry on a free port of this machine; its address. With `htpasswd` it lets only those in."""
    require("docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = folder / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nlog: {{level: error}}\n"
    )
    if htpasswd:
        (folder / "htpasswd").write_text(htpasswd)
        with config.open("a") as file:
            file.write(f"auth: {{htpasswd: {{realm: tests, path: {folder / 'htpasswd'}}}}}\n")
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: _answers(port), what="the registry answers")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/", trust_env=False).status_code in (200, 401)
    except httpx.HTTPError:
        return False


class DockerLab(RealLab):
    """The Dockerfile cannot see the gate: a build that is held just takes longer than the test."""

    def __init__(self, folder: Path, docker: BuildSettings | None = None) -> None:
        super().__init__(folder, docker)
        self.project = f"test-{uuid.uuid4().hex[:10]}"
        self.base = busybox_image()

    async def request(self, *, version: str = "1", fails: bool = False) -> BuildRequest:
        # The salt keeps the engine's cache of an earlier test, or run, out of the count.
        run = "sleep 120" if self.gate.exists() else "echo building"
        run = "echo the last line; exit 3" if fails else run
        dockerfile = f"FROM {self.base}\nCOPY app.txt /\nRUN echo {self.project} && {run}\n"
        source_id = await self.store({"app.txt": version, "Dockerfile": dockerfile})
        return request_of(source_id, Backend.DOCKER, project=self.project)

    def count(self, request: BuildRequest) -> int:
        logs = "".join(file.read_text() for file in self.home.glob("builds/*/log"))
        return logs.count("building the image")

    def clean(self) -> None:
        if names := docker("images", "-q", f"turnout/{self.project}").split():
            docker("rmi", "-f", *names)


def request_of(
    source_id: str, backend: Backend, command: tuple[str, ...] = (), *, project: str = "hello", **more: Any
) -> BuildRequest:
    return BuildRequest(
        deployment_id=f"dep_{uuid.uuid4().hex[:26]}",
        workspace=project,
        source_id=source_id,
        backend=backend,
        build_command=command,
        deadline_seconds=60.0,
        **more,
    )


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def processes_of(folder: Path) -> list[psutil.Process]:
    """Everything that runs for builds below this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.environ().get("TURNOUT_BUILD", ""), *process.cmdline()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process)
    return found


def nothing_runs(folder: Path) -> bool:
    """Whether all of it has ended: a builder writes down its result and is gone a moment later."""
    give_up = time.monotonic() + 3.0
    while processes_of(folder):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


async def ended(builds: BuildClient, request: BuildRequest, *, within: float = 40.0) -> BuildState:
    """Look until the build has ended."""
    states: list[BuildState] = []

    async def is_over() -> bool:
        states.append(await builds.look(request.deployment_id))
        return states[-1].status in {BuildStatus.DONE, BuildStatus.FAILED}

    await eventually(is_over, within=within, what=f"the build of {request.deployment_id} ends")
    return states[-1]


async def running(builds: BuildClient, request: BuildRequest) -> None:
    async def is_running() -> bool:
        return (await builds.look(request.deployment_id)).status is BuildStatus.RUNNING

    await eventually(is_running, within=15, what="the build runs")


@dataclass
class Work:
    """The process of a build command that is held."""

    lab: ProcessLab
    request: BuildRequest

    async def process(self) -> psutil.Process:
        found: list[psutil.Process] = []

        def runs() -> bool:
            found[:] = self._found()
            return bool(found)

        await eventually(runs, within=15, what="the build command runs")
        return found[0]

    def _found(self) -> list[psutil.Process]:
        found = []
        for process in processes_of(self.lab.build(self.request).path):
            try:
                if "work.py" in process.cmdline():
                    found.append(process)
            except psutil.Error:
                continue
        return found
