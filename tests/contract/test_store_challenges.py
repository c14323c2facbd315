"""Challenges in the store: who may have the gateways answer, who carries a name, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.contract.domain_kit import TXT, Another, add, check, fed, remove
from tests.contract.store_kit import APEX, LIVE, Clock, Yard
from turnout.domain.errors import Conflict, Invalid, NotFound

NAME = f"{LIVE}.{APEX}"
PATH = "/.well-known/acme-challenge/token-1"


async def publish(
    yard: Yard,
    fqdn: str = NAME,
    path: str = PATH,
    *,
    body: str = "token-1.thumb",
    project: str = "shop",
    for_s: int = 60,
) -> int:
    """As whoever asks for a certificate does."""
    return await yard.store.publish_challenge(
        fqdn=fqdn,
        path=path,
        body=body,
        expires_at=yard.clock.now + timedelta(seconds=for_s),
        project_id=(await yard.project(project)).id,
    )


async def answers(yard: Yard, project: str = "shop") -> dict[tuple[str, str], str]:
    """What the gateways answer in a project's place."""
    return {(each.fqdn, each.path): each.body for each in (await fed(yard, project)).challenges}


async def test_published_and_withdrawn(yard: Yard) -> None:
    """Each is a generation that one can wait for; the same again is none."""
    await yard.ship()
    first = await publish(yard)
    assert first == await yard.store.generation()
    assert await answers(yard) == {(NAME, PATH): "token-1.thumb"}
    before = await yard.store.gateway_feed(since=0)
    assert await publish(yard) == first
    assert (await yard.store.gateway_feed(since=before.change)).projects == ()
    second = await publish(yard, body="other")
    assert second == first + 1
    assert await answers(yard) == {(NAME, PATH): "other"}
    project_id = (await yard.project()).id
    withdrawn = await yard.store.withdraw_challenge(fqdn=NAME, path=PATH, project_id=project_id)
    assert withdrawn == second + 1
    assert await answers(yard) == {}
    assert await yard.store.withdraw_challenge(fqdn=NAME, path=PATH, project_id=project_id) is None


async def test_they_end_by_themselves(yard: Yard, clock: Clock) -> None:
    """Their time over, they are not told any more; then they are removed, and the gateways hear of it."""
    await yard.ship()
    await publish(yard, for_s=60)
    await publish(yard, path=f"{PATH}-long", for_s=600)
    before = await yard.store.gateway_feed(since=0)
    await yard.store.expire_challenges()
    assert (await yard.store.gateway_feed(since=0)).change == before.change, "nothing to do is nothing done"
    clock.advance(61)
    assert set(await answers(yard)) == {(NAME, f"{PATH}-long")}
    await yard.store.expire_challenges()
    after = await yard.store.gateway_feed(since=before.change)
    assert [len(view.challenges) for view in after.projects] == [1]


async def test_publishing_again_prolongs_it(yard: Yard, clock: Clock) -> None:
    """A workflow that repeats its step does not lose its answer."""
    await yard.ship()
    await publish(yard, for_s=60)
    await publish(yard, for_s=600)
    clock.advance(100)
    await yard.store.expire_challenges()
    assert len(await answers(yard)) == 1


async def test_only_for_names_of_the_project(yard: Yard, another_yard: Another) -> None:
    """Whoever could have any name answered could have a certificate for somebody else's."""
    other = await another_yard("umbrella")
    await yard.ship()
    await other.ship(project="theirs")
    await check(yard, await add(yard, "app.example.com"))
    await add(other, "wanted.example.com", project="theirs")
    for fqdn in (NAME, "app.example.com", "wanted.example.com", "nobody.example.com"):
        with pytest.raises(Conflict, match="the name is not this project's"):
            await publish(other, fqdn, project="theirs")
    assert await publish(yard, "app.example.com")
    with pytest.raises(NotFound):
        await yard.store.publish_challenge(
            fqdn=NAME, path=PATH, body="x", expires_at=yard.clock.now, project_id="prj_none"
        )
    assert (
        await other.store.withdraw_challenge(
            fqdn="app.example.com", path=PATH, project_id=(await other.project("theirs")).id
        )
        is None
    )


async def test_only_small_texts_in_the_well_known_place(yard: Yard) -> None:
    """It is no way to put pages in front of an app."""
    await yard.ship()
    for path, body in (("/index.html", "x"), (PATH, "x" * 5000)):
        with pytest.raises(Invalid, match="cannot answer this challenge"):
            await publish(yard, path=path, body=body)
    assert await answers(yard) == {}


async def test_a_name_that_is_proved_may_be_challenged_before_it_is_routed(yard: Yard) -> None:
    """A certificate can be there before the first deploy."""
    await check(yard, await add(yard, "app.example.com"))
    await publish(yard, "app.example.com")
    assert set(await answers(yard)) == {("app.example.com", PATH)}
    assert (await fed(yard)).routes == ()
    await yard.ship()
    view = await fed(yard)
    assert "app.example.com" in {route.fqdn for route in view.routes}
    assert len(view.challenges) == 1
    await remove(yard, "app.example.com")
    assert (await fed(yard)).challenges == ()


async def test_two_who_prove_one_name_share_its_place(yard: Yard) -> None:
    """The first to ask carries both answers; with the winner the name and all it answers move in one feed."""
    for project in ("left", "right"):
        await yard.ship(project=project)
    left = await add(yard, "app.example.com", project="left")
    right = await add(yard, "app.example.com", project="right")
    assert len(await answers(yard, "left")) == 2
    assert await answers(yard, "right") == {}
    before = await yard.store.gateway_feed(since=0)
    await check(yard, right, TXT)
    moved = await yard.store.gateway_feed(since=before.change)
    assert {view.project_id for view in moved.projects} == {left.project_id, right.project_id}
    assert await answers(yard, "left") == await answers(yard, "right") == {}
    assert "app.example.com" in {route.fqdn for route in (await fed(yard, "right")).routes}


async def test_who_waits_for_a_generation(yard: Yard, clock: Clock) -> None:
    """Written down once, settled once, and forgotten a while after its deadline."""
    await yard.store.await_generation(awakeable_id="awk-1", generation=7, deadline_seconds=10)
    await yard.store.await_generation(awakeable_id="awk-1", generation=8, deadline_seconds=10)
    await yard.store.await_generation(awakeable_id="awk-2", generation=8, deadline_seconds=100)
    assert [(each.awakeable_id, each.generation) for each in await yard.store.open_confirmations()] == [
        ("awk-1", 7),
        ("awk-2", 8),
    ]
    clock.advance(650)
    assert [each.awakeable_id for each in await yard.store.open_confirmations()] == ["awk-2"]
    await yard.store.settle_confirmation(awakeable_id="awk-2")
    assert await yard.store.open_confirmations() == ()
