"""Whatever breaks in the middle of a transaction: nothing of it is left, and trying again does it once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from tests.contract.store_kit import LIVE, REGION, Clock, Crash, Yard
from tests.faults.rows import Row
from turnout.domain.plans import UnsentOperation
from turnout.domain.statuses import DeploymentStatus
from turnout.store import open_store

Act = Callable[[], Awaitable[object]]


async def assert_all_or_nothing(yard: Yard, act: Act, prepare: Callable[[], Awaitable[object]] | None = None) -> int:
    """Crash at each statement in turn, then let it run through. Returns how many statements there were."""
    before = await yard.dump()
    for number in range(1, 100):
        try:
            async with yard.failing_at(number) as ran:
                await act()
        except Crash:
            assert await yard.dump() == before, f"a crash left something behind, {ran[-1]}"
        else:
            assert await yard.dump() != before
            return len(ran)
    pytest.fail("it never ran through")


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_crash_in_a_switch_leaves_nothing(yard: Yard) -> None:
    """Deploy and rollback, at every statement and before the commit."""
    v1 = await yard.ship()
    deploy = await yard.admit()
    await yard.start(deploy)
    assert await assert_all_or_nothing(yard, lambda: yard.switch(deploy)) > 15
    back = await yard.ask_rollback(to=v1.id)
    await assert_all_or_nothing(yard, lambda: yard.switch(back))
    assert (await yard.serves())[LIVE] == v1.id
    assert await yard.store.generation() == 3


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_crash_in_an_admission_leaves_nothing(yard: Yard) -> None:
    """Project, environment, deployment, operation and audit come together or not at all."""
    await assert_all_or_nothing(yard, yard.admit)


@pytest.mark.fault(Row.STORE_AWAY)
async def test_a_crash_in_the_workflows_writes_leaves_nothing(yard: Yard) -> None:
    """Placing and failing are whole, too."""
    deploy = await yard.admit()
    plan = await yard.store.load_deploy_plan(deployment_id=deploy.deployment_id)
    await yard.store.begin_operation(operation_id=deploy.operation_id)
    await yard.store.begin_step(operation_id=deploy.operation_id, name="containers")
    await assert_all_or_nothing(yard, lambda: yard.store.place(spec=plan.run_spec(), regions=[REGION]))
    await assert_all_or_nothing(
        yard,
        lambda: yard.store.fail_deploy(
            operation_id=deploy.operation_id, deployment_id=deploy.deployment_id, reason="exit code 1"
        ),
    )
    assert await yard.status(deploy.deployment_id) is DeploymentStatus.FAILED


@pytest.mark.fault(Row.DUPLICATES)
async def test_switches_of_one_project_at_once_serialise(yard: Yard, database_url: str, clock: Clock) -> None:
    """From two processes' connections: every one is done, once, and the generations have no gap."""
    deploys = [await yard.admit() for _ in range(6)]
    for deploy in deploys:
        await yard.start(deploy)
    async with open_store(database_url, clock=clock) as second:
        stores = [yard.store, second]

        def switch(number: int, deploy: UnsentOperation) -> Awaitable[object]:
            return stores[number % 2].switch(yard.request(deploy))

        twice = [switch(n, deploy) for n, deploy in enumerate(deploys)]
        twice += [switch(n + 1, deploy) for n, deploy in enumerate(deploys)]
        results = await asyncio.gather(*twice)
    assert results[:6] == results[6:]
    history = await yard.store.history(project_id=deploys[0].project_id)
    assert [row.generation for row in history] == [6, 5, 4, 3, 2, 1]
    for newer, older in pairwise(history):
        assert newer.from_deployment_id == older.to_deployment_id
    assert (await yard.serves())[LIVE] == history[0].to_deployment_id


@pytest.mark.fault(Row.RACES)
async def test_switches_of_many_projects_at_once(yard: Yard) -> None:
    """They share the counters and nothing else: no deadlock, no gap."""
    deploys = [await yard.admit(project=f"shop-{n}") for n in range(8)]
    for deploy in deploys:
        await yard.start(deploy)
    results = await asyncio.gather(*(yard.switch(deploy) for deploy in deploys))
    assert sorted(result.generation for result in results) == list(range(1, 9))


@pytest.mark.fault(Row.RACES)
async def test_two_projects_that_want_one_name_at_once(yard: Yard) -> None:
    """One gets it, the other one is refused: nobody's domain is taken over."""
    deploys = [
        await yard.admit(project="shop", environment="eu-west"),
        await yard.admit(project="shop-eu", environment="west"),
    ]
    for deploy in deploys:
        await yard.start(deploy)
    results = await asyncio.gather(*(yard.switch(deploy) for deploy in deploys), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "SwitchResult"]
    assert await yard.store.generation() == 1


@pytest.mark.fault(Row.RACES)
async def test_first_deploys_of_a_project_at_once(yard: Yard) -> None:
    """They agree on one project and one environment."""
    admitted = await asyncio.gather(*(yard.admit() for _ in range(6)))
    assert len({each.project_id for each in admitted}) == 1
    assert len(await yard.store.environments_of(project_id=admitted[0].project_id)) == 1
