"""Every step of deploy, rollback and promote is broken, on every backend: what began ends as if nothing had happened.

The steps are those that the operations take, so a step that is new is broken here as soon as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.faults.breakable import BreakableTurnout
from tests.faults.breaking import ERROR, HOLD, Fault
from tests.faults.matrix import Cell, Field, Run
from tests.faults.rows import Row
from tests.support import require

GRACE: Final = 1.0
"""What the worker is given, in seconds, when it is told to end."""
GOODBYE: Final = 2.5
"""What it needs beyond that, at the most, to let go of what it still holds."""
RESUME: Final = 2.0
"""Seconds from the return of a worker until an operation goes on. Promised."""
FEW: Final = (
    ("deploy", "before containers"),
    ("deploy", "after registration"),
    ("deploy", "after domains"),
    ("deploy", "before finish"),
    ("rollback", "before domains"),
    ("promote", "after domains"),
)
"""The cells of every run; all the others take a while."""


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.full])]
)
def field(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A running Turnout with a few projects that can be deployed beside each other."""
    backend: str = request.param
    require("busybox")
    if backend == "docker":
        require("docker")
    turnout = BreakableTurnout(
        tmp_path_factory.mktemp("steps") / "home",
        TURNOUT_KRANE_BACKEND=backend,
        TURNOUT_KRANE_STOP_SECONDS="1",
        TURNOUT_RESTATE_WORKER_GRACE_SECONDS=f"{GRACE:g}",
        TURNOUT_DEPLOY_OBSERVE_SECONDS="0.5",
        TURNOUT_DEPLOY_BUILDS_AT_ONCE="100",  # one that is held must not hold up the others
        TURNOUT_DEPLOY_STEP_SECONDS="300",
        TURNOUT_DEPLOY_KEEP_STOPPED="1",
    )
    turnout.up()
    try:
        field = Field(turnout, backend, lanes=10)
        with field.metronome:
            yield field
    finally:
        turnout.down()


@pytest.fixture(params=["few", pytest.param("all", marks=pytest.mark.full)])
def which(request: pytest.FixtureRequest) -> str:
    """How many of the cells."""
    word: str = request.param
    return word


def chosen(field: Field, which: str, *moments: str) -> list[Cell]:
    """The cells of a test."""
    cells = field.cells(*moments)
    if which == "all":
        return cells
    return [cell for cell in cells if (cell.scenario.name, f"{cell.moment} {cell.step}") in FEW] or cells[::8]


def report(runs: list[Run], subtests: pytest.Subtests) -> None:
    """Each cell passes or fails by itself."""
    for run in runs:
        with subtests.test(str(run.cell)):
            assert run.problems == []


@pytest.mark.fault(Row.KILLED_AT_A_STEP)
def test_kill_9_of_the_worker(field: Field, which: str, subtests: pytest.Subtests) -> None:
    """Once, at every moment: the operation goes on within two seconds of the next worker's first answer."""
    turnout = field.turnout
    cells = chosen(field, which, "before", "after", "done")
    with field.traffic() as walk:
        for few in field.rounds(cells):
            with field.round(few, walk, lambda cell: Fault(cell.step, cell.moment, HOLD)) as runs:
                field.wait_until_held(runs)
                worker = turnout.worker
                worker.kill()
                returned = turnout.worker_returns(other_than=worker.pid)
                field.expect_success(runs)
                for run in runs:
                    later = [mark for mark in turnout.faults.marks(run.asked.operation) if mark.pid != worker.pid]
                    at = later[0].at if later else returned + 1000
                    took = at - returned - field.metronome.stalled(returned, at)
                    run.expect(took <= RESUME, f"it went on {took:.2f} s after the worker's return")
            report(runs, subtests)


@pytest.mark.fault(Row.STUMBLING_STEP)
def test_an_error_that_passes(field: Field, which: str, subtests: pytest.Subtests) -> None:
    """Before and after the effect: the step is done again."""
    with field.traffic() as walk:
        for few in field.rounds(chosen(field, which, "before", "after")):
            with field.round(few, walk, lambda cell: Fault(cell.step, cell.moment, ERROR)) as runs:
                field.expect_success(runs)
            report(runs, subtests)


@pytest.mark.fault(Row.REPEATED_STEP)
def test_everything_twice(field: Field, which: str, subtests: pytest.Subtests) -> None:
    """All of a step is done, and only the journal does not know: it is done a second time, and has one effect."""
    with field.traffic() as walk:
        for few in field.rounds(chosen(field, which, "done")):
            with field.round(few, walk, lambda cell: Fault(cell.step, cell.moment, ERROR)) as runs:
                field.expect_success(runs)
            report(runs, subtests)


@pytest.mark.fault(Row.ENDED_AT_A_STEP)
def test_sigterm_to_the_worker(field: Field, which: str, subtests: pytest.Subtests) -> None:
    """In a step that does not end: the worker goes within its grace, and the next one does the step."""
    turnout = field.turnout
    with field.traffic() as walk:
        for few in field.rounds(chosen(field, which, "before")):
            with field.round(few, walk, lambda cell: Fault(cell.step, cell.moment, HOLD)) as runs:
                field.wait_until_held(runs)
                took = turnout.end_worker(field.metronome)
                field.expect_success(runs)
                for run in runs:
                    run.expect(took <= GRACE + GOODBYE, f"the worker took {took:.1f} s to end")
            report(runs, subtests)


@pytest.mark.fault(Row.CANCELLED)
def test_cancel(field: Field, which: str, subtests: pytest.Subtests) -> None:
    """Before the switch it is undone without a trace; after it the answer is that it is too late."""
    with field.traffic() as walk:
        for few in field.rounds(chosen(field, which, "before", "after")):
            with field.round(few, walk, lambda cell: Fault(cell.step, cell.moment, HOLD)) as runs:
                field.wait_until_held(runs)
                answers = [run.lane.cancel(run.asked.operation) for run in runs]
                for run in runs:
                    field.turnout.faults.release(run.asked.operation)
                field.wait_until_ended(runs)
                for run, answer in zip(runs, answers, strict=True):
                    judge_cancelled(run, answer)
            report(runs, subtests)


def judge_cancelled(run: Run, answer: int) -> None:
    """It was undone, or it was too late: nothing in between."""
    switched = run.ended["generation"] is not None
    if answer == 409:
        run.expect(switched, "it was told that it is too late, and has not switched")
        problem = run.cell.scenario.has_ended_well(run.lane, run.asked, run.ended)
        run.expect(problem is None, str(problem))
        return
    run.expect(answer == 202, f"a cancel was answered with {answer}")
    run.expect(not switched, "it was cancelled and has switched")
    run.expect(run.ended["status"] == "cancelled", f"it is {run.ended['status']}: {run.ended['reason']}")
    live = run.lane.project()["live_deployment_id"]
    run.expect(live == run.lane.live, f"{live} is live, it was {run.lane.live}")
