"""What only a Docker Engine can show: labels, ignored files, its own errors, its own processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.builder_labs import DockerLab, docker, ended, request_of
from tests.support import eventually, require
from turnout.domain.records import Backend


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DockerLab]:
    require("docker")
    lab = DockerLab(tmp_path)
    yield lab
    lab.clean()


@pytest.mark.docker
async def test_source_without_dockerfile(engine: DockerLab) -> None:
    """It says what to add, or how to do without."""
    request = request_of(await engine.store({"app.py": ""}), Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.reason is not None
    assert "no Dockerfile" in state.reason
    assert "as a process" in state.reason


@pytest.mark.docker
async def test_dockerignore_and_labels(engine: DockerLab) -> None:
    """What `.dockerignore` names is not in the image; the image says what it was made of."""
    dockerfile = f"FROM {engine.base}\nCOPY . /app/\nRUN cat /app/keep.md && ! cat /app/secret.txt\n"
    files = {"Dockerfile": dockerfile, ".dockerignore": "*.txt\n*.md\n!keep.md\nDockerfile\n"}
    source_id = await engine.store({**files, "secret.txt": "s", "keep.md": "kept", "other.md": ""})
    request = request_of(source_id, Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.image == f"turnout/{engine.project}:{source_id[:12]}", state.reason
    label = '{{index .Config.Labels "dev.turnout.source"}}'
    assert docker("inspect", "-f", label, state.image).strip() == source_id
    assert not engine.build(request).scratch.exists()


@pytest.mark.docker
async def test_cancel_ends_the_engines_work(engine: DockerLab) -> None:
    """The container in which a step of the Dockerfile runs is gone soon after its build was cancelled."""
    dockerfile = f"FROM {engine.base}\nRUN echo go && sleep 120 {engine.project}\n"
    request = request_of(await engine.store({"Dockerfile": dockerfile}), Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)

    def steps() -> list[str]:
        found = docker("ps", "-a", "--no-trunc", "--format", "{{.Command}}")
        return [line for line in found.splitlines() if engine.project in line]

    await eventually(lambda: bool(steps()), within=15, what="the step runs")
    await engine.builds.cancel(request.deployment_id)
    await eventually(lambda: not steps(), within=15, what="the step is gone")


@pytest.mark.docker
async def test_base_image_that_nobody_has(engine: DockerLab) -> None:
    """The engine's error is told, not only that there was one."""
    dockerfile = "FROM localhost:1/nobody/has-this:0\n"
    request = request_of(await engine.store({"Dockerfile": dockerfile}), Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.reason is not None
    assert "the build of the image failed" in state.reason
    assert "localhost:1" in state.reason
