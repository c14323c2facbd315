"""The ways to break a step, and the tables that the tests of every backend have in common.

Each way runs some cells at once and returns what came of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.faults.breakable import BreakableTurnout, Walk
from tests.faults.breaking import ERROR, HOLD, Fault
from tests.faults.lanes import SCENARIOS
from tests.faults.matrix import Cell, Field, Run
from tests.faults.rows import Row

GRACE: Final = 1.0
"""What the worker is given, in seconds, when it is told to end."""
GOODBYE: Final = 3.0
"""What it may need beyond that to let go of what it still holds; then the supervisor kills it."""
RESUME: Final = 2.0
"""Seconds from the return of a worker until an operation goes on. Promised."""

FEW: Final = (
    ("deploy", "before", "containers"),
    ("deploy", "after", "registration"),
    ("deploy", "after", "domains"),
    ("deploy of a broken app", "before", "abandon"),
    ("rollback", "before", "domains"),
    ("promote", "after", "domains"),
)
"""The cells of every run; all the others take a while."""

Way = Callable[[Field, Walk, Sequence[Cell]], list[Run]]


@contextmanager
def running_field(backend: str, home: Path) -> Iterator[Field]:
    """A running Turnout with a few projects that can be deployed beside each other."""
    turnout = BreakableTurnout(
        home,
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
        yield Field(turnout, backend, lanes=10)
    finally:
        turnout.down()


def kill(field: Field, walk: Walk, cells: Sequence[Cell]) -> list[Run]:
    """`kill -9`: every operation goes on within two seconds of the next worker's first answer."""
    turnout = field.turnout
    with field.round(cells, walk, partial(fault, HOLD)) as runs:
        field.wait_until_held(runs)
        worker = turnout.worker
        worker.kill()
        returned = turnout.worker_returns(other_than=worker.pid)
        field.expect_success(runs)
        for run in runs:
            later = [mark for mark in turnout.faults.marks(run.asked.operation) if mark.pid != worker.pid]
            run.expect(later, "it never went on")
            took = returned.until(later[0]) if later else 0.0
            run.expect(took <= RESUME, f"it went on {took:.2f} s after the worker's return")
    return runs


def terminate(field: Field, walk: Walk, cells: Sequence[Cell]) -> list[Run]:
    """SIGTERM in a step that does not end: the worker goes within its grace, and the next one does the step."""
    with field.round(cells, walk, partial(fault, HOLD)) as runs:
        field.wait_until_held(runs)
        took = field.turnout.end_worker()
        field.expect_success(runs)
        for run in runs:
            run.expect(took <= GRACE + GOODBYE, f"the worker took {took:.1f} s to end")
    return runs


def stumble(field: Field, walk: Walk, cells: Sequence[Cell]) -> list[Run]:
    """An error that may pass: the step is done again, and has one effect."""
    with field.round(cells, walk, partial(fault, ERROR)) as runs:
        field.expect_success(runs)
    return runs


def cancel(field: Field, walk: Walk, cells: Sequence[Cell]) -> list[Run]:
    """Before the switch it is undone without a trace; after it the answer is that it is too late."""
    with field.round(cells, walk, partial(fault, HOLD)) as runs:
        field.wait_until_held(runs)
        answers = [run.lane.cancel(run.asked.operation) for run in runs]
        for run in runs:
            field.turnout.faults.release(run.asked.operation)
        field.wait_until_ended(runs)
        for run, answer in zip(runs, answers, strict=True):
            judge_cancelled(run, answer)
    return runs


def fault(what: str, cell: Cell) -> Fault:
    """What happens at a cell."""
    return Fault(cell.step, cell.moment, what)


def judge_cancelled(run: Run, answer: int) -> None:
    """It was undone, or it was too late: nothing in between."""
    switched = run.ended["generation"] is not None
    if answer == 409:  # also when it has ended as failed
        problem = run.cell.scenario.has_ended_well(run.lane, run.asked, run.ended)
        run.expect(problem is None, f"it was told that it is too late, but {problem}")
        return
    run.expect(answer == 202, f"a cancel was answered with {answer}")
    run.expect(not switched, "it was cancelled and has switched")
    run.expect(run.ended["status"] == "cancelled", f"it is {run.ended['status']}: {run.ended['reason']}")
    live = run.lane.project()["live_deployment_id"]
    run.expect(live == run.lane.live, f"{live} is live, it was {run.lane.live}")


SOME: Final = [
    pytest.param(kill, marks=pytest.mark.fault(Row.KILLED_AT_A_STEP)),
    pytest.param(stumble, marks=pytest.mark.fault(Row.STUMBLING_STEP)),
    pytest.param(terminate, marks=pytest.mark.fault(Row.ENDED_AT_A_STEP)),
    pytest.param(cancel, marks=pytest.mark.fault(Row.CANCELLED)),
]
"""The ways in which the few cells are broken."""
OF_EVERY_BACKEND: Final = [
    *(pytest.param(kill, each, marks=pytest.mark.fault(Row.KILLED_AT_A_STEP)) for each in ("before", "after")),
    *(pytest.param(stumble, each, marks=pytest.mark.fault(Row.STUMBLING_STEP)) for each in ("before", "after")),
    pytest.param(stumble, "done", marks=pytest.mark.fault(Row.REPEATED_STEP)),
    *(pytest.param(cancel, each, marks=pytest.mark.fault(Row.CANCELLED)) for each in ("before", "after")),
]
"""The ways in which every step is broken, and at which moment of it.

An error when all of a step is done means that all of it is done twice.
"""
EVERY: Final = [
    *OF_EVERY_BACKEND,
    pytest.param(terminate, "before", marks=pytest.mark.fault(Row.ENDED_AT_A_STEP)),
]
"""Also what is of the worker alone, so that one backend shows it: with another only a few steps."""


def few() -> list[Cell]:
    """Some cells of every kind of operation."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    return [Cell(named[scenario], step, moment) for scenario, moment, step in FEW]


def show(field: Field, way: Way, cells: Sequence[Cell], subtests: pytest.Subtests) -> None:
    """Run the cells under traffic; each passes or fails by itself."""
    with field.traffic(cells) as walk:
        for few in field.rounds(cells):
            for run in way(field, walk, few):
                with subtests.test(str(run.cell)):
                    assert run.problems == []
