"""Keep and wake: a stopped deployment is started, checked and switched to, durably."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.rows import Row
from tests.support import patiently
from tests.workflows.lab import LIMITS, Lab, Restate, failing, open_lab, running, starting
from turnout.domain.errors import Conflict, Invalid
from turnout.domain.plans import UnsentOperation
from turnout.domain.statuses import DeploymentStatus, OperationStatus


@pytest.fixture
async def short_warmth(restate: Restate, tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab in which what was replaced is stopped almost at once."""
    async with open_lab(restate, tmp_path, limits=replace(LIMITS, keep_warm_seconds=0.2)) as lab:
        yield lab


async def test_a_rollback_to_a_stopped_deployment_starts_it_first(short_warmth: Lab) -> None:
    """Named or not; it runs and passes its checks before a domain moves."""
    lab = short_warmth
    first, second = await lab.deploy("app:1"), await lab.deploy("app:2")
    await until(lab, first.deployment_id, DeploymentStatus.STOPPED)
    back = await lab.rollback()
    assert (back.status, back.deployment_id, back.live) == (OperationStatus.SUCCEEDED, first.deployment_id, True)
    steps = [step.name for step in await lab.store.steps_of(operation_id=back.id)]
    assert steps == ["lookup", "context", "containers", "readiness", "registration", "domains", "live", "propagation"]
    assert lab.placed.count(first.deployment_id) == 2
    assert (await lab.project()).live_deployment_id == first.deployment_id
    await until(lab, second.deployment_id, DeploymentStatus.STOPPED)
    promoted = await promote(lab, second.deployment_id)
    assert (await lab.ended(promoted)).status is OperationStatus.SUCCEEDED
    assert await status(lab, second.deployment_id) is DeploymentStatus.READY


@pytest.mark.parametrize("behave", [failing, starting])
async def test_one_that_does_not_start_any_more_is_put_back(short_warmth: Lab, behave) -> None:  # type: ignore[no-untyped-def]
    """The rollback fails with the reason, nothing of it runs, and the live one stays."""
    lab = short_warmth
    first, second = await lab.deploy("app:1"), await lab.deploy("app:2")
    await until(lab, first.deployment_id, DeploymentStatus.STOPPED)
    lab.behave = behave
    failed = await lab.rollback(target_id=first.deployment_id)
    assert failed.status is OperationStatus.FAILED
    assert "no database" in (failed.reason or "") or "not ready within" in (failed.reason or "")
    assert (await lab.project()).live_deployment_id == second.deployment_id
    assert await status(lab, first.deployment_id) is DeploymentStatus.STOPPED
    assert await lab.store.instances_of(deployment_id=first.deployment_id) == ()
    assert await lab.store.open_waits() == ()


@pytest.mark.fault(Row.RACES)
async def test_a_warm_rollback_does_not_wait_for_one_that_starts(restate: Restate, tmp_path: Path) -> None:
    """Nor for a deploy: whoever has nothing to start switches at once."""
    async with open_lab(restate, tmp_path) as lab:
        ids = [(await lab.deploy(f"app:{number}")).deployment_id for number in (1, 2, 3)]
        await stop(lab, ids[0])
        await gone(lab, ids[0])
        lab.behave = starting
        cold = await lab.store.admit_rollback(
            workspace_id=lab.workspace.id,
            project="p",
            source_id=None,
            target_id=ids[0],
            actor="bob",
            deadline_seconds=60,
        )
        while lab.placed.count(ids[0]) < 2:
            await lab.store.wait_for_change(timeout=1)
        assert (await lab.rollback(target_id=ids[1])).status is OperationStatus.SUCCEEDED
        assert (await lab.operation(cold.operation_id)).status is OperationStatus.RUNNING
        cancelled = await lab.store.request_cancel(
            operation_id=cold.operation_id, workspace_id=lab.workspace.id, actor="alice"
        )
        assert cancelled.status is OperationStatus.RUNNING, "there is something to undo"
        assert (await lab.ended(cold)).status is OperationStatus.CANCELLED
        assert await status(lab, ids[0]) is DeploymentStatus.STOPPED
        assert await lab.store.instances_of(deployment_id=ids[0]) == ()
        assert (await lab.project()).live_deployment_id == ids[1]


async def test_stop_start_and_remove(lab: Lab) -> None:
    """A started one is ready at its own address; one that was removed can neither be found nor started."""
    first, second = (await lab.deploy("app:1")).deployment_id, (await lab.deploy("app:2")).deployment_id
    with pytest.raises(Conflict, match="it is live"):
        await stop(lab, second)
    await stop(lab, first)
    await stop(lab, first)
    await gone(lab, first)
    started = await lab.ended(
        await lab.store.admit_start(
            workspace_id=lab.workspace.id, deployment_id=first, actor="bob", deadline_seconds=60
        )
    )
    assert (started.status, started.live) == (OperationStatus.SUCCEEDED, False)
    assert await status(lab, first) is DeploymentStatus.READY
    assert (await lab.project()).live_deployment_id == second
    await lab.store.remove_deployment(workspace_id=lab.workspace.id, deployment_id=first, actor="bob")
    await gone(lab, first)
    assert first not in {each.deployment_id for each in await lab.store.routes_of(project_id=started.project_id)}
    with pytest.raises(Invalid, match="no deployment that was live before is left"):
        await lab.rollback()


async def test_a_retirement_waits_for_a_rollback_that_is_about_to_happen(lab: Lab) -> None:
    """What an operation is about is not stopped under it; the message comes back later."""
    first = await lab.deploy("app:1")
    second = await lab.deploy("app:2")
    assert second.generation is not None
    lab.behave = running
    asked = await lab.store.admit_promote(
        workspace_id=lab.workspace.id,
        project="p",
        target_id=first.deployment_id,
        actor="bob",
        deadline_seconds=60,
    )
    await lab.store.retire(deployment_id=first.deployment_id, generation=second.generation)
    assert (await lab.ended(asked)).status is OperationStatus.SUCCEEDED


async def promote(lab: Lab, deployment_id: str) -> UnsentOperation:
    """Ask for it."""
    return await lab.store.admit_promote(
        workspace_id=lab.workspace.id, project="p", target_id=deployment_id, actor="bob", deadline_seconds=60
    )


async def stop(lab: Lab, deployment_id: str) -> None:
    """As the API does."""
    await lab.store.stop_deployment(workspace_id=lab.workspace.id, deployment_id=deployment_id, actor="bob")


async def gone(lab: Lab, deployment_id: str) -> None:
    """Wait until krane has nothing left of it."""
    async with patiently(10):
        while await lab.store.instances_of(deployment_id=deployment_id):
            await lab.store.wait_for_change(timeout=1)


async def status(lab: Lab, deployment_id: str) -> DeploymentStatus:
    """As it is."""
    return (await lab.store.load_deploy_plan(deployment_id=deployment_id)).deployment.status


async def until(lab: Lab, deployment_id: str, wanted: DeploymentStatus) -> None:
    """Wait for a status, and for krane to have followed."""
    async with patiently(20):
        while await status(lab, deployment_id) is not wanted:
            await lab.store.wait_for_change(timeout=1)
    if wanted is DeploymentStatus.STOPPED:
        await gone(lab, deployment_id)
