"""Release commands and observations on a real Restate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support import patiently
from tests.workflows.lab import LIMITS, Lab, Restate, breaking, open_lab
from turnout.domain.errors import Unavailable
from turnout.domain.records import Release
from turnout.domain.statuses import ObservationStatus, OperationStatus, StepStatus

MIGRATE = Release(command=("migrate",), timeout=5)
WATCHED = replace(LIMITS, observe_seconds=30.0)


async def test_a_release_command_runs_once_before_the_instances(lab: Lab) -> None:
    """Its step stands between the image and the containers, and names where its output is."""
    operation = await lab.deploy(release=MIGRATE)
    assert operation.status is OperationStatus.SUCCEEDED
    steps = {step.name: step for step in await lab.store.steps_of(operation_id=operation.id)}
    names = list(steps)
    assert names[names.index("building") :][:3] == ["building", "release", "containers"]
    assert steps["release"].detail == lab.worked[0]
    assert len(lab.worked) == 1


async def test_a_failing_release_command_fails_the_deploy(lab: Lab) -> None:
    """With its reason; no instance was ever started, and what was live stays live."""
    first = await lab.deploy("app:1")
    lab.work = breaking
    failed = await lab.deploy("app:2", release=MIGRATE)
    assert failed.status is OperationStatus.FAILED
    assert "code 4" in (failed.reason or "")
    assert "no such table" in (failed.reason or "")
    assert lab.placed == [first.deployment_id]
    assert (await lab.project()).live_deployment_id == first.deployment_id
    steps = {step.name: step.status for step in await lab.store.steps_of(operation_id=failed.id)}
    assert steps["release"] is StepStatus.FAILED
    assert len(lab.worked) == 1


async def test_a_step_that_runs_twice_releases_once(restate: Restate, tmp_path: Path) -> None:
    """A worker that dies after each effect of the release finds the same job again."""
    failed: set[str] = set()

    async def once_each(step: str, moment: str) -> None:
        if moment == "after" and step in ("release begun", "release ended") and step not in failed:
            failed.add(step)
            raise Unavailable("a test took it away")

    async with open_lab(restate, tmp_path, hook=once_each) as lab:
        operation = await lab.deploy(release=MIGRATE)
        assert operation.status is OperationStatus.SUCCEEDED
        assert len(lab.worked) == 1
    assert failed == {"release begun", "release ended"}


async def test_an_observation_without_incident_passes(restate: Restate, tmp_path: Path) -> None:
    """The deploy has ended long before."""
    async with open_lab(restate, tmp_path, limits=replace(WATCHED, observe_seconds=0.5)) as lab:
        operation = await lab.deploy()
        assert (await lab.observed(operation)).status is ObservationStatus.PASSED
        assert (await lab.operation(operation.id)).status is OperationStatus.SUCCEEDED


async def test_an_instance_that_dies_while_observed_degrades_the_deploy(restate: Restate, tmp_path: Path) -> None:
    """With the reason; without auto_rollback nothing moves."""
    async with open_lab(restate, tmp_path, limits=WATCHED) as lab:
        await lab.deploy("app:1")
        operation = await lab.deploy("app:2")
        await lab.crash(operation.deployment_id, "exited with code 9; it printed:\nno memory")
        seen = await lab.observed(operation)
        ended = await lab.operation(operation.id)
        assert (seen.status, seen.rollback_operation_id) == (ObservationStatus.DEGRADED, None)
        assert ended.status is OperationStatus.DEGRADED
        assert "no memory" in (ended.reason or "")
        assert (await lab.project()).live_deployment_id == operation.deployment_id


async def test_auto_rollback_goes_back_to_what_was_live(restate: Restate, tmp_path: Path) -> None:
    """By an operation of its own, once; with nothing before it there is none."""
    async with open_lab(restate, tmp_path, limits=WATCHED) as lab:
        first = await lab.deploy("app:1", auto_rollback=True)
        second = await lab.deploy("app:2", auto_rollback=True)
        assert (await lab.observed(first)).status is ObservationStatus.REPLACED
        await lab.crash(second.deployment_id, "exited with code 9")
        seen = await lab.observed(second)
        assert seen.rollback_operation_id is not None
        async with patiently(10):
            while (await lab.project()).live_deployment_id != first.deployment_id:
                await lab.store.wait_for_change(timeout=1)
        assert (await lab.project()).rolled_back
        await lab.ended_by_id(seen.rollback_operation_id)
        history = await lab.store.history(project_id=second.project_id)
        assert (history[0].actor, history[0].operation_id) == ("auto-rollback", seen.rollback_operation_id)


async def test_what_is_not_live_any_more_is_not_rolled_back(restate: Restate, tmp_path: Path) -> None:
    """Somebody was quicker: the observation ends as replaced."""
    async with open_lab(restate, tmp_path, limits=WATCHED) as lab:
        first = await lab.deploy("app:1")
        second = await lab.deploy("app:2", auto_rollback=True)
        await lab.rollback()
        assert (await lab.observed(second)).status is ObservationStatus.REPLACED
        await lab.crash(second.deployment_id, "exited with code 9")
        assert (await lab.operation(second.id)).status is OperationStatus.SUCCEEDED
        assert (await lab.project()).live_deployment_id == first.deployment_id
        await lab.observed(first)
