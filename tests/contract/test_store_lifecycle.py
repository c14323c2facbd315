"""Cancel, stop, wake, remove and keep, as transactions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.store_kit import REGION, Clock, Shipped, Yard
from tests.contract.test_store_operations import wait_for
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import GitData
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus


async def test_a_cancellation_and_a_switch_never_both_happen(yard: Yard) -> None:
    """Whichever comes first, the other one is refused."""
    first, second = await yard.admit(), await yard.admit()
    await yard.start(first)
    await cancel(yard, first.operation_id)
    with pytest.raises(Conflict):
        await yard.switch(first)
    assert await yard.status(first.deployment_id) is DeploymentStatus.CANCELLED
    await yard.start(second)
    await yard.switch(second)
    with pytest.raises(Conflict, match="too late"):
        await cancel(yard, second.operation_id)
    assert (await yard.project()).live_deployment_id == second.deployment_id


async def test_a_queued_deploy_ends_in_the_request_and_twice_is_once(yard: Yard) -> None:
    """Nothing is left to be told to the workflows."""
    queued = await yard.admit()
    for _ in range(2):
        assert (await cancel(yard, queued.operation_id)).status is OperationStatus.CANCELLED
    assert await yard.store.operations_to_cancel() == ()
    assert await yard.store.unsent_operations(older_than_seconds=0) == ()
    with pytest.raises(NotFound):
        await yard.store.request_cancel(operation_id=queued.operation_id, workspace_id="ws_other", actor="mallory")


async def test_what_was_left_running_for_an_operation_stops_when_that_is_cancelled(yard: Yard, clock: Clock) -> None:
    """A start that comes to nothing leaves its instances to a promote that waits; the promote never begins."""
    old, started = await _sleeper(yard)
    await _wake(yard, clock, started)
    waiting = await yard.ask_promote(old.id)
    await _fail(yard, started)
    assert old.id in await _wanted(yard)
    await cancel(yard, waiting.operation_id)
    assert old.id not in await _wanted(yard)
    assert await yard.status(old.id) is DeploymentStatus.STOPPED


async def test_of_two_that_fail_together_the_last_one_stops_it(yard: Yard, clock: Clock) -> None:
    """Each undoes while the other one has not ended yet, and so leaves it to the other one."""
    old, started = await _sleeper(yard)
    promoted = await yard.ask_promote(old.id)
    for each in (started, promoted):
        await _wake(yard, clock, each)
    for each in (started, promoted):
        assert not await yard.store.put_back(operation_id=each.operation_id, deployment_id=old.id, wait=None)
    await _finish(yard, started)
    assert old.id in await _wanted(yard)
    await _finish(yard, promoted)
    assert old.id not in await _wanted(yard)


@pytest.mark.parametrize("comes_to", [OperationStatus.FAILED, OperationStatus.SUCCEEDED])
async def test_what_one_woke_and_left_to_another_stops_with_that(
    yard: Yard, clock: Clock, comes_to: OperationStatus
) -> None:
    """The start made it ready. If it failed then, nobody wants that any more; else somebody asked for it."""
    old, started = await _sleeper(yard)
    await _wake(yard, clock, started)
    await yard.report(old.id, InstanceStatus.RUNNING)
    assert await yard.store.woken(operation_id=started.operation_id, deployment_id=old.id)
    promoted = await yard.ask_promote(old.id)
    await _finish(yard, started, comes_to)
    assert await yard.status(old.id) is DeploymentStatus.READY
    await _fail(yard, promoted)
    stays = comes_to is OperationStatus.SUCCEEDED
    assert await yard.status(old.id) is (DeploymentStatus.READY if stays else DeploymentStatus.STOPPED)
    assert (old.id in await _wanted(yard)) is stays


async def test_what_was_live_since_it_was_woken_stays_warm(yard: Yard, clock: Clock) -> None:
    """Who woke it came to nothing; but it was live after that, and is warm because of that."""
    old, started = await _sleeper(yard)
    await _wake(yard, clock, started)
    await yard.report(old.id, InstanceStatus.RUNNING)
    assert await yard.store.woken(operation_id=started.operation_id, deployment_id=old.id)
    promoted = await yard.ask_promote(old.id)
    await _finish(yard, started)
    await yard.store.begin_operation(operation_id=promoted.operation_id)
    await yard.switch(promoted)
    await _finish(yard, promoted, OperationStatus.SUCCEEDED)
    newest = await yard.ship()
    await _finish(yard, newest, OperationStatus.SUCCEEDED)
    await _fail(yard, await yard.ask_promote(old.id))
    assert await yard.status(old.id) is DeploymentStatus.READY


async def _sleeper(yard: Yard) -> tuple[Shipped, UnsentOperation]:
    """A deployment that was replaced and stopped, and a start of it."""
    old, _ = await yard.ship(), await yard.ship()
    await _finish(yard, old, OperationStatus.SUCCEEDED)
    names = {"workspace_id": yard.workspace.id, "deployment_id": old.id, "actor": "bob"}
    await yard.store.stop_deployment(**names)
    return old, await yard.store.admit_start(**names, deadline_seconds=60)


async def _wake(yard: Yard, clock: Clock, asked: UnsentOperation) -> None:
    await yard.store.begin_operation(operation_id=asked.operation_id)
    plan = await yard.store.load_deploy_plan(deployment_id=asked.deployment_id)
    await yard.store.wake(
        operation_id=asked.operation_id, spec=plan.run_spec(), regions=[REGION], wait=wait_for(asked, clock)
    )


async def _fail(yard: Yard, asked: UnsentOperation) -> None:
    await yard.store.begin_operation(operation_id=asked.operation_id)
    await yard.store.put_back(operation_id=asked.operation_id, deployment_id=asked.deployment_id, wait=None)
    await _finish(yard, asked)


async def _finish(yard: Yard, asked: Any, status: OperationStatus = OperationStatus.FAILED) -> None:
    reason = None if status is OperationStatus.SUCCEEDED else "it does not start"
    await yard.store.finish_operation(operation_id=asked.operation_id, status=status, reason=reason)


async def _wanted(yard: Yard) -> list[str]:
    state = await yard.store.desired_state(region=REGION, since=None)
    return [spec.deployment_id for spec in state.deployments]


async def test_only_what_nothing_leads_to_is_stopped_and_removed(yard: Yard) -> None:
    """Not the live one, not a branch's; a removed one keeps its row and loses its address."""
    v1, v2 = await yard.ship(), await yard.ship()
    for act in (yard.store.stop_deployment, yard.store.remove_deployment):
        with pytest.raises(Conflict, match="it is live"):
            await act(workspace_id=yard.workspace.id, deployment_id=v2.id, actor="bob")
        with pytest.raises(NotFound):
            await act(workspace_id="ws_other", deployment_id=v1.id, actor="mallory")
    other = await yard.ship(environment="preview")
    with pytest.raises(Conflict, match="leads to it"):
        await yard.store.stop_deployment(workspace_id=yard.workspace.id, deployment_id=other.id, actor="bob")
    await yard.store.finish_operation(operation_id=v1.operation_id, status=OperationStatus.SUCCEEDED)
    await yard.store.stop_deployment(workspace_id=yard.workspace.id, deployment_id=v1.id, actor="bob")
    assert await yard.status(v1.id) is DeploymentStatus.STOPPED
    await yard.store.remove_deployment(workspace_id=yard.workspace.id, deployment_id=v1.id, actor="bob")
    assert v1.id not in set((await yard.serves()).values())
    with pytest.raises(NotFound):
        await yard.store.get_deployment(deployment_id=v1.id, workspace_id=yard.workspace.id)
    assert await yard.status(v1.id) is DeploymentStatus.STOPPED


async def test_the_last_of_a_preview_goes_with_its_domains(yard: Yard) -> None:
    """When that is asked for: no deploy has to take them first. The live domains are never given up like that."""
    live = await yard.ship()
    kept = await yard.serves()
    preview = await yard.ship(environment="preview", git=GitData(branch="feature", commit_sha=yard.sha()))
    await yard.store.finish_operation(operation_id=preview.operation_id, status=OperationStatus.SUCCEEDED)
    names = {"workspace_id": yard.workspace.id, "actor": "bob"}
    with pytest.raises(Conflict, match=r"leads to it; .*, or remove it --with-domains"):
        await yard.store.remove_deployment(deployment_id=preview.id, **names)
    before = await yard.store.gateway_feed(since=0)
    await yard.store.remove_deployment(deployment_id=preview.id, with_domains=True, **names)
    assert await yard.serves() == kept
    after = await yard.store.gateway_feed(since=before.change)
    assert after.generation == before.generation + 1 == (await yard.project()).generation
    assert [len(view.routes) for view in after.projects] == [len(kept)]
    with pytest.raises(Conflict, match=r"it is live; promote or roll back to another one first$"):
        await yard.store.remove_deployment(deployment_id=live.id, with_domains=True, **names)
    again = await yard.ship(environment="preview", git=GitData(branch="feature", commit_sha=yard.sha()))
    assert set((await yard.serves()).values()) == {live.id, again.id}


async def test_a_rollback_without_a_name_prefers_what_still_runs(yard: Yard) -> None:
    """The nearest in history that runs, else the nearest that is stopped."""
    v1, v2, v3 = [await yard.ship() for _ in range(3)]
    await stop(yard, v2.id)
    asked = await yard.ask_rollback()
    assert (asked.deployment_id, asked.wakes) == (v1.id, False)
    await cancel(yard, asked.operation_id)
    await stop(yard, v1.id)
    asked = await yard.ask_rollback()
    assert (asked.deployment_id, asked.wakes) == (v2.id, True)
    with pytest.raises(Exception, match="only a ready deployment"):
        await yard.switch(asked)
    assert (await yard.project()).live_deployment_id == v3.id


async def test_what_more_are_stopped_than_are_kept_is_removed(yard: Yard) -> None:
    """Those that were stopped first; what is kept names their images no more."""
    shipped = [await yard.ship(image=f"shop:v{number}") for number in range(1, 6)]
    for each in shipped[:4]:
        await stop(yard, each.id)
        await yard.report(each.id, InstanceStatus.GONE)
    assert set(await yard.store.expire(keep=2)) == {shipped[0].id, shipped[1].id}
    assert await yard.store.expire(keep=2) == ()
    kept = await yard.store.kept(ended=2)
    assert kept.deployments == {each.id for each in shipped[2:]}
    assert kept.images == {"shop:v3", "shop:v4", "shop:v5"}


async def cancel(yard: Yard, operation_id: str):
    """As the API does."""
    return await yard.store.request_cancel(operation_id=operation_id, workspace_id=yard.workspace.id, actor="alice")


async def stop(yard: Yard, deployment_id: str) -> None:
    """As the API does."""
    await yard.store.stop_deployment(workspace_id=yard.workspace.id, deployment_id=deployment_id, actor="bob")
