"""Operations, their timelines, and how deployments end: everything may be said twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.store_kit import REGION, Clock, Yard
from turnout.domain.errors import IllegalTransition, NotFound
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import GitData, OperationKind
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus, StepStatus
from turnout.domain.waits import Wait, WaitKind


def wait_for(deploy: UnsentOperation, clock: Clock, kind: WaitKind = WaitKind.INSTANCES_RUNNING) -> Wait:
    """A wait as a workflow writes it down."""
    now = clock()
    return Wait(
        awakeable_id=f"awk-{kind}-{deploy.operation_id}",
        operation_id=deploy.operation_id,
        kind=kind,
        deployment_id=deploy.deployment_id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=60),
    )


async def test_an_admitted_operation_is_unsent_until_it_is_marked(yard: Yard, clock: Clock) -> None:
    """The dispatcher finds it, once it is old enough."""
    deploy = await yard.admit()
    assert await yard.store.unsent_operations(older_than_seconds=0) == (deploy,)
    assert await yard.store.unsent_operations(older_than_seconds=60) == ()
    clock.advance(61)
    assert await yard.store.unsent_operations(older_than_seconds=60) == (deploy,)
    await yard.store.mark_sent(operation_id=deploy.operation_id)
    assert await yard.store.unsent_operations(older_than_seconds=0) == ()


async def test_an_operation_that_runs_has_been_heard_of(yard: Yard) -> None:
    """Sent, and only the mark got lost."""
    deploy = await yard.admit()
    first = await yard.store.begin_operation(operation_id=deploy.operation_id)
    assert first.status is OperationStatus.RUNNING
    assert await yard.store.begin_operation(operation_id=deploy.operation_id) == first
    assert await yard.store.unsent_operations(older_than_seconds=0) == ()


async def test_the_first_end_of_an_operation_stays(yard: Yard) -> None:
    """A terminal status is never overwritten, and no line of the timeline stays running."""
    deploy = await yard.admit()
    operation_id = deploy.operation_id
    await yard.store.begin_operation(operation_id=operation_id)
    await yard.store.begin_step(operation_id=operation_id, name="lookup")
    ended = await yard.store.finish_operation(
        operation_id=operation_id, status=OperationStatus.FAILED, reason="no krane answers"
    )
    assert (ended.status, ended.reason) == (OperationStatus.FAILED, "no krane answers")
    (step,) = await yard.store.steps_of(operation_id=operation_id)
    assert (step.status, step.detail) == (StepStatus.FAILED, "no krane answers")
    before = await yard.dump()
    again = await yard.store.finish_operation(operation_id=operation_id, status=OperationStatus.SUCCEEDED)
    assert again == ended
    await yard.store.begin_operation(operation_id=operation_id)
    await yard.store.begin_step(operation_id=operation_id, name="late")
    await yard.store.end_step(operation_id=operation_id, name="lookup", status=StepStatus.DONE)
    assert await yard.dump() == before


async def test_an_operation_ends_as_the_table_of_transitions_says(yard: Yard) -> None:
    """What never ran cannot have succeeded; running is no end."""
    deploy = await yard.admit()
    for status in (OperationStatus.SUCCEEDED, OperationStatus.DEGRADED, OperationStatus.RUNNING):
        with pytest.raises(IllegalTransition):
            await yard.store.finish_operation(operation_id=deploy.operation_id, status=status)
    with pytest.raises(NotFound):
        await yard.store.finish_operation(operation_id="op_nobody", status=OperationStatus.FAILED)


async def test_the_timeline_keeps_first_starts_and_first_ends(yard: Yard) -> None:
    """In the order the steps began; a failed step that is tried again runs again."""
    operation_id = (await yard.admit()).operation_id
    store = yard.store
    await store.begin_step(operation_id=operation_id, name="lookup")
    await store.begin_step(operation_id=operation_id, name="containers")
    await store.end_step(operation_id=operation_id, name="lookup", status=StepStatus.DONE)
    await store.end_step(operation_id=operation_id, name="openapi", status=StepStatus.SKIPPED, detail="none")
    first = await store.steps_of(operation_id=operation_id)
    assert [(step.name, step.status) for step in first] == [
        ("lookup", StepStatus.DONE),
        ("containers", StepStatus.RUNNING),
        ("openapi", StepStatus.SKIPPED),
    ]
    await store.begin_step(operation_id=operation_id, name="lookup")
    await store.end_step(operation_id=operation_id, name="lookup", status=StepStatus.FAILED, detail="late")
    await store.begin_step(operation_id=operation_id, name="containers")
    assert await store.steps_of(operation_id=operation_id) == first
    await store.end_step(operation_id=operation_id, name="containers", status=StepStatus.FAILED, detail="no")
    await store.begin_step(operation_id=operation_id, name="containers")
    again = (await store.steps_of(operation_id=operation_id))[1]
    assert (again.status, again.started_at, again.detail) == (StepStatus.RUNNING, first[1].started_at, None)


async def test_statuses_advance_by_the_table_only(yard: Yard) -> None:
    """A repeat is nothing; a leap is refused."""
    deployment_id = (await yard.admit()).deployment_id
    for _ in range(2):
        await yard.store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.BUILDING)
    with pytest.raises(IllegalTransition):
        await yard.store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.READY)
    assert await yard.status(deployment_id) is DeploymentStatus.BUILDING


async def test_a_failed_deploy_ends_everything_at_once(yard: Yard) -> None:
    """Deployment, placements, timeline and operation, with the reason a person acts on."""
    v1 = await yard.ship()
    deploy = await yard.admit()
    await yard.start(deploy)
    await yard.store.begin_step(operation_id=deploy.operation_id, name="readiness")
    serves = await yard.serves()
    ended = await yard.store.fail_deploy(
        operation_id=deploy.operation_id, deployment_id=deploy.deployment_id, reason="exit code 1"
    )
    assert (ended.status, ended.reason) == (OperationStatus.FAILED, "exit code 1")
    deployment = (await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)).deployment
    assert (deployment.status, deployment.reason) == (DeploymentStatus.FAILED, "exit code 1")
    desired = await yard.store.desired_state(region=REGION, since=None)
    assert desired is not None
    assert [spec.deployment_id for spec in desired.deployments] == [v1.id]
    assert await yard.serves() == serves
    before = await yard.dump()
    await yard.store.fail_deploy(
        operation_id=deploy.operation_id, deployment_id=deploy.deployment_id, reason="another reason"
    )
    assert await yard.dump() == before


async def test_a_committed_switch_cannot_fail_any_more(yard: Yard) -> None:
    """The deployment stays ready, its operation ends degraded."""
    v1 = await yard.ship()
    ended = await yard.store.fail_deploy(operation_id=v1.operation_id, deployment_id=v1.id, reason="too late")
    assert (ended.status, ended.reason) == (OperationStatus.DEGRADED, "too late")
    assert await yard.status(v1.id) is DeploymentStatus.READY


async def test_abandoning_removes_what_was_placed_and_waits_for_it(yard: Yard, clock: Clock) -> None:
    """Twice the same answer, one wait; nothing to wait for when nothing was placed."""
    deploy = await yard.admit()
    await yard.start(deploy)
    gone = wait_for(deploy, clock, WaitKind.INSTANCES_GONE)
    wanted = {
        "operation_id": deploy.operation_id,
        "deployment_id": deploy.deployment_id,
        "status": DeploymentStatus.CANCELLED,
        "reason": "cancelled by alice",
    }
    assert await yard.store.abandon_deployment(**wanted, wait=gone)
    before = await yard.dump()
    assert await yard.store.abandon_deployment(**wanted, wait=gone)
    assert await yard.dump() == before
    assert await yard.store.open_waits() == (gone,)
    assert await yard.status(deploy.deployment_id) is DeploymentStatus.CANCELLED
    never_placed = await yard.admit()
    wanted |= {"operation_id": never_placed.operation_id, "deployment_id": never_placed.deployment_id}
    assert not await yard.store.abandon_deployment(**wanted, wait=wait_for(never_placed, clock))


async def test_abandoning_leaves_alone_what_is_switched_to(yard: Yard, clock: Clock) -> None:
    """Even when it is no longer live."""
    v1 = await yard.ship()
    before = await yard.dump()
    assert not await yard.store.abandon_deployment(
        operation_id=v1.operation_id,
        deployment_id=v1.id,
        status=DeploymentStatus.FAILED,
        reason="too late",
        wait=None,
    )
    assert await yard.dump() == before


async def test_a_replaced_deployment_is_retired_unless_something_leads_to_it(yard: Yard) -> None:
    """Live, branch and environment domains keep it; its own commit domain does not."""
    v1 = await yard.ship(git=GitData(branch="old", commit_sha=yard.sha()))
    v2, v3 = await yard.ship(), await yard.ship()
    assert not await yard.store.retire(deployment_id=v3.id, generation=3)
    assert not await yard.store.retire(deployment_id=v1.id, generation=2), "its branch domain leads to it"
    assert await yard.store.retire(deployment_id=v2.id, generation=3)
    assert await yard.store.retire(deployment_id=v2.id, generation=3), "a repeat says the same"
    assert await yard.status(v2.id) is DeploymentStatus.STOPPED
    desired = await yard.store.desired_state(region=REGION, since=None)
    assert desired is not None
    assert {spec.deployment_id for spec in desired.deployments} == {v1.id, v3.id}
    assert not await yard.store.retire(deployment_id="dep_nobody", generation=1)


async def test_a_later_switch_makes_an_earlier_retirement_void(yard: Yard) -> None:
    """It went live again and was replaced again: it stays warm for the whole of the new time."""
    v1, v2 = await yard.ship(), await yard.ship()
    await yard.rollback(to=v1.id)
    await yard.promote(v2.id)
    assert not await yard.store.retire(deployment_id=v1.id, generation=2)
    assert await yard.store.retire(deployment_id=v1.id, generation=4)


async def test_overdue_operations_are_found_and_ended(yard: Yard, clock: Clock) -> None:
    """With deployment, placements and waits; what ended in time is left alone."""
    done = await yard.ship()
    await yard.store.finish_operation(operation_id=done.operation_id, status=OperationStatus.SUCCEEDED)
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    await yard.store.place(spec=plan.run_spec(), regions=[REGION], wait=wait_for(deploy, clock))
    await yard.store.end_overdue(operation_id=deploy.operation_id, at=clock.now)
    assert await yard.store.overdue_operations(at=clock.now) == ()
    clock.advance(601)
    assert await yard.store.overdue_operations(at=clock.now) == (deploy,)
    assert await yard.store.overdue_operations(at=clock.now - timedelta(seconds=60)) == ()
    await yard.store.end_overdue(operation_id=deploy.operation_id, at=clock.now)
    await yard.store.end_overdue(operation_id=done.operation_id, at=clock.now)
    assert await yard.store.overdue_operations(at=clock.now) == ()
    assert await yard.status(deploy.deployment_id) is DeploymentStatus.FAILED
    assert await yard.status(done.id) is DeploymentStatus.READY
    assert all(wait.operation_id != deploy.operation_id for wait in await yard.store.open_waits())


async def test_an_overdue_operation_whose_switch_is_committed_ends_degraded(yard: Yard, clock: Clock) -> None:
    """A committed switch is never called failed."""
    v1 = await yard.ship()
    clock.advance(601)
    await yard.store.end_overdue(operation_id=v1.operation_id, at=clock.now)
    ended = await yard.store.get_operation(operation_id=v1.operation_id, workspace_id=yard.workspace.id)
    assert ended.status is OperationStatus.DEGRADED
    assert await yard.status(v1.id) is DeploymentStatus.READY


async def test_an_operation_that_nobody_admitted_is_adopted_once(yard: Yard) -> None:
    """The workflows may be called directly; their operation is written down, and is never sent."""
    v1, v2 = await yard.ship(), await yard.ship()
    wanted = {
        "operation_id": "op_direct",
        "kind": OperationKind.ROLLBACK,
        "project_id": (await yard.project()).id,
        "deployment_id": v1.id,
        "source_deployment_id": v2.id,
    }
    await yard.store.adopt_operation(**wanted)
    before = await yard.dump()
    await yard.store.adopt_operation(**wanted)
    assert await yard.dump() == before
    assert await yard.store.unsent_operations(older_than_seconds=0) == ()
    operation = await yard.store.begin_operation(operation_id="op_direct")
    asked = UnsentOperation(
        operation_id=operation.id,
        kind=operation.kind,
        project_id=operation.project_id,
        deployment_id=operation.deployment_id,
        source_deployment_id=operation.source_deployment_id,
        from_source=False,
    )
    assert (await yard.switch(asked)).live_deployment_id == v1.id
    with pytest.raises(NotFound):
        await yard.store.adopt_operation(**(wanted | {"operation_id": "op_2", "deployment_id": "dep_nobody"}))


async def test_a_queued_deploy_says_for_whom_it_waits(yard: Yard) -> None:
    """The oldest deploy of the project before it; rollbacks wait for no deploy."""
    live = await yard.ship()
    await yard.store.finish_operation(operation_id=live.operation_id, status=OperationStatus.SUCCEEDED)
    first, second, third = await yard.admit(), await yard.admit(), await yard.admit()
    await yard.admit(project="another")
    for waiting in (second, third):
        blocking = await yard.store.blocking_operation(operation_id=waiting.operation_id)
        assert blocking is not None
        assert blocking.id == first.operation_id
    assert await yard.store.blocking_operation(operation_id=first.operation_id) is None
    found = await yard.store.active_operations(workspace_id=yard.workspace.id)
    assert [operation.id for operation in found][:3] == [each.operation_id for each in (first, second, third)]


async def test_a_newer_deploy_of_the_same_branch_overtakes(yard: Yard) -> None:
    """Same environment and branch; one that has given up overtakes nobody."""
    first = await yard.admit()
    await yard.admit(environment="preview")
    await yard.admit(git=GitData(branch="next"))
    assert await yard.store.overtaking_operation(operation_id=first.operation_id) is None
    newer = await yard.admit()
    overtaking = await yard.store.overtaking_operation(operation_id=first.operation_id)
    assert overtaking is not None
    assert overtaking.id == newer.operation_id
    assert await yard.store.overtaking_operation(operation_id=newer.operation_id) is None
    await yard.store.finish_operation(operation_id=newer.operation_id, status=OperationStatus.CANCELLED)
    assert await yard.store.overtaking_operation(operation_id=first.operation_id) is None


async def test_a_plan_is_complete_and_comes_back_as_it_was_given(yard: Yard) -> None:
    """Every setting survives the database."""
    await yard.store.create_keyspace(workspace_id=yard.workspace.id, slug="customers", limit=None, actor="alice")
    deploy = await yard.admit(key_auth_id="customers", openapi_path="/openapi.json", regions=("north", "south"))
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    assert (plan.workspace.slug, plan.project.slug, plan.environment.slug) == ("acme", "shop", "production")
    assert plan.deployment.command == ("serve", "$PORT")
    assert plan.deployment.regions == ("north", "south")
    assert plan.run_spec().image == "shop:v1"
    by_id = await yard.store.get_deployment(deployment_id=deploy.deployment_id, workspace_id=yard.workspace.id)
    assert by_id == plan.deployment
    assert (await yard.store.list_deployments(project_id=plan.project.id, limit=5)) == (plan.deployment,)
    found = await yard.store.deploy_operation_of(deployment_id=deploy.deployment_id)
    assert found is not None
    assert found.id == deploy.operation_id
    with pytest.raises(NotFound):
        await yard.store.load_deploy_plan(deployment_id="dep_nobody")


async def test_waits_are_open_until_settled(yard: Yard, clock: Clock) -> None:
    """Written once, with the number of instances that the placement makes."""
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    wait = wait_for(deploy, clock)
    spec = replace(plan.run_spec(), resources=replace(plan.deployment.resources, replicas=2))
    for _ in range(2):
        assert await yard.store.place(spec=spec, regions=["north", "south"], wait=wait) == 4
    assert await yard.store.open_waits() == (replace(wait, wanted=4),)
    for _ in range(2):
        await yard.store.settle_wait(awakeable_id=wait.awakeable_id)
    await yard.store.place(spec=spec, regions=["north", "south"], wait=wait)
    assert await yard.store.open_waits() == ()


async def test_registration_is_for_those_that_run(yard: Yard) -> None:
    """And says the same when asked again."""
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    await yard.store.place(spec=plan.run_spec(), regions=[REGION])
    running = await yard.report(deploy.deployment_id, InstanceStatus.RUNNING)
    await yard.report(deploy.deployment_id, InstanceStatus.STARTING, slot=1)
    for _ in range(2):
        registered = await yard.store.register_instances(deployment_id=deploy.deployment_id)
        assert [(instance.id, instance.registered) for instance in registered] == [(running, True)]
