"""Jobs of a krane: run once, whatever is restarted; their end is told until the server takes them back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.test_backends import exited
from tests.contract.test_krane_agent import Region, region_of
from tests.faults.rows import Row
from tests.support import busybox_image, make_release
from turnout.domain.ids import new_id
from turnout.domain.jobs import JobSpec
from turnout.domain.records import Backend, Resources, RunSpec
from turnout.domain.statuses import JobStatus
from turnout.krane.docker import DockerBackend
from turnout.krane.files import instances_folder
from turnout.krane.process import ProcessBackend
from turnout.krane.testing import FakeBackend

MIGRATE = """
import pathlib, sys, time
marker, seconds, code = pathlib.Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
with marker.open("a") as file:
    file.write("ran\\n")
print("migrating", flush=True)
time.sleep(seconds)
print("migrated", flush=True)
sys.exit(code)
"""


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Region]:
    """A krane that runs processes."""
    backend = ProcessBackend(home=tmp_path, releases=tmp_path / "releases")
    async with region_of(tmp_path, {Backend.PROCESS: backend}) as region:
        yield region


def job(region: Region, *, seconds: float = 0, code: int = 0, timeout: float = 30) -> JobSpec:
    """A job that marks each of its runs."""
    words = ("python", "app.py", str(region.home / "marker"), str(seconds), str(code))
    run = RunSpec(
        deployment_id=new_id("dep"),
        project="p",
        backend=Backend.PROCESS,
        image=make_release(region.home / "releases", {"app.py": MIGRATE}),
        command=words,
        resources=Resources(memory_mib=256),
    )
    return JobSpec(id=new_id("ins"), timeout=timeout, run=run)


def runs(region: Region) -> int:
    """How often it was really run."""
    marker = region.home / "marker"
    return len(marker.read_text().splitlines()) if marker.exists() else 0


async def becomes(region: Region, spec: JobSpec, status: JobStatus) -> str:
    """Wait for a status; returns the reason."""
    await region.server.until(
        lambda: (said := region.server.job(spec.id)) is not None and said.status is status, within=15
    )
    said = region.server.job(spec.id)
    assert said is not None
    return said.reason or ""


async def test_runs_once_and_is_cleared_away(machine: Region) -> None:
    """The end is told, the output arrives, and once nobody wants it any more nothing is left."""
    spec = job(machine)
    machine.server.run_job(spec)
    assert await becomes(machine, spec, JobStatus.SUCCEEDED) == ""
    await machine.server.until(lambda: b"migrated" in machine.server.logs.get(spec.id, b""))
    machine.server.run_job(spec)
    machine.server.withdraw_job(spec.id)
    await machine.server.until(lambda: bool((said := machine.server.job(spec.id)) and said.gone))
    assert runs(machine) == 1
    assert not (instances_folder(machine.home) / spec.id).exists()


async def test_a_bad_end_quotes_code_and_lines(machine: Region) -> None:
    """What a person needs in order to mend it."""
    spec = job(machine, code=7)
    machine.server.run_job(spec)
    reason = await becomes(machine, spec, JobStatus.FAILED)
    assert "exited with code 7" in reason
    assert "migrated" in reason
    said = machine.server.job(spec.id)
    assert said is not None
    assert said.exit_code == 7


async def test_takes_too_long(machine: Region) -> None:
    """It is stopped, and says so."""
    spec = job(machine, seconds=60, timeout=3)
    machine.server.run_job(spec)
    reason = await becomes(machine, spec, JobStatus.FAILED)
    assert "did not end within 3 s" in reason
    assert "migrating" in reason


@pytest.mark.parametrize("ends_before", [False, True])
@pytest.mark.fault(Row.KRANE_KILLED)
async def test_the_next_krane_learns_how_it_ended(machine: Region, ends_before: bool) -> None:
    """Whether it ends before or after the next krane is there: its code is known, and it runs once."""
    spec = job(machine, seconds=0.7, code=5)
    machine.server.run_job(spec)
    await machine.server.until(lambda: runs(machine) == 1)
    await machine.ends_krane()
    machine.backends[Backend.PROCESS] = ProcessBackend(home=machine.home, releases=machine.home / "releases")
    if ends_before:
        await exited(machine.backends[Backend.PROCESS], spec.id)
    machine.starts_krane()
    assert "code 5" in await becomes(machine, spec, JobStatus.FAILED)
    assert runs(machine) == 1


async def test_a_lost_end_counts_as_failed(tmp_path: Path) -> None:
    """The instance is not there any more, and it had been begun: it is not run again."""
    fake = FakeBackend()
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        spec = JobSpec(id=new_id("ins"), timeout=30, run=region.spec("serve"))
        region.server.run_job(spec)
        await becomes(region, spec, JobStatus.RUNNING)
        await region.server.until(lambda: fake.starts == 1)
        await region.ends_krane()
        await fake.remove(spec.id)
        region.starts_krane()
        assert "nobody knows" in await becomes(region, spec, JobStatus.FAILED)
        assert fake.starts == 1


async def test_without_the_claim_nothing_is_started(tmp_path: Path) -> None:
    """Another krane has begun it: this one leaves it alone."""
    fake = FakeBackend()
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        spec = JobSpec(id=new_id("ins"), timeout=30, run=region.spec("serve"))
        region.server.claims[spec.id] = "somebody else"
        region.server.run_job(spec)
        await region.server.until(lambda: spec.id in region.server.refused)
    assert fake.starts == 0


@pytest.mark.fault(Row.ENGINE_AWAY)
async def test_an_engine_that_is_away_delays_the_start(tmp_path: Path) -> None:
    """It is started once the engine is back, and once."""
    fake = FakeBackend()
    fake.away = True
    async with region_of(tmp_path, {Backend.PROCESS: fake}) as region:
        spec = JobSpec(id=new_id("ins"), timeout=30, run=region.spec("exit 0"))
        region.server.run_job(spec)
        await becomes(region, spec, JobStatus.RUNNING)
        fake.away = False
        await becomes(region, spec, JobStatus.SUCCEEDED)
        assert fake.starts == 1


async def test_withdrawn_while_it_runs(machine: Region) -> None:
    """It is ended, and nothing of it is left."""
    spec = job(machine, seconds=60)
    machine.server.run_job(spec)
    await machine.server.until(lambda: runs(machine) == 1)
    machine.server.withdraw_job(spec.id)
    await machine.server.until(lambda: bool((said := machine.server.job(spec.id)) and said.gone))


async def test_stop_all_ends_a_job_and_says_so(machine: Region) -> None:
    """It counts as failed: whoever stopped everything can deploy again."""
    spec = job(machine, seconds=60)
    machine.server.run_job(spec)
    await machine.server.until(lambda: runs(machine) == 1)
    assert machine.agent is not None
    await machine.agent.stop_all(1.0)
    said = machine.server.job(spec.id)
    assert said is not None
    assert said.status is JobStatus.FAILED
    assert "stopped" in (said.reason or "")


@pytest.mark.docker
async def test_a_container_runs_once_and_its_code_outlives_krane(tmp_path: Path) -> None:
    """Ended while no krane was there; the next one learns how, and starts nothing again."""
    backend = DockerBackend(home=tmp_path, home_id=f"test-{new_id('prj')}")
    async with region_of(tmp_path, {Backend.DOCKER: backend}) as region:
        run = replace(
            region.spec(backend=Backend.DOCKER),
            image=busybox_image(),
            command=("sh", "-c", "echo migrating; sleep 1; exit 6"),
            resources=Resources(memory_mib=32),
        )
        spec = JobSpec(id=new_id("ins"), timeout=30, run=run)
        region.server.run_job(spec)
        await region.server.until(lambda: region.server.logs.get(spec.id) == b"migrating\n", within=15)
        await region.ends_krane()
        await exited(backend, spec.id)
        region.starts_krane()
        reason = await becomes(region, spec, JobStatus.FAILED)
        assert "code 6" in reason
        assert reason.count("migrating") == 1
        region.server.withdraw_job(spec.id)
        await region.server.until(lambda: bool((said := region.server.job(spec.id)) and said.gone))
        assert await backend.found() == ()
