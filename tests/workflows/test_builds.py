"""Builds on a real Restate: places in line, sources that were built before, and how places are given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import patiently
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab
from turnout.builds.service import BuildStatus
from turnout.builds.testing import FakeBuilds
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import BuildOptions
from turnout.domain.secrets import Place, SealedVariable
from turnout.domain.statuses import OperationStatus, StepStatus
from turnout.vault import MasterKeys, Vault

ONE = replace(LIMITS, builds_at_once=1, build_wait_seconds=20.0)


@pytest.fixture
def builds() -> FakeBuilds:
    """Builds that end when the test says."""
    return FakeBuilds()


@pytest.fixture
async def yard(restate: Restate, tmp_path: Path, builds: FakeBuilds) -> AsyncIterator[Lab]:
    """One build at a time."""
    async with open_lab(restate, tmp_path, limits=ONE, builds=builds) as lab:
        yield lab


def source(number: int) -> str:
    return f"{number:064x}"


async def ask(lab: Lab, number: int, *, environment: str = "production") -> UnsentOperation:
    """A deploy of source `number`, each in a project of its own."""
    return await lab.admit(None, project=f"p{number}", source_id=source(number), environment=environment)


async def steps(lab: Lab, operation: UnsentOperation) -> dict[str, tuple[StepStatus, str | None]]:
    found = await lab.store.steps_of(operation_id=operation.operation_id)
    return {step.name: (step.status, step.detail) for step in found}


async def lines(lab: Lab, *, waiting: int) -> dict[str, int]:
    """The line, once so many wait."""
    async with patiently(10):
        while len(found := await lab.store.build_lines(workspace_id=lab.workspace.id)) != waiting:
            await lab.store.wait_for_change(timeout=1)
    return dict(found)


async def test_one_after_the_other_and_production_first(yard: Lab, builds: FakeBuilds) -> None:
    """Who waits says its place, in the timeline too; whoever is first in line builds next."""
    builds.held = {source(1)}
    first = await ask(yard, 1)
    async with patiently(10):
        while not builds.started:
            await asyncio.sleep(0.02)
    preview = await ask(yard, 2, environment="preview")
    await lines(yard, waiting=1)
    urgent = await ask(yard, 3)
    assert await lines(yard, waiting=2) == {urgent.operation_id: 1, preview.operation_id: 2}
    assert (await steps(yard, preview))["build place"] == (StepStatus.RUNNING, "waits for a build place, 1st in line")

    builds.held.clear()
    for operation in (first, urgent, preview):
        assert (await yard.ended(operation)).status is OperationStatus.SUCCEEDED
    assert [request.source_id for request in builds.started] == [source(1), source(3), source(2)]
    assert (await steps(yard, preview))["build place"] == (StepStatus.DONE, "was 1st in line")
    assert "build place" not in await steps(yard, first)


async def test_a_build_that_fails_gives_its_place_back(yard: Lab, builds: FakeBuilds) -> None:
    """So does one that is ended from outside, of which only the operation's end tells."""
    builds.failures[source(1)] = "no compiler"
    failed = await yard.ended(await ask(yard, 1))
    assert (failed.status, failed.reason) == (OperationStatus.FAILED, "no compiler")
    builds.held = {source(2)}
    lost = await ask(yard, 2)
    async with patiently(10):
        while len(builds.started) < 2:
            await asyncio.sleep(0.02)
    waiting = await ask(yard, 3)
    await lines(yard, waiting=1)
    await yard.store.fail_deploy(
        operation_id=lost.operation_id, deployment_id=lost.deployment_id, reason="nobody carries it on"
    )
    assert (await yard.ended(waiting)).status is OperationStatus.SUCCEEDED
    builds.held.clear()  # the handler of what was ended from outside goes on until it notices
    async with patiently(10):
        while (await builds.look(lost.deployment_id)).status is not BuildStatus.DONE:
            await asyncio.sleep(0.05)
    await yard.quiet()


async def test_built_before(yard: Lab, builds: FakeBuilds) -> None:
    """The same source is not built again, not even for another project, and needs no place."""
    builds.held = {source(9)}
    await yard.ended(await ask(yard, 1))
    busy = await ask(yard, 9)
    again = await yard.admit(None, project="other", source_id=source(1))
    assert (await yard.ended(again)).status is OperationStatus.SUCCEEDED
    told = await steps(yard, again)
    assert told["source"][1] == f"already built: {builds.built[0]}"
    assert "build" not in told
    builds.held.clear()
    await yard.ended(busy)


async def test_no_place_in_time(restate: Restate, tmp_path: Path, builds: FakeBuilds) -> None:
    """The deploy fails with a sentence, and leaves the line."""
    builds.held = {source(1)}
    async with open_lab(restate, tmp_path, limits=replace(ONE, build_wait_seconds=0.5), builds=builds) as lab:
        busy = await ask(lab, 1)
        async with patiently(10):
            while not builds.started:
                await asyncio.sleep(0.02)
        late = await lab.ended(await ask(lab, 2))
        assert late.status is OperationStatus.FAILED
        assert "no build place became free within 0.5 s" in (late.reason or "")
        assert await lab.store.build_lines(workspace_id=lab.workspace.id) == {}
        assert await lab.store.open_waits() == ()
        builds.held.clear()
        await lab.ended(busy)


async def test_secret_that_is_not_set(yard: Lab, builds: FakeBuilds) -> None:
    """Nothing is built, and the sentence says what to do."""
    asked = await yard.admit(None, source_id=source(1), build=BuildOptions(secrets=("NPM_TOKEN",)))
    ended = await yard.ended(asked)
    assert ended.status is OperationStatus.FAILED
    assert "names NPM_TOKEN, which this environment does not have; set it with" in (ended.reason or "")
    assert builds.started == []


async def test_secret_that_changes(yard: Lab, builds: FakeBuilds, tmp_path: Path) -> None:
    """The same source is built anew with another value, and not with the same; the request knows no value."""
    masters = MasterKeys(tmp_path / "keys.json")
    masters.make_if_missing()
    vault = Vault(yard.store, masters)
    workspace_id = yard.workspace.id
    environment = await yard.store.open_environment(workspace_id=workspace_id, project="p", environment="production")
    for version, value in enumerate(("value-1", "value-2"), start=1):
        place = Place(workspace_id=workspace_id, environment_id=environment.id, name="KEY", version=version)
        sealed = SealedVariable(name="KEY", version=version, sealed=await vault.encrypt(place, value))
        await yard.store.save_variables(environment_id=environment.id, sealed=[sealed], actor="alice")
        for _ in range(2):
            asked = await yard.admit(None, source_id=source(1), build=BuildOptions(secrets=("KEY",)))
            assert (await yard.ended(asked)).status is OperationStatus.SUCCEEDED
    assert len(builds.built) == len(builds.started) == 2
    assert "value-" not in repr(builds.started)
    assert len({request.secrets_mark for request in builds.started}) == 2
