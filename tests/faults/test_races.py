"""Deploys, rollbacks and promotes of one project at once, hundreds of them, chosen by a seed that is printed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.lab_kit import placed, restate
from tests.faults.rows import Row
from tests.support import PATIENCE
from tests.workflows.lab import LIMITS, Lab, Restate, failing, open_lab, running, starting
from turnout.domain.errors import TurnoutError
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import Operation, RunSpec, Sticky
from turnout.domain.statuses import OPERATION_TERMINAL, DeploymentStatus, OperationStatus

__all__ = ["restate"]  # fixtures

pytestmark = pytest.mark.fault(Row.RACES)

AT_ONCE = 8


@pytest.fixture
async def lab(restate: Restate, tmp_path: Path) -> AsyncIterator[Lab]:
    """What was replaced stays warm."""
    async with open_lab(restate, tmp_path) as lab:
        yield lab


@dataclass
class Crowd:
    """People who ask for whatever comes to their minds, without waiting for each other."""

    lab: Lab
    dice: random.Random
    asked: list[UnsentOperation] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    async def ask(self, number: int) -> None:
        """One of them asks for one thing; a refusal is a plain sentence, and an answer too."""
        lab = self.lab
        known = await lab.store.list_deployments(project_id=(await lab.project()).id, limit=100)
        target = self.dice.choice(known).id
        whose = {"workspace_id": lab.workspace.id, "project": "p", "actor": f"number-{number}", "deadline_seconds": 60}
        try:
            match self.dice.choice(("deploy", "deploy", "rollback", "rollback to", "promote")):
                case "deploy":
                    branch = self.dice.choice(("good", "good", "bad"))
                    self.asked.append(await lab.admit(f"app:{branch}-{number}"))
                case "rollback":
                    self.asked.append(await lab.store.admit_rollback(source_id=None, target_id=None, **whose))
                case "rollback to":
                    self.asked.append(await lab.store.admit_rollback(source_id=None, target_id=target, **whose))
                case _:
                    self.asked.append(await lab.store.admit_promote(target_id=target, **whose))
        except TurnoutError as refusal:
            if refusal.retryable:
                raise
            self.refused[type(refusal).__name__] += 1


@pytest.mark.parametrize(
    ("seed", "operations"),
    [
        pytest.param(1, 40, marks=pytest.mark.sample),
        *(pytest.param(seed, 160, marks=pytest.mark.full) for seed in (2, 3)),
    ],
)
async def test_everything_at_once(lab: Lab, seed: int, operations: int) -> None:
    """All of them end, one version is live, and the history is one chain without a gap."""
    lab.behave = by_its_name
    await lab.deploy("app:good-first")
    await lab.deploy("app:good-second")
    crowd = Crowd(lab, random.Random(seed))
    for begun in range(0, operations, AT_ONCE):
        await asyncio.gather(*(crowd.ask(begun + number) for number in range(AT_ONCE)))
        if crowd.dice.random() < 0.5:
            await asyncio.gather(*(lab.ended(each) for each in crowd.asked))
    ended = await asyncio.gather(*(lab.ended(each) for each in crowd.asked))
    assert len(ended) > operations / 4, f"seed {seed}: refused {crowd.refused}"
    await assert_sane(lab, ended, f"seed {seed}")


async def assert_sane(lab: Lab, ended: list[Operation], where: str) -> None:
    """What the operations say, the history, the pointer and the routes agree."""
    project = await lab.project()
    history = list(reversed(await lab.store.history(project_id=project.id)))
    assert [each.generation for each in history] == list(range(1, len(history) + 1)), where
    for older, newer in pairwise(history):
        assert newer.from_deployment_id == older.to_deployment_id, where
        assert newer.committed_at > older.committed_at, where
    by_operation = Counter(each.operation_id for each in history)
    assert set(by_operation.values()) == {1}, where
    for each in ended:
        assert each.status in OPERATION_TERMINAL, where
        assert each.status is OperationStatus.SUCCEEDED or each.reason, f"{where}: {each}"
        assert (each.id in by_operation) == (each.status is OperationStatus.SUCCEEDED), f"{where}: {each}"
    assert project.live_deployment_id == history[-1].to_deployment_id, where
    assert project.rolled_back == history[-1].rolled_back, where
    routes = await lab.store.routes_of(project_id=project.id)
    assert {each.deployment_id for each in routes if each.sticky is Sticky.LIVE} == {project.live_deployment_id}, where
    known = {each.id: each for each in await lab.store.list_deployments(project_id=project.id, limit=1000)}
    for each in known.values():
        assert each.status not in (DeploymentStatus.PENDING, DeploymentStatus.BUILDING), f"{where}: {each}"
    for route in routes:
        assert known[route.deployment_id].status is DeploymentStatus.READY, where
    assert await lab.store.open_waits() == (), where


@pytest.mark.parametrize("times", [pytest.param(5, marks=pytest.mark.sample), pytest.param(50, marks=pytest.mark.full)])
async def test_rollbacks_wait_for_no_slow_deploy(restate: Restate, tmp_path: Path, times: int) -> None:
    """Back and forth while one deploy waits for its instances: each ends long before the deploy does."""
    async with open_lab(restate, tmp_path, limits=replace(LIMITS, ready_grace_seconds=120)) as lab:
        first = await lab.deploy("app:1")
        second = await lab.deploy("app:2")
        lab.behave = starting
        slow = await lab.admit("app:3", deadline_seconds=600)
        await placed(lab, slow)
        longest = 0.0
        for turn in range(times):
            began = time.monotonic()
            if turn % 2 == 0:
                assert (await lab.rollback(target_id=first.deployment_id)).status is OperationStatus.SUCCEEDED
            else:
                asked = await lab.store.admit_promote(
                    workspace_id=lab.workspace.id,
                    project="p",
                    target_id=second.deployment_id,
                    actor="test",
                    deadline_seconds=60,
                )
                assert (await lab.ended(asked)).status is OperationStatus.SUCCEEDED
            longest = max(longest, time.monotonic() - began)
        assert (await lab.operation(slow.operation_id)).status is OperationStatus.RUNNING
        assert longest < 3 * PATIENCE, "it is a matter of milliseconds; a deploy has 120 s here"
        lab.recover(slow.deployment_id)
        ended = await lab.ended(slow)
        assert ended.status is OperationStatus.SUCCEEDED
        assert ended.live is (times % 2 == 0), "in a project that is rolled back a new version waits for a promote"


def by_its_name(spec: RunSpec):  # type: ignore[no-untyped-def]
    """How instances turn out."""
    return failing(spec) if "bad" in spec.image else running(spec)
