"""What is stuck, leaked or forgotten is found, mended once, and written down: on both databases."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import structlog
from sqlalchemy import select

from tests.contract.store_kit import REGION, Yard
from tests.contract.watchdog_kit import WARM, FakeRestate, Kennel
from tests.faults.rows import Row
from turnout.dispatch import Dispatcher
from turnout.domain.documents import StrayReport
from turnout.domain.findings import FindingKind
from turnout.domain.records import Backend
from turnout.domain.statuses import DeploymentStatus, InstanceStatus, OperationStatus
from turnout.domain.waits import Wait, WaitKind
from turnout.settings import DeploySettings
from turnout.store import Store
from turnout.store.schema import build_places, deployments, operations, placements, waits

pytestmark = pytest.mark.fault(Row.WATCHED)
K = FindingKind


@pytest.fixture
async def kennel(yard: Yard) -> Kennel:
    """A watchdog over an empty store; a krane and a gateway are connected."""
    await yard.store.krane_connected(region=REGION, backends=[Backend.DOCKER])
    return Kennel(yard)


async def sent(kennel: Kennel, **wanted) -> str:
    """A deploy that Restate was given. Returns its operation."""
    asked = await kennel.yard.admit(**wanted)
    await kennel.yard.store.mark_sent(operation_id=asked.operation_id)
    return asked.operation_id


async def deployment_of(kennel: Kennel, operation_id: str) -> str:
    """The deployment of an operation."""
    return (await operation(kennel, operation_id)).deployment_id


async def operation(kennel: Kennel, operation_id: str):
    """As it now is."""
    return await kennel.yard.store.get_operation(operation_id=operation_id, workspace_id=kennel.yard.workspace.id)


async def begin(kennel: Kennel, operation_id: str) -> None:
    """The handler has taken its first step."""
    await kennel.yard.store.begin_operation(operation_id=operation_id)
    await kennel.yard.store.begin_step(operation_id=operation_id, name="lookup")


async def test_a_healthy_store_stays_as_it_is(kennel: Kennel) -> None:
    """Nothing is found, and not a byte is written."""
    await kennel.yard.ship()
    operation_id = await sent(kennel, project="other")
    await begin(kennel, operation_id)
    kennel.restate.invoke("inv_1", "suspended", operation_id)
    for each in (await kennel.yard.store.active_operations(workspace_id=None))[:1]:
        kennel.restate.invoke("inv_0", "running", each.id)
        await kennel.yard.store.mark_sent(operation_id=each.id)
    before = await kennel.dump()
    assert await kennel.look(times=2) == {}
    assert await kennel.dump() == before


@pytest.mark.fault(Row.RESTATE_WIPED)
@pytest.mark.parametrize("built", [False, True])
async def test_what_restate_has_lost_and_nothing_of_has_begun_is_sent_again(kennel: Kennel, built: bool) -> None:
    """Once, by the dispatcher; also one that was built and waits for its turn."""
    operation_id = await sent(kennel)
    if built:
        await kennel.yard.store.begin_operation(operation_id=operation_id)
        await kennel.yard.store.begin_step(operation_id=operation_id, name="build")
    assert await kennel.look() == {}
    await kennel.look(times=2)
    assert kennel.sent_again == [operation_id]
    found = (await kennel.look())[operation_id]
    assert (found.kind, found.repaired) == (K.OPERATION_LOST, True)
    assert found.sentence.endswith("it was sent again")
    assert await kennel.audit() == [("watchdog.operation-lost", operation_id)]


@pytest.mark.fault(Row.RESTATE_WIPED)
async def test_what_restate_has_lost_in_the_middle_ends_failed(kennel: Kennel) -> None:
    """With the reason; nothing of it shall run, its build is ended, and what it waited for is settled."""
    store = kennel.yard.store
    operation_id = await sent(kennel)
    deployment_id = await deployment_of(kennel, operation_id)
    await begin(kennel, operation_id)
    for status in (DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING):
        await store.advance_deployment(deployment_id=deployment_id, status=status)
    plan = await store.load_deploy_plan(deployment_id=deployment_id)
    await store.place(spec=plan.run_spec(), regions=(REGION,), wait=a_wait(kennel, operation_id, deployment_id))
    found = (await kennel.look(times=3))[operation_id]
    assert (found.kind, found.repaired) == (K.OPERATION_LOST, False)
    ended = await operation(kennel, operation_id)
    assert ended.status is OperationStatus.FAILED
    assert "Restate knows nothing of it" in (ended.reason or "")
    assert await kennel.yard.status(deployment_id) is DeploymentStatus.FAILED
    assert await store.open_waits() == ()
    state = await store.desired_state(region=REGION, since=None)
    assert state is not None
    assert state.deployments == ()
    assert kennel.cancelled_builds == [deployment_id]
    assert (await kennel.look())[operation_id].repaired
    assert kennel.watchdog.repairs(workspace_id=kennel.yard.workspace.id) == {K.OPERATION_LOST: 1}


async def test_what_somebody_killed_is_not_sent_again(kennel: Kennel) -> None:
    """Restate would take it for the one that was killed, so it ends; nobody reports a repair twice."""
    operation_id = await sent(kennel)
    kennel.restate.invoke("inv_1", "completed", operation_id)
    await kennel.look(times=4)
    assert "somebody killed its invocation" in ((await operation(kennel, operation_id)).reason or "")
    assert await kennel.audit() == [("watchdog.operation-lost", operation_id)]


@pytest.mark.fault(Row.RESTATE_WIPED)
@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_committed_switch_never_fails(kennel: Kennel, acknowledged: bool) -> None:
    """What was lost after its switch ends by what the gateways have acknowledged."""
    store = kennel.yard.store
    shipped = await kennel.yard.ship()
    await store.mark_sent(operation_id=shipped.operation_id)
    await store.begin_step(operation_id=shipped.operation_id, name="lookup")
    await store.gateway_connected(gateway_id="gw", region=REGION, at=kennel.yard.clock())
    if acknowledged:
        await store.gateway_acknowledged(gateway_id="gw", generation=shipped.result.generation, at=kennel.yard.clock())
    await kennel.look(times=3)
    ended = await operation(kennel, shipped.operation_id)
    assert ended.status is (OperationStatus.SUCCEEDED if acknowledged else OperationStatus.DEGRADED)
    assert await kennel.yard.status(shipped.id) is DeploymentStatus.READY
    assert (await kennel.yard.project()).live_deployment_id == shipped.id


async def test_a_lost_start_is_put_back_to_sleep(kennel: Kennel) -> None:
    """Its instances would run for ever otherwise. The same holds for one that is overdue."""
    store, workspace_id = kennel.yard.store, kennel.yard.workspace.id
    old = await kennel.yard.ship()
    await kennel.yard.ship()
    await store.finish_operation(operation_id=old.operation_id, status=OperationStatus.SUCCEEDED)
    await store.stop_deployment(workspace_id=workspace_id, deployment_id=old.id, actor="alice")
    for how in ("lost", "overdue"):
        asked = await store.admit_start(
            workspace_id=workspace_id, deployment_id=old.id, actor="alice", deadline_seconds=60
        )
        await store.begin_operation(operation_id=asked.operation_id)
        plan = await store.load_deploy_plan(deployment_id=old.id)
        wait = a_wait(kennel, asked.operation_id, old.id, how)
        await store.wake(operation_id=asked.operation_id, spec=plan.run_spec(), regions=(REGION,), wait=wait)
        kennel.yard.clock.advance(61)
        if how == "lost":
            assert await store.end_lost(operation_id=asked.operation_id, why="the test says so")
            assert not await store.end_lost(operation_id=asked.operation_id, why="the test says so")
        else:
            await store.end_overdue(operation_id=asked.operation_id, at=kennel.yard.clock.now)
        assert (await operation(kennel, asked.operation_id)).status is OperationStatus.FAILED
        state = await store.desired_state(region=REGION, since=None)
        assert old.id not in [spec.deployment_id for spec in state.deployments]


async def test_a_paused_invocation_goes_on_and_is_killed_the_second_time(kennel: Kennel) -> None:
    """And its operation ends then, since nobody carries it on any more."""
    operation_id = await sent(kennel)
    await begin(kennel, operation_id)
    status = {"resume": "running", "kill": "completed"}

    def obey(restate: FakeRestate, order: str, invocation_id: str) -> None:
        restate.invocations[invocation_id]["status"] = status[order]

    kennel.restate.obeys = obey
    kennel.restate.invoke("inv_1", "paused", operation_id)
    assert (await kennel.look())["inv_1"].sentence.endswith("it was resumed")
    assert (await kennel.look())["inv_1"].repaired
    kennel.restate.invoke("inv_1", "paused", operation_id)
    await kennel.look(times=4)
    assert kennel.restate.told == ["resume inv_1", "kill inv_1"]
    assert (await operation(kennel, operation_id)).status is OperationStatus.FAILED
    assert [action for action, _ in await kennel.audit()] == [
        "watchdog.invocation-paused",
        "watchdog.invocation-paused",
        "watchdog.operation-lost",
    ]


async def test_an_invocation_that_outlives_its_operation_is_ended(kennel: Kennel) -> None:
    """First it may end by itself; one whose operation is another's or nobody's is told apart."""
    operation_id = await sent(kennel)
    await kennel.yard.store.fail_deploy(
        operation_id=operation_id, deployment_id=await deployment_of(kennel, operation_id), reason="it did not start"
    )
    kennel.restate.invoke("inv_1", "suspended", operation_id)
    kennel.restate.invoke("inv_2", "running", "op_" + "0" * 26)
    kennel.restate.invoke("inv_3", "running", "somebody-elses")
    kennel.restate.invoke("inv_4", "pending", operation_id)
    assert await kennel.look(times=4) == {}
    assert set(await kennel.look()) == {"inv_1", "inv_2"}
    await kennel.look(times=3)
    assert kennel.restate.told == ["cancel inv_1", "cancel inv_2", "kill inv_1", "kill inv_2"]


@pytest.mark.fault(Row.RESTATE_WIPED)
async def test_a_restate_that_comes_back_empty_learns_of_the_worker(kennel: Kennel) -> None:
    """Without anybody doing anything."""
    kennel.restate.services = ()
    assert await kennel.look(times=4) == {}
    assert (await kennel.look())["worker"].kind is K.WORKER_UNKNOWN
    assert kennel.restate.told == ["register http://127.0.0.1:1/v/r1"]
    assert (await kennel.look())["worker"].repaired


async def test_nothing_is_concluded_while_restate_is_away(kennel: Kennel) -> None:
    """Only that it is away is told."""
    operation_id = await sent(kennel)
    kennel.restate.away = True
    found = await kennel.look(times=5)
    assert {each.kind for each in found.values()} == {K.RESTATE_AWAY}
    kennel.restate.away = False
    assert await kennel.look() == {}
    assert (await operation(kennel, operation_id)).status is OperationStatus.PENDING


async def test_rows_that_nobody_needs(kennel: Kennel) -> None:
    """A deployment without its operation fails; its wait, its place to build and what it wants to run are removed."""
    store = kennel.yard.store
    operation_id = await sent(kennel)
    deployment_id = await deployment_of(kennel, operation_id)
    await store.ask_build_place(limit=1, wait=a_wait(kennel, operation_id, deployment_id))
    await store.advance_deployment(deployment_id=deployment_id, status=DeploymentStatus.BUILDING)
    plan = await store.load_deploy_plan(deployment_id=deployment_id)
    await store.place(spec=plan.run_spec(), regions=(REGION,), wait=a_wait(kennel, operation_id, deployment_id))
    failed = {"status": "failed", "ended_at": kennel.yard.clock()}
    await kennel.plant(operations, operations.c.id == operation_id, **failed)
    found = await kennel.look(times=3)
    assert {each.kind for each in found.values()} == {K.DEPLOYMENT_ABANDONED, K.ROW_LEFT}
    assert await kennel.yard.status(deployment_id) is DeploymentStatus.FAILED
    assert kennel.cancelled_builds == [deployment_id]
    async with store._db.read() as tx:
        assert (await tx.execute(select(build_places.c.operation_id))).all() == []
        assert set((await tx.execute(select(placements.c.desired))).scalars()) == {"removed"}
        assert None not in set((await tx.execute(select(waits.c.settled_at))).scalars())
    assert all(each.repaired for each in (await kennel.look()).values())
    before = await kennel.dump()
    await kennel.look(times=5)
    assert await kennel.dump() == before


async def test_what_shall_not_run_does_not(kennel: Kennel) -> None:
    """A placement of a stopped deployment goes, but not that of one that is being started."""
    store, workspace_id = kennel.yard.store, kennel.yard.workspace.id
    old = await kennel.yard.ship()
    new = await kennel.yard.ship()
    for each in (old, new):
        await store.finish_operation(operation_id=each.operation_id, status=OperationStatus.SUCCEEDED)
    await kennel.plant(deployments, deployments.c.id == old.id, status="stopped")
    asked = await store.admit_start(
        workspace_id=workspace_id, deployment_id=old.id, actor="alice", deadline_seconds=6000
    )
    await store.mark_sent(operation_id=asked.operation_id)
    kennel.restate.invoke("inv_1", "suspended", asked.operation_id, "Wakes/wake")
    assert await kennel.look(times=4) == {}
    ended = {"status": "failed", "reason": "it ended without letting go", "ended_at": kennel.yard.clock()}
    await kennel.plant(operations, operations.c.id == asked.operation_id, **ended)
    del kennel.restate.invocations["inv_1"]
    assert set(await kennel.look(times=4)) == {f"placement {old.id}"}
    state = await store.desired_state(region=REGION, since=None)
    assert [spec.deployment_id for spec in state.deployments] == [new.id]


async def test_what_runs_nowhere_is_told(kennel: Kennel) -> None:
    """With why, from some seconds on until it runs again; not while its krane is away, and not when it is stopped."""
    yard = kennel.yard
    old, live = await yard.ship(), await yard.ship()
    for each in (old, live):
        await yard.store.finish_operation(operation_id=each.operation_id, status=OperationStatus.SUCCEEDED)
    assert await kennel.look(times=6) == {}
    await yard.report(live.id, InstanceStatus.FAILED, reason="exited with code 3\nno database")
    assert await kennel.look() == {}
    (found,) = (await kennel.look(times=5)).values()
    assert (found.kind, found.subject, found.repaired) == (FindingKind.DEPLOYMENT_DOWN, live.id, False)
    assert found.sentence.startswith("shop is live with it, and none of its instances runs: exited with code 3; krane")
    await yard.report(live.id, InstanceStatus.RUNNING)
    assert await kennel.look() == {}
    await yard.report(live.id, InstanceStatus.GONE)
    assert live.id in await kennel.look(times=6)
    await yard.store.krane_disconnected(region=REGION)
    kennel.beats = False
    assert live.id not in await kennel.look()
    await yard.report(old.id, InstanceStatus.GONE)
    await yard.store.stop_deployment(workspace_id=yard.workspace.id, deployment_id=old.id, actor="alice")
    assert old.id not in await kennel.look(times=6)


@pytest.mark.fault(Row.RESTATE_WIPED)
async def test_what_was_to_be_stopped_later_is_not_forgotten(kennel: Kennel) -> None:
    """The message that stops what was replaced was lost. What was never replaced, or was started again, runs on."""
    store, workspace_id = kennel.yard.store, kennel.yard.workspace.id
    first, woken, live = [await kennel.yard.ship() for _ in range(3)]
    waits_for_promote = await kennel.yard.ship(environment="preview", git=_no_branch())
    for each in (first, woken, live, waits_for_promote):
        await store.finish_operation(operation_id=each.operation_id, status=OperationStatus.SUCCEEDED)
    await store.stop_deployment(workspace_id=workspace_id, deployment_id=woken.id, actor="alice")
    asked = await store.admit_start(
        workspace_id=workspace_id, deployment_id=woken.id, actor="alice", deadline_seconds=9
    )
    plan = await store.load_deploy_plan(deployment_id=woken.id)
    await store.begin_operation(operation_id=asked.operation_id)
    wait = a_wait(kennel, asked.operation_id, woken.id)
    await store.wake(operation_id=asked.operation_id, spec=plan.run_spec(), regions=(REGION,), wait=wait)
    await kennel.yard.report(woken.id, InstanceStatus.RUNNING)
    await store.woken(operation_id=asked.operation_id, deployment_id=woken.id)
    await store.finish_operation(operation_id=asked.operation_id, status=OperationStatus.SUCCEEDED)
    assert await kennel.look(times=4) == {}
    kennel.yard.clock.advance(WARM)
    assert set(await kennel.look(times=4)) == {first.id}
    assert await kennel.yard.status(first.id) is DeploymentStatus.STOPPED
    for each in (woken, live, waits_for_promote):
        assert await kennel.yard.status(each.id) is DeploymentStatus.READY
    assert await kennel.audit() == [("watchdog.deployment-forgotten", first.id)]


async def test_kranes_and_gateways_that_fall_silent(kennel: Kennel) -> None:
    """Both are marked as away in time; what is heard of again is connected again."""
    store, clock = kennel.yard.store, kennel.yard.clock
    await kennel.yard.ship()
    await store.gateway_connected(gateway_id="gw", region=REGION, at=clock())
    generation = await store.generation()
    await store.gateway_acknowledged(gateway_id="gw", generation=generation, at=clock())
    for each in await store.active_operations(workspace_id=None):
        await store.finish_operation(operation_id=each.id, status=OperationStatus.SUCCEEDED)
    assert await kennel.look(times=6) == {}
    kennel.beats = False
    found = await kennel.look(times=4)
    assert {each.kind for each in found.values()} == {K.GATEWAY_SILENT, K.REGION_SILENT}
    assert [each.connected for each in await store.gateways()] == [False]
    assert [each.connected for each in await store.regions()] == [False]
    found = await kennel.look(times=4)
    assert {each.kind for each in kennel.findings() if not each.repaired} == {K.GATEWAY_AWAY, K.REGION_AWAY}
    await store.gateways_seen(gateway_ids=["gw"], at=clock())
    await store.krane_connected(region=REGION, backends=[Backend.DOCKER])
    await kennel.look()
    assert [each.kind for each in kennel.findings() if not each.repaired] == []


async def test_a_late_verdict_changes_nothing(kennel: Kennel) -> None:
    """Whoever was heard of between the look and the repair stays connected."""
    store, clock = kennel.yard.store, kennel.yard.clock
    await store.gateway_connected(gateway_id="gw", region=REGION, at=clock())
    (gateway,) = (await store.watched(warm_seconds=0)).gateways
    (region,) = (await store.watched(warm_seconds=0)).regions
    await store.gateways_seen(gateway_ids=["gw"], at=clock())
    await store.krane_connected(region=REGION, backends=[])
    assert not await store.gateway_silent(gateway_id="gw", seen_at=gateway.seen_at.isoformat())
    assert not await store.krane_silent(region=REGION, seen_at=region.last_seen_at.isoformat())


async def test_a_gateway_that_stays_away_is_forgotten(kennel: Kennel) -> None:
    """It is shown for an hour, and nobody waits for it meanwhile."""
    store, clock = kennel.yard.store, kennel.yard.clock
    await store.gateway_connected(gateway_id="gw", region=REGION, at=clock())
    await store.gateway_disconnected(gateway_id="gw", at=clock())
    assert (await kennel.look(times=3))["gw"].kind is K.GATEWAY_AWAY
    clock.advance(timedelta(hours=1).total_seconds())
    await kennel.look(times=3)
    assert await store.gateways() == ()


async def test_gateways_that_are_behind(kennel: Kennel) -> None:
    """One that never acknowledges is told; one that makes progress is not."""
    store, clock = kennel.yard.store, kennel.yard.clock
    shipped = await kennel.yard.ship()
    await store.finish_operation(operation_id=shipped.operation_id, status=OperationStatus.SUCCEEDED)
    await store.gateway_connected(gateway_id="gw", region=REGION, at=clock())
    assert (await kennel.look(times=3))["gw"].kind is K.GATEWAY_BEHIND
    await store.gateway_acknowledged(gateway_id="gw", generation=shipped.result.generation, at=clock())
    assert await kennel.look() == {}


async def test_instances_that_do_not_end(kennel: Kennel) -> None:
    """krane was told to end one, and still reports it."""
    store = kennel.yard.store
    shipped = await kennel.yard.ship()
    await store.finish_operation(operation_id=shipped.operation_id, status=OperationStatus.SUCCEEDED)
    assert await kennel.look(times=5) == {}
    await store.unplace(deployment_id=shipped.id)
    assert [each.kind for each in (await kennel.look(times=5)).values()] == [K.INSTANCE_UNWANTED]


async def test_strays(kennel: Kennel) -> None:
    """What krane has removed is told as repaired; what it could not remove stays until it is."""
    stray = StrayReport(instance_id="ins_9", problem="the engine does not answer")
    kennel.watchdog.heard_of_strays(region=REGION, strays=[stray])
    found = (await kennel.look())["ins_9"]
    assert (found.kind, found.repaired) == (K.INSTANCE_LEAKED, False)
    assert "the engine does not answer" in found.sentence
    kennel.watchdog.heard_of_strays(region=REGION, strays=[StrayReport(instance_id="ins_9")])
    assert (await kennel.look())["ins_9"].repaired


async def test_a_workspace_sees_its_own(kennel: Kennel, another_yard) -> None:
    """And what is the whole installation's, but nothing of anybody else."""
    other = await another_yard("other")
    operation_id = await sent(kennel)
    kennel.restate.invoke("inv_1", "paused", operation_id)
    await kennel.yard.store.krane_disconnected(region=REGION)
    kennel.watchdog._regions = (REGION,)
    await kennel.look(times=3)
    assert {each.subject for each in kennel.findings()} == {"inv_1", REGION}
    assert {each.subject for each in kennel.findings(other.workspace.id)} == {REGION}


async def test_two_watchdogs_at_once(kennel: Kennel) -> None:
    """Whoever comes second finds nothing left to mend, and writes nothing down."""
    operation_id = await sent(kennel)
    await begin(kennel, operation_id)
    other = Kennel(kennel.yard)
    for each in (kennel, other, kennel, other, kennel, other):
        await each.look(after=10)
    assert await kennel.audit() == [("watchdog.operation-lost", operation_id)]


async def test_the_store_away(kennel: Kennel, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair that cannot be made is made later; nothing is claimed meanwhile."""
    operation_id = await sent(kennel)
    await begin(kennel, operation_id)
    real = store.end_lost

    async def away(**_: object) -> bool:
        from turnout.domain.errors import Unavailable

        raise Unavailable("the store is away, as the test asked")

    monkeypatch.setattr(store, "end_lost", away)
    found = await kennel.look(times=4)
    assert not found[operation_id].repaired
    monkeypatch.setattr(store, "end_lost", real)
    await kennel.look(times=2)
    assert (await operation(kennel, operation_id)).status is OperationStatus.FAILED


async def test_operations_end_although_restate_is_away(kennel: Kennel) -> None:
    """The dispatcher cannot send or cancel anything, and ends what is overdue all the same."""
    operation_id = await sent(kennel)
    kennel.restate.away = True
    nobody = httpx.AsyncClient(transport=httpx.MockTransport(kennel.restate), base_url="http://restate")
    store, clock = kennel.yard.store, kennel.yard.clock

    async def sweep() -> None:
        limits, logger = DeploySettings(), structlog.get_logger()
        await Dispatcher(store=store, ingress=nobody, admin=nobody, limits=limits, logger=logger, clock=clock).sweep()

    await sweep()
    clock.advance(400)
    await kennel.yard.admit(project="unsent")
    clock.advance(300)
    with pytest.raises(httpx.ConnectError):
        await sweep()
    assert (await operation(kennel, operation_id)).status is OperationStatus.FAILED


def a_wait(kennel: Kennel, operation_id: str, deployment_id: str, name: str = "awk") -> Wait:
    """A wait of an operation."""
    now = kennel.yard.clock()
    return Wait(
        awakeable_id=f"{name}-{operation_id}",
        operation_id=operation_id,
        kind=WaitKind.INSTANCES_RUNNING,
        deployment_id=deployment_id,
        generation=None,
        wanted=1,
        created_at=now,
        deadline_at=now + timedelta(seconds=60),
    )


def _no_branch():
    from turnout.domain.records import GitData

    return GitData()
