"""Every step of every operation, broken in one way: which cells there are, and how a few of them are run at once.

Each cell is an operation of its own on a project of its own. So one `kill -9` can meet many operations, each at the
moment of its cell, and the slow part of a fault (another worker that starts) is paid for once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import psutil

from tests.faults.breakable import BreakableTurnout, Walk
from tests.faults.breaking import Fault
from tests.faults.checker import unsettled
from tests.faults.lanes import SCENARIOS, Asked, Lane, Scenario
from tests.faults.world import ask_restate
from tests.kit import until

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cell:
    """One moment of one step of one scenario."""

    scenario: Scenario
    step: str
    moment: str

    def __str__(self) -> str:
        return f"{self.scenario.name}: {self.moment} {self.step}"


@dataclass(slots=True)
class Run:
    """A cell that is tried, and what was not as it has to be."""

    cell: Cell
    lane: Lane
    asked: Asked
    fault: Fault
    ended: Any = None
    problems: list[str] = field(default_factory=list)

    def expect(self, holds: object, problem: str) -> None:
        """Note a problem."""
        if not holds:
            self.problems.append(problem)


class Field:
    """A running Turnout with its lanes, under constant traffic."""

    def __init__(self, turnout: BreakableTurnout, backend: str, *, lanes: int) -> None:
        self.turnout = turnout
        self.backend = backend
        self._pool = ThreadPoolExecutor(lanes)
        self._made = 0
        self.lanes = [self._new_lane() for _ in range(lanes)]
        self._domains: list[str] = []
        self._steps: dict[str, list[str]] = {}

    def _new_lane(self) -> Lane:
        self._made += 1
        return Lane(self.turnout, self.backend, self._made)

    def each(self, do: Callable[..., T], *over: Iterable[Any]) -> list[T]:
        """Do something for many at once."""
        return list(self._pool.map(do, *over))

    @contextmanager
    def traffic(self, cells: Sequence[Cell]) -> Iterator[Walk]:
        """Constant requests to the live domain of every lane that these cells need."""
        needed = self.lanes[: len(cells)]
        self.each(Lane.settle, needed)
        self._domains = [lane.domain for lane in needed]
        with Walk(self.turnout, self._domains) as walk:
            yield walk

    # -- which cells there are

    def cells(self, *moments: str) -> list[Cell]:
        """Every step that an operation of each scenario takes, as a clean run shows them, at each of the moments."""
        cells: list[Cell] = []
        known: set[tuple[str, str]] = set()
        for scenario in SCENARIOS:
            steps = self.steps(scenario)
            # What fails does so at its end: what came before it is the same as of one that succeeds.
            for step in steps if scenario.succeeds else steps[-2:]:
                if (scenario.kind, step) not in known:
                    cells += [Cell(scenario, step, moment) for moment in moments]
                known.add((scenario.kind, step))
        return cells

    def steps(self, scenario: Scenario) -> list[str]:
        """The steps of a scenario, in their order, with those of everything that it sets going."""
        if scenario.name not in self._steps:
            lane = self.lanes[0]
            scenario.prepare(lane)
            asked = scenario.ask(lane)
            problem = scenario.has_ended_well(lane, asked, lane.ended(asked.operation))
            assert problem is None, problem
            until(self.is_quiet, what="every handler has ended")
            self._steps[scenario.name] = list(
                dict.fromkeys(mark.step for mark in self.turnout.faults.marks(asked.operation))
            )
        return self._steps[scenario.name]

    def is_quiet(self) -> bool:
        """Whether no handler is under way."""
        under_way = "SELECT id FROM sys_invocation WHERE status NOT IN ('completed', 'scheduled')"
        return not ask_restate(self.turnout, under_way)

    # -- how they are run

    def rounds(self, cells: Sequence[Cell]) -> Iterator[Sequence[Cell]]:
        """As many at once as there are lanes."""
        for begin in range(0, len(cells), len(self.lanes)):
            yield cells[begin : begin + len(self.lanes)]

    @contextmanager
    def round(self, cells: Sequence[Cell], walk: Walk, fault: Callable[[Cell], Fault]) -> Iterator[list[Run]]:
        """Ask for the operations of the cells, each with its fault; at the end of the block, see what holds."""
        faults = self.turnout.faults
        failed = {host: len(failures) for host, failures in walk.failed.items()}
        self.each(lambda cell, lane: cell.scenario.prepare(lane), cells, self.lanes)
        with faults.gate():
            asked = self.each(lambda cell, lane: cell.scenario.ask(lane), cells, self.lanes)
            runs = list(map(Run, cells, self.lanes, asked, map(fault, cells)))
            for run in runs:
                faults.arm(run.asked.operation, run.fault)
        try:
            yield runs
        except (AssertionError, OSError, httpx.HTTPError, psutil.Error) as error:  # the other rounds go on
            for run in runs:
                run.problems.append(f"the round was broken off: {error}")
        for run in runs:
            run.expect(faults.has_fired(run.asked.operation, run.fault), f"never came to {run.fault}")
            faults.release(run.asked.operation)
        self._judge(runs)
        for run in runs:
            now = walk.failed.get(run.lane.domain, [])[failed.get(run.lane.domain, 0) :]
            run.expect(not now, f"I3: {len(now)} requests failed: {now[:1]}")
        self._tidy(runs)

    def wait_until_held(self, runs: list[Run]) -> None:
        """Return when every operation is where its fault holds it. One that ends before that is a problem."""

        def is_there(run: Run) -> bool:
            return self.turnout.faults.held(run.asked.operation) is not None

        def all_are_there() -> bool:
            return all(is_there(run) or self.turnout.ended(run.asked.operation) for run in runs)

        until(all_are_there, within=30, what="every operation is held where it is to be")
        # What goes on after the end of its operation is still to come.
        if not all(is_there(run) for run in runs):
            until(lambda: all(is_there(run) for run in runs) or self.is_quiet(), what="all are held, or over")

    def wait_until_ended(self, runs: list[Run]) -> None:
        """Return when every operation has ended."""
        operations = [run.asked.operation for run in runs]
        until(lambda: self.turnout.ended(*operations), within=30, what=f"all of {operations} end")
        for run in runs:
            run.ended = run.lane.operation(run.asked.operation)

    def expect_success(self, runs: list[Run]) -> None:
        """Every operation ends as if nothing had been broken."""
        self.wait_until_ended(runs)
        for run in runs:
            problem = run.cell.scenario.has_ended_well(run.lane, run.asked, run.ended)
            run.expect(problem is None, str(problem))

    def _judge(self, runs: list[Run]) -> None:
        for sentence in unsettled(self.turnout, within=30):
            named = [run for run in runs if _is_about(run, sentence)]
            for run in named or runs:
                run.problems.append(sentence)

    def _tidy(self, runs: list[Run]) -> None:
        """Make room; a lane on which something is wrong is not used again."""
        for place, run in enumerate(runs):
            if run.problems:
                self.lanes[place] = self._new_lane()
                self.lanes[place].settle()
                self._domains[place] = self.lanes[place].domain
        self.each(Lane.tidy, self.lanes[: len(runs)])
        self.lanes[0].api.post("/v1/garbage", json={}).raise_for_status()


def _is_about(run: Run, sentence: str) -> bool:
    return any(name in sentence for name in (run.asked.operation, run.asked.deployment, run.lane.name))
