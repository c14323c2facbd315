"""The machine's clock is set forward and back by five minutes while operations are under way.

The store, the dispatcher and the workflows go by the clock of the lab; Restate's own timers go by the machine's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.lab_kit import placed, restate
from tests.faults.rows import Row
from tests.support import eventually, patiently
from tests.workflows.lab import LIMITS, Lab, Restate, open_lab, starting
from turnout.domain.clocks import Leaps
from turnout.domain.plans import UnsentOperation
from turnout.domain.statuses import ObservationStatus, OperationStatus

__all__ = ["restate"]  # fixtures

pytestmark = pytest.mark.fault(Row.CLOCK_JUMPS)

FIVE_MINUTES = 300.0
FORWARD_AND_BACK = pytest.mark.parametrize("jump", [FIVE_MINUTES, -FIVE_MINUTES], ids=["forward", "back"])


class WallClock:
    """The machine's, until somebody sets it."""

    def __init__(self) -> None:
        self._set_by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._set_by

    def set_by(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._set_by += timedelta(seconds=seconds)


@pytest.fixture
def wall() -> WallClock:
    """What everybody goes by."""
    return WallClock()


@pytest.fixture
async def lab(restate: Restate, tmp_path: Path, wall: WallClock) -> AsyncIterator[Lab]:
    """Operations have a minute, so that a leap of five would end all of them."""
    limits = replace(LIMITS, ready_grace_seconds=6.0, deadline_seconds=60.0)
    async with open_lab(restate, tmp_path, limits=limits, clock=wall) as lab:
        yield lab


@FORWARD_AND_BACK
async def test_what_is_under_way_goes_on(lab: Lab, wall: WallClock, jump: float) -> None:
    """Deploys of two projects that wait for their instances: nobody ends them, and both succeed."""
    await lab.deploy("app:1")
    lab.behave = starting
    slow = await lab.admit("app:2")
    other = await lab.admit("app:1", project="other")
    await placed(lab, slow)
    await placed(lab, other)
    wall.set_by(jump)
    for _ in range(3):  # the dispatcher looks
        await lab.store.ensure_workspace(slug="another")
        await lab.store.wait_for_change(timeout=0.1)
    assert (await lab.operation(slow.operation_id)).status is OperationStatus.RUNNING
    lab.recover(slow.deployment_id)
    assert (await lab.ended(slow)).status is OperationStatus.SUCCEEDED
    lab.recover(other.deployment_id)
    assert (await lab.ended(other)).status is OperationStatus.SUCCEEDED


@FORWARD_AND_BACK
async def test_what_comes_after_is_newer(lab: Lab, wall: WallClock, jump: float) -> None:
    """Deploys after the jump are not superseded by those before it; history and order are as they happened."""
    first = await lab.deploy("app:1")
    wall.set_by(jump)
    second = await lab.deploy("app:2")
    assert (second.status, second.live) == (OperationStatus.SUCCEEDED, True), second.reason
    assert (await lab.rollback()).deployment_id == first.deployment_id
    third = await lab.deploy("app:3")
    assert third.status is OperationStatus.SUCCEEDED
    history = await lab.store.history(project_id=first.project_id)
    assert all(newer.committed_at > older.committed_at for newer, older in pairwise(history))
    listed = await lab.store.list_deployments(project_id=first.project_id, limit=10)
    assert [each.id for each in listed] == [third.deployment_id, second.deployment_id, first.deployment_id]


@FORWARD_AND_BACK
async def test_what_was_not_sent_yet_is_sent(lab: Lab, wall: WallClock, jump: float) -> None:
    """An operation that is written down just before the jump, and found by the dispatcher just after it."""
    asked = await lab.admit("app:1")
    wall.set_by(jump)
    async with patiently(10):
        assert (await lab.ended(asked)).status is OperationStatus.SUCCEEDED


async def test_an_observation_is_not_prolonged(restate: Restate, tmp_path: Path, wall: WallClock) -> None:
    """Set back right after the switch: it lasts its second, and not five minutes more."""
    switched = []

    async def set_back(step: str, moment: str) -> None:
        if (step, moment) == ("domains", "after") and not switched:
            switched.append(step)
            wall.set_by(-FIVE_MINUTES)

    limits = replace(LIMITS, observe_seconds=1.0)
    async with open_lab(restate, tmp_path, limits=limits, clock=wall, hook=set_back) as lab:
        deployed = await lab.deploy()
        assert (await lab.observed(deployed)).status is ObservationStatus.PASSED


async def test_a_lost_operation_still_ends(restate: Restate, tmp_path: Path, wall: WallClock) -> None:
    """The time that a leap gives is given once: after its own deadline, what nobody carries on ends all the same."""
    limits = replace(LIMITS, deadline_seconds=2.0, overdue_grace_seconds=1.0, ready_grace_seconds=600.0)
    async with open_lab(restate, tmp_path, limits=limits, clock=wall) as lab:
        lab.behave = starting
        asked = await lab.admit(deadline_seconds=2)
        await placed(lab, asked)
        wall.set_by(FIVE_MINUTES)
        await eventually(lambda: is_over(lab, asked), within=20, what="it is ended by its deadline")


async def is_over(lab: Lab, asked: UnsentOperation) -> bool:
    """Whether it has ended badly."""
    return (await lab.operation(asked.operation_id)).status is OperationStatus.FAILED


class Clocks:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall = datetime(2030, 1, 1, tzinfo=UTC)
        self.steady = 1000.0

    def after(self, seconds: float, *, set_by: float = 0.0) -> Clocks:
        self.steady += seconds
        self.wall += timedelta(seconds=seconds + set_by)
        return self


def test_leaps_are_noticed_summed_taken_back_and_forgotten() -> None:
    """Small differences are none; and a clock that was set back gives nobody less time than he had."""
    leaps, clocks = Leaps(forget_after=100.0), Clocks()

    def seen() -> float:
        return leaps.seconds(wall=clocks.wall, steady=clocks.steady)

    assert seen() == 0
    clocks.after(1, set_by=1.5)
    assert seen() == 0, "a slow moment between two readings"
    clocks.after(1, set_by=300)
    assert seen() == pytest.approx(300)
    clocks.after(50, set_by=20)
    assert seen() == pytest.approx(320)
    clocks.after(1, set_by=-20)
    assert seen() == pytest.approx(300)
    clocks.after(60)
    assert seen() == pytest.approx(0), "nothing is under way any more that had begun before"
    clocks.after(200, set_by=-300)
    assert seen() == 0
