"""What only a Docker Engine can show: labels, ignored files, its own errors, its own processes."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.contract.builder_labs import DockerLab, docker, ended, registry, request_of
from tests.support import eventually, require
from turnout.builds.layout import image_tag
from turnout.builds.service import BuildStatus
from turnout.domain.errors import Unavailable
from turnout.domain.records import Backend, BuildOptions
from turnout.settings import BuildSettings


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DockerLab]:
    require("docker")
    lab = DockerLab(tmp_path)
    yield lab
    lab.clean()


@pytest.mark.docker
async def test_source_that_nothing_is_known_of(engine: DockerLab) -> None:
    """It says what to add."""
    request = request_of(await engine.store({"app.txt": ""}), Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.reason is not None
    assert "add a Dockerfile" in state.reason


@pytest.mark.docker
async def test_source_without_dockerfile(engine: DockerLab) -> None:
    """One is generated, with the base image that was asked for, and stands in the log."""
    request = request_of(
        await engine.store({"page.txt": "hello"}),
        Backend.DOCKER,
        ("/bin/sh", "-c", "cat page.txt"),
        project=engine.project,
        options=BuildOptions(base=engine.base),
        run_command=("httpd", "-f", "-p", "0.0.0.0:$PORT"),
    )
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.status is BuildStatus.DONE, state.reason
    assert f"FROM {engine.base}" in engine.log(request)
    assert docker("inspect", "-f", "{{json .Config.Cmd}}", state.image or "").strip() == (
        '["sh","-c","exec httpd -f -p 0.0.0.0:\\"$PORT\\""]'
    )


@pytest.mark.docker
@pytest.mark.parametrize("builder", ["classic", "buildkit"])
async def test_dockerfile_target_and_arguments(tmp_path: Path, builder: str) -> None:
    """Each builder takes the named file, stops at the stage, and hands on the arguments; the log says what ran."""
    require("docker")
    engine = DockerLab(tmp_path, BuildSettings(builder=builder))
    dockerfile = (
        f"FROM {engine.base} AS first\nARG COLOUR=none\nRUN echo {engine.project} is $COLOUR > /tmp/x && cat /tmp/x\n"
        "FROM first AS second\nRUN false\n"
    )
    request = request_of(
        await engine.store({"web.Dockerfile": dockerfile}),
        Backend.DOCKER,
        project=engine.project,
        options=BuildOptions(dockerfile="web.Dockerfile", target="first", args={"COLOUR": "green"}),
    )
    try:
        await engine.builds.start(request)
        state = await ended(engine.builds, request)
        assert state.status is BuildStatus.DONE, state.reason
        assert f"{engine.project} is green" in engine.log(request).splitlines()
    finally:
        engine.clean()


@pytest.mark.docker
async def test_registry(tmp_path: Path) -> None:
    """The image is pushed and named by its digest; who has it not pulls exactly that one; nothing is built twice."""
    require("docker")
    with registry(tmp_path) as address:
        engine = DockerLab(tmp_path, BuildSettings(registry=f"{address}/apps"))
        requests = [await engine.request(), await engine.request()]
        await engine.builds.start(requests[0])
        state = await ended(engine.builds, requests[0])
        assert state.status is BuildStatus.DONE, state.reason
        image = state.image or ""
        assert re.fullmatch(rf"{re.escape(address)}/apps/{engine.project}@sha256:[0-9a-f]{{64}}", image)
        docker("rmi", "-f", *set(docker("images", "-q", f"{address}/apps/{engine.project}").split()))
        assert await engine.builds.find(requests[1]) == image
        docker("pull", image)
        assert docker("run", "--rm", image, "cat", "/app.txt").strip() == "1"
        docker("rmi", "-f", image)
        await engine.builds.start(requests[1])
        assert (await ended(engine.builds, requests[1])).image == image
        assert engine.count(requests[1]) == 1


@pytest.mark.docker
async def test_registry_that_is_away(tmp_path: Path) -> None:
    """It is not the source's fault, and the sentence names the registry."""
    require("docker")
    engine = DockerLab(tmp_path, BuildSettings(registry="127.0.0.1:1"))
    request = await engine.request()
    try:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await engine.builds.find(request)
    finally:
        engine.clean()


@pytest.mark.docker
async def test_dockerignore_and_labels(engine: DockerLab) -> None:
    """What `.dockerignore` names is not in the image; the image says what it was made of."""
    dockerfile = f"FROM {engine.base}\nCOPY . /app/\nRUN cat /app/keep.md && ! cat /app/secret.txt\n"
    files = {"Dockerfile": dockerfile, ".dockerignore": "*.txt\n*.md\n!keep.md\nDockerfile\n"}
    source_id = await engine.store({**files, "secret.txt": "s", "keep.md": "kept", "other.md": ""})
    request = request_of(source_id, Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.image == image_tag(request), state.reason
    label = '{{index .Config.Labels "dev.turnout.source"}}'
    assert docker("inspect", "-f", label, state.image).strip() == source_id
    assert not engine.build(request).scratch.exists()


@pytest.mark.docker
async def test_cancel_ends_the_engines_work(engine: DockerLab) -> None:
    """What a step of the Dockerfile runs is gone soon after its build was cancelled."""
    sleep = f"sleep {uuid.uuid4().int % 10**8 + 200}"  # nobody else on the machine sleeps as long
    dockerfile = f"FROM {engine.base}\nRUN {sleep}\n"
    request = request_of(await engine.store({"Dockerfile": dockerfile}), Backend.DOCKER, project=engine.project)
    await engine.builds.start(request)

    def steps() -> list[str]:
        found = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
        return [line for line in found if line.endswith(sleep)]

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


@pytest.mark.docker
async def test_a_folder_without_dockerfile_is_built_by_pack(
    engine: DockerLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is installed (here: a stand-in). The image gets our labels and the command of turnout.toml."""
    tools = tmp_path / "tools"
    tools.mkdir()
    pack = tools / "pack"
    pack.write_text(f'#!/bin/sh\necho "$@"\nls "$4"\nexec docker tag {engine.base} "$2"\n')
    pack.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    request = request_of(
        await engine.store({"page.txt": "hello"}),
        Backend.DOCKER,
        project=engine.project,
        options=BuildOptions(args={"COLOUR": "a blue; one"}),
        run_command=("httpd", "-f", "-p", "0.0.0.0:$PORT"),
    )
    await engine.builds.start(request)
    state = await ended(engine.builds, request)
    assert state.status is BuildStatus.DONE, state.reason
    assert "page.txt" in engine.log(request)
    assert "--no-color --env COLOUR=a blue; one" in engine.log(request)
    assert docker("inspect", "-f", "{{json .Config.Cmd}}", state.image or "").strip() == (
        '["sh","-c","exec httpd -f -p 0.0.0.0:\\"$PORT\\""]'
    )
    again = replace(request, deployment_id=f"dep_{uuid.uuid4().hex[:26]}")
    await engine.builds.start(again)
    assert (await ended(engine.builds, again)).image == state.image
    assert "is used again" in engine.log(again)
