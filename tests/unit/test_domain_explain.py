"""What an operation waits for, in every phase."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from turnout.domain.explain import Situation, explain, sentence
from turnout.domain.records import Operation, OperationKind, Step
from turnout.domain.statuses import OperationStatus, StepStatus
from turnout.domain.waits import Wait, WaitKind

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OPERATION = Operation(
    id="op_2", project_id="prj_1", kind=OperationKind.DEPLOY, status=OperationStatus.RUNNING, reason=None,
    deployment_id="dep_2", source_deployment_id=None, previous_deployment_id=None, live=False, generation=None,
    propagation_ms=None, created_at=NOW, started_at=NOW, ended_at=None,
)  # fmt: skip
NOTHING = Situation(operation=OPERATION, steps=(), waits=(), ahead=(), build_seconds=60, restate_is_up=True)


def step(name: str, status: StepStatus = StepStatus.DONE) -> Step:
    ended = None if status is StepStatus.RUNNING else NOW + timedelta(seconds=5)
    return Step(name=name, status=status, started_at=NOW, ended_at=ended)


def wait(kind: WaitKind) -> Wait:
    return Wait(
        awakeable_id="a", operation_id="op_2", kind=kind, deployment_id="dep_2", generation=None, wanted=1,
        created_at=NOW, deadline_at=NOW + timedelta(seconds=30),
    )  # fmt: skip


def test_one_that_works_waits_for_nobody() -> None:
    assert explain(replace(NOTHING, steps=(step("lookup"),))) is None


def test_a_queued_deploy_names_all_that_are_ahead() -> None:
    waiting = explain(replace(NOTHING, ahead=("op_0", "op_1")))
    assert waiting is not None
    assert (waiting.phase, waiting.ahead, waiting.until) == ("queued", ("op_0", "op_1"), None)
    assert sentence(waiting) == "op_0, an earlier deploy of the same project and 1 more"


def test_a_build_ends_at_its_deadline() -> None:
    waiting = explain(replace(NOTHING, steps=(step("build", StepStatus.RUNNING),), ahead=("op_1",)))
    assert waiting is not None
    assert (waiting.phase, waiting.since, waiting.until) == ("building", NOW, NOW + timedelta(seconds=60))
    assert "until 00:01:00 UTC" in sentence(waiting)


def test_what_was_built_queues_since_then() -> None:
    waiting = explain(replace(NOTHING, steps=(step("build"),), ahead=("op_1",)))
    assert waiting is not None
    assert (waiting.phase, waiting.since) == ("queued", NOW + timedelta(seconds=5))


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        (WaitKind.INSTANCES_RUNNING, "starting"),
        (WaitKind.INSTANCES_GONE, "stopping"),
        (WaitKind.GENERATION, "confirming"),
    ],
)
def test_an_open_wait_is_what_it_waits_for(kind: WaitKind, phase: str) -> None:
    waiting = explain(replace(NOTHING, waits=(wait(kind),), restate_is_up=False))
    assert waiting is not None
    assert (waiting.phase, waiting.since, waiting.until) == (phase, NOW, NOW + timedelta(seconds=30))


def test_a_cancelled_one_waits_for_its_undo() -> None:
    cancelled = replace(OPERATION, cancel_requested_at=NOW)
    waiting = explain(replace(NOTHING, operation=cancelled, waits=(wait(WaitKind.INSTANCES_RUNNING),)))
    assert waiting is not None
    assert waiting.phase == "cancelling"


@pytest.mark.parametrize(("up", "words"), [(True, "the worker"), (False, "Restate, which does not answer")])
def test_one_that_was_not_begun_waits_for_restate_or_the_worker(up: bool, words: str) -> None:
    pending = replace(OPERATION, status=OperationStatus.PENDING)
    waiting = explain(replace(NOTHING, operation=pending, restate_is_up=up))
    assert waiting is not None
    assert (waiting.phase, words in waiting.what) == ("sending", True)


def test_a_rollback_waits_for_an_earlier_switch() -> None:
    rollback = replace(OPERATION, kind=OperationKind.ROLLBACK)
    waiting = explain(replace(NOTHING, operation=rollback, steps=(step("lookup"),), ahead=("op_1",)))
    assert waiting is not None
    assert "an earlier switch" in waiting.what
