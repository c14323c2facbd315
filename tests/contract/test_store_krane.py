"""What the kranes are told to run, and what they report."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from tests.contract.store_kit import REGION, Clock, Yard
from turnout.domain.documents import DesiredState, InstanceReport, RegionReport
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Backend, Resources
from turnout.domain.statuses import InstanceStatus
from turnout.store.schema import instances


async def placed(yard: Yard, *regions: str) -> UnsentOperation:
    """A deploy that shall run."""
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    await yard.store.place(spec=plan.run_spec(), regions=regions or [REGION])
    return deploy


async def desired(yard: Yard, region: str = REGION, since: int | None = None) -> DesiredState:
    """What there is to tell."""
    state = await yard.store.desired_state(region=region, since=since)
    assert state is not None
    return state


async def test_an_unknown_region_shall_run_nothing(yard: Yard) -> None:
    """The first message is complete, whatever is in it."""
    state = await desired(yard, "nowhere")
    assert (state.complete, state.deployments, state.removed, state.revision) == (True, (), (), 0)
    assert await yard.store.desired_state(region="nowhere", since=0) is None


async def test_changes_since_a_revision(yard: Yard) -> None:
    """What was placed, what was removed, and nothing of other regions."""
    first = await placed(yard)
    start = await desired(yard)
    assert [spec.deployment_id for spec in start.deployments] == [first.deployment_id]
    second = await placed(yard, REGION, "south")
    await yard.store.unplace(deployment_id=first.deployment_id)
    change = await desired(yard, since=start.revision)
    assert not change.complete
    assert [spec.deployment_id for spec in change.deployments] == [second.deployment_id]
    assert change.removed == (first.deployment_id,)
    assert await yard.store.desired_state(region=REGION, since=change.revision) is None
    assert (await desired(yard, "south", since=start.revision)).removed == ()
    assert [spec.deployment_id for spec in (await desired(yard)).deployments] == [second.deployment_id]


async def test_a_repeated_place_or_unplace_is_no_change(yard: Yard) -> None:
    """The revision stays; another spec is a change."""
    deploy = await placed(yard)
    spec = (await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)).run_spec()
    before = await yard.dump()
    await yard.store.place(spec=spec, regions=[REGION])
    assert await yard.dump() == before
    more = replace(spec, resources=Resources(replicas=3))
    assert await yard.store.place(spec=more, regions=[REGION]) == 3
    assert (await desired(yard, since=1)).deployments == (more,)
    await yard.store.unplace(deployment_id=deploy.deployment_id)
    before = await yard.dump()
    await yard.store.unplace(deployment_id=deploy.deployment_id)
    assert await yard.dump() == before


async def test_a_revision_from_the_future_gets_everything(yard: Yard) -> None:
    """The store was restored from a backup; the krane has to start over."""
    await placed(yard)
    assert (await desired(yard, since=999)).complete


async def test_reports_are_kept_as_last_told(yard: Yard) -> None:
    """Status, address, reason; the same report again changes nothing."""
    deploy = await placed(yard)
    await yard.report(deploy.deployment_id, InstanceStatus.STARTING)
    await yard.report(deploy.deployment_id, InstanceStatus.FAILED, reason="exit code 1", restarts=2)
    before = await yard.dump()
    await yard.report(deploy.deployment_id, InstanceStatus.FAILED, reason="exit code 1", restarts=2)
    assert await yard.dump() == before
    (instance,) = await yard.store.instances_of(deployment_id=deploy.deployment_id)
    assert (instance.status, instance.reason, instance.region) == (InstanceStatus.FAILED, "exit code 1", REGION)


async def test_instances_of_unknown_deployments_are_ignored(yard: Yard) -> None:
    """And so are those of deployments that were never placed in the region."""
    elsewhere = await placed(yard, "south")
    await yard.report("dep_nobody", InstanceStatus.RUNNING)
    await yard.report(elsewhere.deployment_id, InstanceStatus.RUNNING)
    async with yard.store._db.read() as tx:
        assert (await tx.execute(select(instances))).all() == []


async def test_a_region_cannot_speak_for_another_ones_instance(yard: Yard) -> None:
    """Neither change it nor make it go away."""
    deploy = await placed(yard, REGION, "south")
    await yard.report(deploy.deployment_id, InstanceStatus.RUNNING)
    await yard.report(deploy.deployment_id, InstanceStatus.FAILED, region="south")
    await yard.report(deploy.deployment_id, InstanceStatus.GONE, region="south")
    (instance,) = await yard.store.instances_of(deployment_id=deploy.deployment_id)
    assert (instance.region, instance.status) == (REGION, InstanceStatus.RUNNING)


async def test_nothing_is_left_of_what_is_gone(yard: Yard) -> None:
    """Reported gone, or not listed in a complete report."""
    deploy = await placed(yard)
    await yard.report(deploy.deployment_id, InstanceStatus.RUNNING)
    await yard.report(deploy.deployment_id, InstanceStatus.RUNNING, slot=1)
    await yard.report(deploy.deployment_id, InstanceStatus.GONE)
    assert [each.slot for each in await yard.store.instances_of(deployment_id=deploy.deployment_id)] == [1]
    empty = RegionReport(complete=True, backends=(Backend.DOCKER,), instances=())
    await yard.store.apply_region_report(region=REGION, report=empty)
    assert await yard.store.instances_of(deployment_id=deploy.deployment_id) == ()


async def test_a_replaced_instance_of_a_ready_deployment_is_registered_when_it_runs(yard: Yard) -> None:
    """No workflow is there to do it any more."""
    v1 = await yard.ship()
    await yard.report(v1.id, InstanceStatus.GONE)
    await yard.report(v1.id, InstanceStatus.STARTING, slot=7)
    (instance,) = await yard.store.instances_of(deployment_id=v1.id)
    assert not instance.registered
    await yard.report(v1.id, InstanceStatus.RUNNING, slot=7)
    (instance,) = await yard.store.instances_of(deployment_id=v1.id)
    assert instance.registered


async def test_regions_tell_of_their_krane(yard: Yard, clock: Clock) -> None:
    """Connected or not, since when not seen, how much runs."""
    await yard.store.krane_connected(region=REGION, backends=[Backend.PROCESS])
    deploy = await placed(yard, REGION, "south")
    await yard.report(deploy.deployment_id, InstanceStatus.RUNNING)
    north, south = await yard.store.regions()
    assert (north.name, north.connected, north.instances_running) == (REGION, True, 1)
    assert north.backends == (Backend.DOCKER,), "the report knows better"
    assert (south.connected, south.last_seen_at, south.instances_running) == (False, None, 0)
    await yard.store.krane_disconnected(region=REGION)
    assert not (await yard.store.regions())[0].connected


async def test_a_report_without_news_is_rarely_written_down(yard: Yard, clock: Clock) -> None:
    """Each write wakes everybody who waits; once in five seconds is enough to know that a krane lives."""
    report = RegionReport(
        complete=True,
        backends=(Backend.DOCKER,),
        instances=(InstanceReport(id="i", deployment_id="d", slot=0, status=InstanceStatus.STARTING),),
    )
    await yard.store.apply_region_report(region=REGION, report=report)
    before = await yard.dump()
    await yard.store.apply_region_report(region=REGION, report=report)
    assert await yard.dump() == before
    clock.advance(5)
    await yard.store.apply_region_report(region=REGION, report=report)
    assert await yard.dump() != before
