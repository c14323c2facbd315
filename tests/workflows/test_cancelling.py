"""Cancel and supersede, in every phase, on a real Restate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import patiently
from tests.workflows.lab import LIMITS, Lab, Restate, failing, open_lab, running, starting
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Operation
from turnout.domain.statuses import DeploymentStatus, OperationStatus


async def test_a_queued_deploy_ends_at_once_behind_one_that_holds_the_project(lab: Lab) -> None:
    """In the request's transaction; when its turn comes nothing happens, and the one before it goes its way."""
    lab.behave = starting
    slow = await lab.admit("app:1")
    await placed(lab, slow)
    queued = await lab.admit("app:2")
    cancelled = await cancel(lab, queued)
    assert (cancelled.status, cancelled.reason) == (OperationStatus.CANCELLED, "cancelled by alice")
    assert (await lab.operation(slow.operation_id)).status is OperationStatus.RUNNING
    assert (await lab.ended(slow)).status is OperationStatus.FAILED
    lab.behave = running
    assert (await lab.deploy("app:3")).status is OperationStatus.SUCCEEDED
    assert queued.deployment_id not in lab.placed
    assert await status(lab, queued) is DeploymentStatus.CANCELLED


async def test_a_deploy_that_waits_for_its_instances_is_undone(lab: Lab) -> None:
    """Its instances go, what was live stays, no wait stays open, and the next deploy has the lock."""
    first = await lab.deploy("app:1")
    lab.behave = starting
    slow = await lab.admit("app:2")
    await placed(lab, slow)
    await cancel(lab, slow)
    await cancel(lab, slow)  # a person who is in a hurry
    ended = await lab.ended(slow)
    assert (ended.status, ended.reason) == (OperationStatus.CANCELLED, "cancelled by alice")
    assert await status(lab, slow) is DeploymentStatus.CANCELLED
    assert await lab.store.instances_of(deployment_id=slow.deployment_id) == ()
    assert await lab.store.open_waits() == ()
    assert (await lab.project()).live_deployment_id == first.deployment_id
    lab.behave = running
    assert (await lab.deploy("app:3")).live


@pytest.mark.parametrize(
    "step",
    [
        *("building", "readiness ended", "domains"),
        *(
            pytest.param(step, marks=pytest.mark.full)
            for step in ("lookup", "context", "containers", "registration", "openapi")
        ),
    ],
)
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_cancel_around_every_step(restate: Restate, tmp_path: Path, step: str, moment: str) -> None:
    """Undone before the switch is committed, refused afterwards; never both, and nothing is left."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    watched: list[str] = []

    async def stop_there(name: str, when: str) -> None:
        if watched and (name, when) == (step, moment) and not reached.is_set():
            reached.set()
            await go_on.wait()

    async with open_lab(restate, tmp_path, hook=stop_there) as lab:
        first = await lab.deploy("app:1")
        watched.append("the second deploy")
        second = await lab.admit("app:2")
        await asyncio.wait_for(reached.wait(), 20)
        too_late = (step, moment) == ("domains", "after")
        if too_late:
            with pytest.raises(Conflict, match=r"too late.*roll back"):
                await cancel(lab, second)
        else:
            await cancel(lab, second)
        go_on.set()
        ended = await lab.ended(second)
        live = (await lab.project()).live_deployment_id
        if too_late:
            assert (ended.status, live) == (OperationStatus.SUCCEEDED, second.deployment_id)
            return
        assert (ended.status, ended.reason) == (OperationStatus.CANCELLED, "cancelled by alice")
        assert live == first.deployment_id
        assert await status(lab, second) is DeploymentStatus.CANCELLED
        assert await lab.store.instances_of(deployment_id=second.deployment_id) == ()
        assert await lab.store.open_waits() == ()
        assert await lab.store.generation() == 1


async def test_what_has_ended_or_switched_is_not_cancelled(lab: Lab) -> None:
    """The refusal says what to do; a second cancel of a cancelled one is none."""
    done = await lab.deploy("app:1")
    with pytest.raises(Conflict, match="too late"):
        await lab.store.request_cancel(operation_id=done.id, workspace_id=lab.workspace.id, actor="alice")
    with pytest.raises(NotFound):
        await lab.store.request_cancel(operation_id=done.id, workspace_id="ws_other", actor="mallory")


async def test_a_rollback_is_cancelled_before_its_switch(restate: Restate, tmp_path: Path) -> None:
    """Nothing has to be undone; it ends at once and never switches."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stop_there(name: str, when: str) -> None:
        if (name, when) == ("domains", "before") and len(deployed) == 2 and not reached.is_set():
            reached.set()
            await go_on.wait()

    deployed: list[Operation] = []
    async with open_lab(restate, tmp_path, hook=stop_there) as lab:
        deployed += [await lab.deploy("app:1")]
        deployed += [await lab.deploy("app:2")]
        asked = await lab.store.admit_rollback(
            workspace_id=lab.workspace.id, project="p", source_id=None, target_id=None, actor="bob", deadline_seconds=60
        )
        await asyncio.wait_for(reached.wait(), 20)
        assert (await cancel(lab, asked)).status is OperationStatus.CANCELLED
        go_on.set()
        await lab.quiet()
        assert (await lab.project()).live_deployment_id == deployed[1].deployment_id
        assert (await lab.operation(asked.operation_id)).status is OperationStatus.CANCELLED


async def test_a_queued_deploy_that_is_overtaken_says_by_whom(restate: Restate, tmp_path: Path) -> None:
    """At once when the newer one is asked for; the newest of many is the one that runs."""
    async with open_lab(restate, tmp_path, limits=replace(LIMITS, ready_grace_seconds=60)) as lab:
        lab.behave = starting
        slow = await lab.admit("app:1")
        await placed(lab, slow)
        queued = [await lab.admit(f"app:{number}") for number in range(2, 6)]
        lab.behave = running
        for place, each in enumerate(queued[:-1]):
            ended = await lab.ended(each)
            assert ended.status is OperationStatus.SUPERSEDED
            assert [newer for newer in queued[place + 1 :] if newer.operation_id in (ended.reason or "")]
            assert "which deploys dep_" in (ended.reason or "")
            assert (await lab.operation(slow.operation_id)).status is OperationStatus.RUNNING, "it ended in the queue"
            assert await status(lab, each) is DeploymentStatus.SUPERSEDED
        await cancel(lab, slow)
        assert (await lab.ended(queued[-1])).status is OperationStatus.SUCCEEDED
        assert (await lab.project()).live_deployment_id == queued[-1].deployment_id


async def test_a_deploy_whose_turn_comes_after_a_newer_one_is_superseded(lab: Lab) -> None:
    """A slow build must not bring an old version back over a newer one."""
    old = await lab.admit("app:1")
    await lab.store.begin_operation(operation_id=old.operation_id)
    newer = await lab.deploy("app:2")
    ended = await lab.ended(old)
    assert ended.status in (OperationStatus.SUPERSEDED, OperationStatus.SUCCEEDED)
    assert (await lab.project()).live_deployment_id == newer.deployment_id


async def cancel(lab: Lab, operation: UnsentOperation) -> Operation:
    """Ask for it, as the API does."""
    return await lab.store.request_cancel(
        operation_id=operation.operation_id, workspace_id=lab.workspace.id, actor="alice"
    )


async def placed(lab: Lab, operation: UnsentOperation) -> None:
    """Wait until krane was asked to run it."""
    async with patiently(20):
        while operation.deployment_id not in lab.placed:
            await lab.store.wait_for_change(timeout=1)


async def status(lab: Lab, operation: UnsentOperation) -> DeploymentStatus:
    """Its deployment's."""
    return (await lab.store.load_deploy_plan(deployment_id=operation.deployment_id)).deployment.status


async def test_a_deploy_that_has_failed_and_cleans_up_cannot_be_cancelled(restate: Restate, tmp_path: Path) -> None:
    """It is told so, and ends as failed: operation and deployment never come to different ends."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stop_there(name: str, when: str) -> None:
        if (name, when) == ("abandon", "after") and not reached.is_set():
            reached.set()
            await go_on.wait()

    async with open_lab(restate, tmp_path, hook=stop_there) as lab:
        lab.behave = failing
        asked = await lab.admit("app:1")
        await asyncio.wait_for(reached.wait(), 20)
        with pytest.raises(Conflict, match=r"too late, it is failed, and what it started is being removed"):
            await cancel(lab, asked)
        go_on.set()
        ended = await lab.ended(asked)
        assert (ended.status, ended.reason) == (OperationStatus.FAILED, "exited with code 3; it printed: no database")
        assert await status(lab, asked) is DeploymentStatus.FAILED
