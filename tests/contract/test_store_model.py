"""A long random history of deploys, rollbacks and promotes, compared after each step with a model of ten lines."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from tests.contract.store_kit import BRANCH, ENVIRONMENT, LIVE, Yard
from turnout.domain.errors import TurnoutError
from turnout.domain.statuses import InstanceStatus

SEEDS = (1, 2, 3)
STEPS = 70


@dataclass
class Model:
    """What a person would note on paper."""

    ready: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    live: str | None = None
    newest: str | None = None
    rolled_back: bool = False
    generation: int = 0
    lived: list[str] = field(default_factory=list)
    """What was live, one upon the other; a rollback takes away what it goes back from."""

    def go_live(self, deployment_id: str) -> None:
        """It takes the live domains."""
        self.lived.append(deployment_id)
        self.live = deployment_id

    def go_back(self, deployment_id: str) -> None:
        """The same, by a rollback."""
        if deployment_id in self.lived:
            newest_first = self.lived[::-1]
            self.lived = self.lived[: len(self.lived) - newest_first.index(deployment_id) - 1]
        self.go_live(deployment_id)

    def before(self) -> str | None:
        """Where a rollback without a name leads."""
        earlier = (each for each in reversed(self.lived) if each != self.live and each in self.running)
        return next(earlier, None)


@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.full) for seed in SEEDS[1:])])
async def test_any_history_agrees_with_the_model(yard: Yard, seed: int) -> None:
    """Pointer, flag, generation and every sticky domain, after each of many operations."""
    dice, model = random.Random(seed), Model()
    for _ in range(STEPS):
        act = dice.choice([deploy, deploy, roll_back, promote, crash])
        await act(yard, model, dice)
        await assert_agrees(yard, model)
    history = await yard.store.history(project_id=(await yard.project()).id)
    assert [row.generation for row in reversed(history)] == list(range(1, model.generation + 1))


async def deploy(yard: Yard, model: Model, dice: random.Random) -> None:
    """Goes live unless the project is rolled back."""
    shipped = await yard.ship()
    model.ready.append(shipped.id)
    model.running.add(shipped.id)
    model.newest = shipped.id
    model.generation += 1
    if not model.rolled_back:
        model.go_live(shipped.id)


async def roll_back(yard: Yard, model: Model, dice: random.Random) -> None:
    """With or without a name; refused when that cannot be."""
    named = dice.choice([None, *model.ready])
    target = named or model.before()
    allowed = model.live is not None and target is not None and target != model.live and target in model.running
    if await done(yard.rollback(to=named) if model.ready else None, allowed):
        assert target is not None
        model.go_back(target)
        model.rolled_back = True
        model.generation += 1


async def promote(yard: Yard, model: Model, dice: random.Random) -> None:
    """Any ready deployment that runs and is not live."""
    if not model.ready:
        return
    target = dice.choice(model.ready)
    if await done(yard.promote(target), target != model.live and target in model.running):
        model.go_live(target)
        model.rolled_back = False
        model.generation += 1


async def crash(yard: Yard, model: Model, dice: random.Random) -> None:
    """An instance dies, or comes back."""
    if not model.ready:
        return
    target = dice.choice(model.ready)
    if target in model.running:
        await yard.report(target, InstanceStatus.FAILED)
        model.running.discard(target)
    else:
        await yard.report(target, InstanceStatus.RUNNING)
        model.running.add(target)


async def done(asked, allowed: bool) -> bool:
    """Carry it out, and see that it is refused exactly when the model says so."""
    if asked is None:
        return False
    if allowed:
        await asked
        return True
    with pytest.raises(TurnoutError):
        await asked
    return False


async def assert_agrees(yard: Yard, model: Model) -> None:
    """Store and model tell the same."""
    if model.live is None:
        return
    project = await yard.project()
    assert (project.live_deployment_id, project.rolled_back) == (model.live, model.rolled_back)
    assert await yard.store.generation() == model.generation
    serves = await yard.serves()
    assert serves[LIVE] == serves[ENVIRONMENT] == model.live
    assert serves[BRANCH] == model.newest
    feed = await yard.store.gateway_feed(since=0)
    answering = {target.deployment_id for target in feed.projects[0].targets if target.addresses}
    assert answering == model.running
