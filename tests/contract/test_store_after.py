"""Jobs and observations, as the store keeps them."""

from __future__ import annotations

from datetime import timedelta

from tests.contract.store_kit import REGION, Shipped, Yard
from turnout.domain.documents import RegionReport
from turnout.domain.job_documents import JobReport
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Backend, Release
from turnout.domain.statuses import (
    DeploymentStatus,
    InstanceStatus,
    JobStatus,
    ObservationStatus,
    OperationStatus,
)
from turnout.domain.waits import Wait, WaitKind

OURS, THEIRS = "a" * 32, "b" * 32


async def with_job(yard: Yard) -> tuple[UnsentOperation, str]:
    """A deploy whose release command shall run."""
    deploy = await yard.admit(release=Release(command=("migrate",)))
    return deploy, await ask(yard, deploy)


async def ask(yard: Yard, deploy: UnsentOperation) -> str:
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    now = yard.clock()
    wait = Wait(
        awakeable_id="awk-release",
        operation_id=deploy.operation_id,
        kind=WaitKind.RELEASE,
        deployment_id=deploy.deployment_id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=30),
    )
    return await yard.store.place_job(spec=plan.release_spec(), region=REGION, timeout=30, wait=wait)


async def say(yard: Yard, report: JobReport) -> None:
    """What a krane says of a job."""
    told = RegionReport(complete=False, backends=(Backend.DOCKER,), instances=(), jobs=(report,))
    await yard.store.apply_region_report(region=REGION, report=told)


async def test_a_job_is_asked_for_begun_and_ended_once(yard: Yard) -> None:
    """Whoever asks again finds the same; after its end nobody may begin it, and krane may forget it."""
    deploy, job_id = await with_job(yard)
    assert await ask(yard, deploy) == job_id
    state = await yard.store.desired_state(region=REGION, since=None)
    assert state is not None
    assert [(job.id, job.run.command, job.timeout) for job in state.jobs] == [(job_id, ("migrate",), 30)]
    assert await yard.store.begin_job(region=REGION, job_id=job_id, claim=OURS)
    assert await yard.store.begin_job(region=REGION, job_id=job_id, claim=OURS)
    await say(yard, JobReport(id=job_id, status=JobStatus.SUCCEEDED, exit_code=0))
    await say(yard, JobReport(id=job_id, status=JobStatus.FAILED, exit_code=1, reason="late"))
    job = await yard.store.job_of(deployment_id=deploy.deployment_id)
    assert job is not None
    assert (job.status, job.exit_code, job.present) == (JobStatus.SUCCEEDED, 0, True)
    changed = await yard.store.desired_state(region=REGION, since=state.revision)
    assert changed is not None
    assert (changed.jobs, changed.removed_jobs) == ((), (job_id,))
    assert not await yard.store.begin_job(region=REGION, job_id=job_id, claim=OURS)
    await say(yard, JobReport(id=job_id, status=JobStatus.SUCCEEDED, gone=True))
    job = await yard.store.job_of(deployment_id=deploy.deployment_id)
    assert job is not None
    assert not job.present


async def test_a_second_claim_ends_a_job(yard: Yard) -> None:
    """The krane that began it has lost its memory: nobody knows, so it failed."""
    deploy, job_id = await with_job(yard)
    assert await yard.store.begin_job(region=REGION, job_id=job_id, claim=OURS)
    assert not await yard.store.begin_job(region=REGION, job_id=job_id, claim=THEIRS)
    job = await yard.store.job_of(deployment_id=deploy.deployment_id)
    assert job is not None
    assert job.status is JobStatus.FAILED
    assert "nobody knows" in (job.reason or "")


async def test_a_region_may_not_begin_the_job_of_another(yard: Yard) -> None:
    """Nor one that does not exist."""
    _, job_id = await with_job(yard)
    assert not await yard.store.begin_job(region="south", job_id=job_id, claim=OURS)
    assert not await yard.store.begin_job(region=REGION, job_id="ins_nothing", claim=OURS)


async def test_a_deploy_that_is_given_up_waits_for_its_job(yard: Yard) -> None:
    """Nothing was placed yet, but something runs."""
    deploy, job_id = await with_job(yard)
    assert await yard.store.begin_job(region=REGION, job_id=job_id, claim=OURS)
    now = yard.clock()
    wait = Wait(
        awakeable_id="awk-gone",
        operation_id=deploy.operation_id,
        kind=WaitKind.INSTANCES_GONE,
        deployment_id=deploy.deployment_id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=30),
    )
    assert await yard.store.abandon_deployment(
        operation_id=deploy.operation_id,
        deployment_id=deploy.deployment_id,
        status=DeploymentStatus.CANCELLED,
        reason="cancelled",
        wait=wait,
    )
    job = await yard.store.job_of(deployment_id=deploy.deployment_id)
    assert job is not None
    assert (job.status, job.wanted, job.present) == (JobStatus.FAILED, False, True)


async def shipped(yard: Yard, **wanted: object) -> Shipped:
    """A deploy that has switched and is being observed."""
    deploy = await yard.admit(**wanted)
    await yard.start(deploy)
    result = await yard.store.switch(yard.request(deploy, observe_seconds=30.0))
    return Shipped(deploy.operation_id, deploy.deployment_id, result)


async def end(yard: Yard, deploy: Shipped) -> ObservationStatus:
    """End an observation."""
    found = await yard.store.end_observation(operation_id=deploy.operation_id, deadline_seconds=60)
    assert found is not None
    return found.status


async def test_an_incident_before_the_end_of_the_operation_degrades_it_at_its_end(yard: Yard) -> None:
    """The observation may be quicker than the gateways."""
    deploy = await shipped(yard)
    await yard.report(deploy.id, InstanceStatus.STARTING, reason="exited with code 9")
    assert await end(yard, deploy) is ObservationStatus.DEGRADED
    ended = await yard.store.finish_operation(operation_id=deploy.operation_id, status=OperationStatus.SUCCEEDED)
    assert ended.status is OperationStatus.DEGRADED
    assert "code 9" in (ended.reason or "")


async def test_the_wait_of_an_observation_outlives_the_operation(yard: Yard) -> None:
    """Whichever comes first: the observation is told of an incident when it happens, not when its time is up."""
    deploy = await shipped(yard)
    now = yard.clock()
    wait = Wait(
        awakeable_id="awk-observation",
        operation_id=deploy.operation_id,
        kind=WaitKind.OBSERVATION,
        deployment_id=deploy.id,
        generation=None,
        wanted=0,
        created_at=now,
        deadline_at=now + timedelta(seconds=30),
    )
    await yard.store.begin_observing(wait=wait)
    await yard.store.finish_operation(operation_id=deploy.operation_id, status=OperationStatus.SUCCEEDED)
    assert [each.awakeable_id for each in await yard.store.open_waits()] == ["awk-observation"]


async def test_what_is_no_incident(yard: Yard) -> None:
    """An instance that was told to end, and what happens after the time."""
    deploy = await shipped(yard)
    await yard.report(deploy.id, InstanceStatus.STARTING, reason="is being stopped", stopping=True)
    await yard.report(deploy.id, InstanceStatus.RUNNING)
    yard.clock.advance(31)
    await yard.report(deploy.id, InstanceStatus.STARTING, reason="exited with code 9")
    assert await end(yard, deploy) is ObservationStatus.PASSED


async def test_auto_rollback_is_asked_for_once(yard: Yard) -> None:
    """However often the observation is ended; and not without anything to go back to."""
    first = await shipped(yard, auto_rollback=True)
    second = await shipped(yard, auto_rollback=True)
    await yard.report(second.id, InstanceStatus.STARTING, restarts=1, reason="exited with code 9")
    assert [await end(yard, second) for _ in range(2)] == [ObservationStatus.DEGRADED] * 2
    unsent = await yard.store.unsent_operations(older_than_seconds=0)
    asked = [each for each in unsent if each.source_deployment_id == second.id]
    assert [each.deployment_id for each in asked] == [first.id]
    assert await end(yard, first) is ObservationStatus.REPLACED


async def test_the_first_version_has_nothing_to_go_back_to(yard: Yard) -> None:
    """It says so."""
    deploy = await shipped(yard, auto_rollback=True)
    await yard.report(deploy.id, InstanceStatus.FAILED, reason="exited with code 9")
    assert await end(yard, deploy) is ObservationStatus.DEGRADED
    found = await yard.store.observation_of(operation_id=deploy.operation_id)
    assert found is not None
    assert "nothing was live before" in (found.note or "")
    assert found.rollback_operation_id is None
