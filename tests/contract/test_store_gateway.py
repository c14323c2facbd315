"""What the gateways are fed, and what they say back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.contract.store_kit import LIVE, Clock, Yard
from turnout.domain.statuses import InstanceStatus
from turnout.domain.views import GatewayJournal, GatewaySource, ProjectView


def ports(yard: Yard) -> tuple[GatewaySource, GatewayJournal]:
    """The store is both."""
    return yard.store, yard.store


async def test_an_empty_store_feeds_nothing(yard: Yard) -> None:
    """Not even a project that has no routes yet."""
    await yard.admit()
    feed = await yard.store.gateway_feed(since=0)
    assert (feed.change, feed.generation, feed.projects) == (0, 0, ())


async def test_a_switch_feeds_the_whole_project(yard: Yard) -> None:
    """All routes, all targets with their addresses; other projects are not told again."""
    v1 = await yard.ship()
    first = await yard.store.gateway_feed(since=0)
    await yard.ship(project="another")
    v2 = await yard.ship()
    feed = await yard.store.gateway_feed(since=first.change)
    project_id = (await yard.project()).id
    shop = next(view for view in feed.projects if view.project_id == project_id)
    assert feed.generation == 3
    assert len(feed.projects) == 2
    assert [route.fqdn for route in shop.routes] == sorted(route.fqdn for route in shop.routes)
    assert {route.deployment_id for route in shop.routes if route.fqdn.startswith(LIVE)} == {v2.id}
    assert [target.deployment_id for target in shop.targets] == sorted([v1.id, v2.id])
    assert all(len(target.addresses) == 1 for target in shop.targets)
    assert (await yard.store.gateway_feed(since=feed.change)).projects == ()


async def test_only_what_a_gateway_can_see_is_a_change(yard: Yard) -> None:
    """Addresses of routed deployments are; a deploy on its way is not."""
    v1 = await yard.ship()

    async def changed_by(status: InstanceStatus, deployment_id: str = v1.id, **other: object) -> bool:
        before = (await yard.store.gateway_feed(since=0)).change
        await yard.report(deployment_id, status, **other)
        return (await yard.store.gateway_feed(since=0)).change > before

    assert not await changed_by(InstanceStatus.RUNNING), "a repeat"
    assert await changed_by(InstanceStatus.RUNNING, address="elsewhere:1")
    assert not await changed_by(InstanceStatus.STARTING, slot=1)
    assert await changed_by(InstanceStatus.RUNNING, slot=1)
    assert await changed_by(InstanceStatus.FAILED)
    assert not await changed_by(InstanceStatus.GONE), "it served nothing any more"
    assert await changed_by(InstanceStatus.GONE, slot=1)
    deploy = await yard.admit()
    before = (await yard.store.gateway_feed(since=0)).change
    await yard.start(deploy)
    assert (await yard.store.gateway_feed(since=0)).change == before
    (shop,) = (await yard.store.gateway_feed(since=0)).projects
    assert [target.addresses for target in shop.targets] == [()]


async def test_a_since_from_the_future_gets_everything(yard: Yard) -> None:
    """The store was restored from a backup."""
    await yard.ship()
    assert len((await yard.store.gateway_feed(since=999)).projects) == 1


async def test_every_feed_is_of_one_moment(yard: Yard) -> None:
    """While switches go on: every route has its target, and the live names never disagree."""
    deploys = [await yard.admit() for _ in range(10)]
    for deploy in deploys:
        await yard.start(deploy)
    generations: list[int] = []

    async def watch() -> None:
        while not generations or generations[-1] < len(deploys):
            feed = await yard.store.gateway_feed(since=0)
            for view in feed.projects:
                assert_whole(view)
            generations.append(feed.generation)

    async def switch() -> None:
        for deploy in deploys:
            await yard.switch(deploy)

    await asyncio.wait_for(asyncio.gather(watch(), switch()), 30)
    assert generations == sorted(generations)


def assert_whole(view: ProjectView) -> None:
    """Routes and targets belong together."""
    assert {route.deployment_id for route in view.routes} == {target.deployment_id for target in view.targets}
    sticky = {route.deployment_id for route in view.routes if "-git-" not in route.fqdn}
    assert len(sticky) == 1, "environment and live domains move together"


async def test_the_journal_of_a_gateway(yard: Yard, clock: Clock) -> None:
    """Connected, acknowledged, refused, mended, gone."""
    _, journal = ports(yard)
    at = clock()
    await journal.gateway_connected(gateway_id="gw-1", region="north", at=at)
    await journal.gateway_acknowledged(gateway_id="gw-1", generation=3, at=at)
    await journal.gateway_acknowledged(gateway_id="gw-1", generation=2, at=at + timedelta(seconds=1))
    (gateway,) = await yard.store.gateways()
    assert (gateway.connected, gateway.acknowledged_generation, gateway.acknowledged_at) == (True, 3, at)
    await journal.gateway_rejected(gateway_id="gw-1", generation=4, error="no such cluster", at=at)
    (gateway,) = await yard.store.gateways()
    assert (gateway.error, gateway.error_generation, gateway.acknowledged_generation) == ("no such cluster", 4, 3)
    await journal.gateway_acknowledged(gateway_id="gw-1", generation=5, at=at)
    assert (await yard.store.gateways())[0].error_generation == 4, "it goes on, and still does not serve that one"
    await journal.gateway_acknowledged(gateway_id="gw-1", generation=6, at=at, whole=True)
    assert (await yard.store.gateways())[0].error_generation is None, "it serves all that is wanted by now"
    await journal.gateway_rejected(gateway_id="gw-1", generation=7, error="no such cluster", at=at)
    await journal.gateway_connected(gateway_id="gw-1", region="north", at=at)
    assert (await yard.store.gateways())[0].error is None
    await journal.gateway_disconnected(gateway_id="gw-1", at=clock())
    assert not (await yard.store.gateways())[0].connected


async def test_a_gateway_that_comes_back_has_acknowledged_nothing(yard: Yard, clock: Clock) -> None:
    """It may have restarted empty; and the late end of its old stream does not end the new one."""
    first, second = clock(), clock()
    await yard.store.gateway_connected(gateway_id="gw-1", region="north", at=first)
    await yard.store.gateway_acknowledged(gateway_id="gw-1", generation=3, at=first)
    await yard.store.gateway_connected(gateway_id="gw-1", region="north", at=second)
    await yard.store.gateway_disconnected(gateway_id="gw-1", at=first)
    (gateway,) = await yard.store.gateways()
    assert (gateway.connected, gateway.acknowledged_generation, gateway.acknowledged_at) == (True, 0, None)


async def test_unknown_gateways_leave_no_row(yard: Yard, clock: Clock) -> None:
    """Only a connection makes one."""
    await yard.store.gateway_acknowledged(gateway_id="gw-x", generation=1, at=clock())
    await yard.store.gateway_rejected(gateway_id="gw-x", generation=1, error="no", at=clock())
    assert await yard.store.gateways() == ()
