"""Secrets of a build: it sees them, and nothing that it leaves behind or prints tells of them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.builder_labs import DockerLab, ProcessLab, Work, docker, ended, request_of
from tests.support import require
from turnout.builds.command_line import engine_environment, find_cli
from turnout.builds.docker import open_engine
from turnout.builds.local import LocalBuilds
from turnout.builds.service import BuildStatus
from turnout.domain.errors import DeploymentFailed, Invalid, Unavailable
from turnout.domain.records import Backend, BuildOptions
from turnout.settings import BuildSettings

NAMES = ("API_KEY", "PEM")
OPTIONS = BuildOptions(secrets=NAMES)


class Values:
    """What the worker would open of the deployment's snapshot; counts how often it is asked."""

    def __init__(self) -> None:
        self.values = {"API_KEY": f"key-{uuid.uuid4().hex}", "PEM": f"-- {uuid.uuid4().hex}\nl2 {uuid.uuid4().hex}\n"}
        self.asked: list[str] = []

    async def __call__(self, deployment_id: str, names: tuple[str, ...]) -> dict[str, str]:
        self.asked.append(deployment_id)
        return {name: self.values[name] for name in names}

    def hashed(self, name: str) -> str:
        return hashlib.sha256(self.values[name].encode()).hexdigest()

    def found_in(self, data: bytes) -> bool:
        lines = (line for value in self.values.values() for line in value.splitlines())
        return any(line.encode() in data for line in lines)


@pytest.fixture
def values() -> Values:
    """Values that stand nowhere else on the machine."""
    return Values()


@pytest.fixture
def engine(tmp_path: Path, values: Values) -> Iterator[DockerLab]:
    require("docker")
    lab = DockerLab(tmp_path)
    lab.builds = LocalBuilds(lab.home, unpacked_mib=10, secrets=values)
    yield lab
    lab.clean()


@pytest.fixture
def local(tmp_path: Path, values: Values) -> ProcessLab:
    lab = ProcessLab(tmp_path)
    lab.builds = LocalBuilds(lab.home, unpacked_mib=10, secrets=values)
    return lab


def files_below(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def layers_of(image: str) -> bytes:
    return subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout


async def require_cli(folder: Path) -> None:
    """Skip where no `docker` builds with BuildKit."""
    async with open_engine() as engine:
        environment = engine_environment(engine, os.environ, home=folder)
    try:
        find_cli(environment)
    except DeploymentFailed as error:
        pytest.skip(error.detail)


@pytest.mark.docker
async def test_image(engine: DockerLab, values: Values, tmp_path: Path) -> None:
    """Two steps read what was set; the image, its history, the log and the build folder know nothing of it."""
    await require_cli(tmp_path)
    checks = "".join(
        f"RUN --mount=type=secret,id={name} cat /run/secrets/{name} && "
        f"echo '{values.hashed(name)}  /run/secrets/{name}' | sha256sum -c\n"
        for name in (*NAMES, "API_KEY")
    )
    dockerfile = (
        f"FROM {engine.base} AS first\nARG COLOUR\nRUN echo {engine.project} $COLOUR\n{checks}FROM first\nRUN false\n"
    )
    options = replace(OPTIONS, target="first", args={"COLOUR": "dark green"}, dockerfile="web.Dockerfile")
    source_id = await engine.store({"web.Dockerfile": dockerfile})
    request = request_of(source_id, Backend.DOCKER, project=engine.project, options=options, secrets_mark="1")
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.status is BuildStatus.DONE, state.reason
    assert "/run/secrets/PEM: OK" in engine.log(request)
    assert f"{engine.project} dark green" in engine.log(request)
    assert "****" in engine.log(request)
    saved = layers_of(state.image or "")
    assert engine.project.encode() in saved
    assert not values.found_in(saved)
    assert not values.found_in(docker("history", "--no-trunc", state.image or "").encode())
    assert not any(values.found_in(data) for data in files_below(engine.home))
    assert await engine.builds.find(request) == state.image
    assert await engine.builds.find(replace(request, secrets_mark="2")) is None


@pytest.mark.docker
async def test_image_that_fails(engine: DockerLab, values: Values, tmp_path: Path) -> None:
    """The reason quotes what was printed, without the value."""
    await require_cli(tmp_path)
    step = "cat /run/secrets/API_KEY && exit 3"
    dockerfile = f"FROM {engine.base}\nRUN echo {engine.project}\nRUN --mount=type=secret,id=API_KEY {step}\n"
    source_id = await engine.store({"Dockerfile": dockerfile})
    request = request_of(source_id, Backend.DOCKER, project=engine.project, options=OPTIONS, secrets_mark="1")
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.status is BuildStatus.FAILED
    assert state.reason is not None
    assert "the build of the image exited with 1" in state.reason
    assert "****" in state.reason
    assert not values.found_in(state.reason.encode())
    assert not any(values.found_in(data) for data in files_below(engine.home))


@pytest.mark.docker
async def test_classic_builder(tmp_path: Path, values: Values) -> None:
    """It has no secrets, and says so instead of building without them."""
    require("docker")
    engine = DockerLab(tmp_path)
    engine.builds = LocalBuilds(engine.home, unpacked_mib=10, docker=BuildSettings(builder="classic"), secrets=values)
    source_id = await engine.store({"Dockerfile": f"FROM {engine.base}\n"})
    request = request_of(source_id, Backend.DOCKER, project=engine.project, options=OPTIONS, secrets_mark="1")
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert "needs BuildKit" in (state.reason or "")


def test_which_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that can: one with buildx, or an old one. Without any, the sentence says what to install."""
    monkeypatch.setattr("turnout.builds.command_line._DEFAULT", tmp_path / "none")
    printed = {
        "new": "case $1 in --version) echo Docker version 28.2.2, build x;; *) echo unknown >&2; exit 1;; esac",
        "other": "case $1 in --version) echo podman version 4.9;; *) echo buildx 1;; esac",
        "old": "case $1 in --version) echo Docker version 20.10.24, build x;; *) exit 1;; esac",
        "buildx": "case $1 in --version) echo Docker version 28.2.2, build x;; *) echo docker/buildx v0.24;; esac",
    }
    for name, script in printed.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name / "docker").chmod(0o755)
    for able in ("old", "buildx"):
        path = ":".join(str(tmp_path / name) for name in ("new", "missing", "other", able))
        assert find_cli({"PATH": path}) == str(tmp_path / able / "docker")
    with pytest.raises(DeploymentFailed, match="docker-buildx-plugin"):
        find_cli({"PATH": f"{tmp_path / 'new'}:{tmp_path / 'other'}"})


async def test_process(local: ProcessLab, values: Values) -> None:
    """The build command has them in its environment; the builder and what is left have not."""
    check = (
        "import hashlib, os, pathlib\n"
        f"for name in {NAMES!r}:\n"
        "    print(name, os.environ[name])\n"
        "    print(hashlib.sha256(os.environ[name].encode()).hexdigest())\n"
        "for own in ('environ', 'cmdline'):\n"
        "    data = pathlib.Path(f'/proc/{os.getppid()}/{own}')\n"
        "    print('builder', own, data.exists() and os.environ['API_KEY'].encode() in data.read_bytes())\n"
    )
    source_id = await local.store({"check.py": check})
    request = request_of(source_id, Backend.PROCESS, ("python3", "check.py"), options=OPTIONS, secrets_mark="1")
    await local.builds.start(request)
    state = await ended(local.builds, request)
    assert state.status is BuildStatus.DONE, state.reason
    log = local.log(request).splitlines()
    assert "API_KEY ****" in log
    assert {values.hashed(name) for name in NAMES} <= set(log)
    assert {"builder environ False", "builder cmdline False"} <= set(log)
    assert values.asked == [request.deployment_id]
    assert not any(values.found_in(data) for data in files_below(local.home))
    assert await local.builds.find(replace(request, secrets_mark="2")) is None


async def test_large_values(local: ProcessLab, values: Values) -> None:
    """More than a pipe holds at once."""
    values.values = dict.fromkeys(NAMES, "x" * 60_000)
    command = ("python3", "-c", "import os; print(len(os.environ['PEM']), os.environ['PEM'])")
    request = request_of(await local.store({"a": ""}), Backend.PROCESS, command, options=OPTIONS, secrets_mark="1")
    await local.builds.start(request)
    assert (await ended(local.builds, request)).status is BuildStatus.DONE
    assert "60000 ****" in local.log(request).splitlines()


async def test_builder_that_was_lost(local: ProcessLab, values: Values) -> None:
    """The next one is told the secrets again."""
    local.hold()
    request = replace(await local.request(), options=OPTIONS, secrets_mark="1")
    await local.builds.start(request)
    work = await Work(local, request).process()
    os.killpg(os.getsid(work.pid), signal.SIGKILL)
    local.go_on()
    assert (await ended(local.builds, request)).status is BuildStatus.DONE
    assert len(values.asked) == 2


async def test_values_that_cannot_be_had(local: ProcessLab, values: Values) -> None:
    """Whoever starts the build is told why; no builder is started without them."""
    source_id = await local.store({"a": ""})
    request = request_of(source_id, Backend.PROCESS, ("true",), options=OPTIONS, secrets_mark="1")
    with pytest.raises(Unavailable, match="secrets"):
        await LocalBuilds(local.home).start(request)

    async def unset(deployment_id: str, names: tuple[str, ...]) -> dict[str, str]:
        raise Invalid(f"cannot build: {names[0]} is not set")

    with pytest.raises(Invalid, match="API_KEY is not set"):
        await LocalBuilds(local.home, secrets=unset).look(request.deployment_id)
    assert not local.build(request).attempt.exists()
    assert (await ended(local.builds, request)).status is BuildStatus.DONE
