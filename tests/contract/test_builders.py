"""What every builder promises, asked of the fake, of release folders and of a real Docker Engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.builder_labs import DockerLab, FakeLab, Lab, ProcessLab, ended, nothing_runs, running
from tests.support import require
from turnout.builds.service import BuildStatus
from turnout.domain.errors import NotFound


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == "fake":
        yield FakeLab()
        return
    if request.param == "docker":
        require("docker")
    real = DockerLab(tmp_path) if request.param == "docker" else ProcessLab(tmp_path)
    yield real
    real.go_on()
    assert nothing_runs(tmp_path)
    if isinstance(real, DockerLab):
        real.clean()


async def test_start_then_look_until_done(lab: Lab) -> None:
    """A build ends with an image, and says the same for as long as it is not forgotten."""
    request = await lab.request()
    await lab.builds.start(request)
    state = await ended(lab.builds, request)
    assert state.status is BuildStatus.DONE, state.reason
    assert state.image is not None
    assert state.image.startswith(("release:", "turnout/"))
    assert await lab.builds.look(request.deployment_id) == state


async def test_started_twice_is_built_once(lab: Lab) -> None:
    """A step may run twice."""
    request = await lab.request()
    await asyncio.gather(*(lab.builds.start(request) for _ in range(4)))
    assert (await ended(lab.builds, request)).status is BuildStatus.DONE
    await lab.builds.start(request)
    assert (await lab.builds.look(request.deployment_id)).status is BuildStatus.DONE
    assert lab.count(request) == 1


async def test_same_source_is_not_built_twice(lab: Lab) -> None:
    """Another deployment of an unchanged source gets the same image, even while the first is being built."""
    requests = [await lab.request() for _ in range(3)]
    for request in requests[:2]:
        await lab.builds.start(request)
    states = [await ended(lab.builds, request) for request in requests[:2]]
    await lab.builds.start(requests[2])
    states.append(await ended(lab.builds, requests[2]))
    assert len({state.image for state in states}) == 1, states
    assert await lab.builds.find(requests[2]) == states[0].image
    assert lab.count(requests[0]) == 1

    other = await lab.request(version="2")
    assert await lab.builds.find(other) is None
    await lab.builds.start(other)
    assert (await ended(lab.builds, other)).image != states[0].image
    assert lab.count(other) == 2


async def test_failure_says_why(lab: Lab) -> None:
    """The reason quotes what was printed last, without what could deceive a terminal."""
    request = await lab.request(fails=True)
    await lab.builds.start(request)
    state = await ended(lab.builds, request)
    assert state.status is BuildStatus.FAILED
    assert state.reason is not None
    assert "the last line" in state.reason
    assert "3" in state.reason
    assert "\x1b" not in state.reason
    assert state.image is None


async def test_cancel(lab: Lab) -> None:
    """A cancelled build is over at once, for good, and stays so when it is started or cancelled again."""
    lab.hold()
    request = await lab.request()
    await lab.builds.start(request)
    await running(lab.builds, request)
    await lab.builds.cancel(request.deployment_id)
    state = await lab.builds.look(request.deployment_id)
    assert (state.status, state.reason) == (BuildStatus.FAILED, "the build was cancelled")
    await lab.builds.start(request)
    await lab.builds.cancel(request.deployment_id)
    assert await lab.builds.look(request.deployment_id) == state


async def test_cancel_comes_too_late(lab: Lab) -> None:
    """Cancelling what has ended changes nothing."""
    request = await lab.request()
    await lab.builds.start(request)
    state = await ended(lab.builds, request)
    await lab.builds.cancel(request.deployment_id)
    assert await lab.builds.look(request.deployment_id) == state


async def test_unknown_and_forgotten(lab: Lab) -> None:
    """There is nothing to see of a build that never was, or is forgotten; forgetting twice is fine."""
    request = await lab.request()
    with pytest.raises(NotFound, match="there is no build"):
        await lab.builds.look(request.deployment_id)
    await lab.builds.cancel(request.deployment_id)
    lab.hold()
    await lab.builds.start(request)
    await lab.builds.forget(request.deployment_id)
    await lab.builds.forget(request.deployment_id)
    with pytest.raises(NotFound):
        await lab.builds.look(request.deployment_id)
