"""Histories are a pure function of their seed, and can be read."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import fields
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.histories import choices as c
from tests.faults.histories import mishaps as m
from tests.faults.histories.generation import LARGEST_BATCH, PROJECTS, history

seeds = st.integers(min_value=0, max_value=2**32)


@settings(max_examples=40)
@given(seed=seeds, operations=st.integers(1, 300))
def test_the_same_seed_is_the_same_history(seed: int, operations: int) -> None:
    """Of exactly that many operations, in batches of a size that can overlook each other."""
    made = history(seed, operations)
    assert made == history(seed, operations)
    assert sum(len(batch.choices) for batch in made.batches) == operations
    assert all(1 <= len(batch.choices) <= LARGEST_BATCH for batch in made.batches)


@settings(max_examples=40)
@given(seed=seeds, operations=st.integers(1, 200), more=st.integers(0, 100))
def test_a_longer_history_begins_with_the_shorter_one(seed: int, operations: int, more: int) -> None:
    """So that a failing one can be cut."""
    short, long = history(seed, operations), history(seed, operations + more)
    assert short.warm == long.warm
    assert short.batches[:-1] == long.batches[: len(short.batches) - 1]
    asked = [list(chain.from_iterable(batch.choices for batch in each.batches)) for each in (short, long)]
    assert asked[1][:operations] == asked[0]


def test_another_process_makes_the_same_one() -> None:
    """Whatever its hashes are like."""
    code = "from tests.faults.histories.generation import history; print(history(7, 200).told())"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hashes, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("0", "1")
    }
    assert told == {history(7, 200).told() + "\n"}


def test_everything_happens() -> None:
    """In a thousand operations there is every kind of choice, app and fault, and most of them often."""
    made = [history(seed, 200) for seed in range(5)]
    choices = Counter(type(each) for one in made for batch in one.batches for each in batch.choices)
    faults = Counter(type(each) for one in made for batch in one.batches for each in batch.faults)
    assert choices.keys() == set(_leaves(c.Choice))
    assert faults.keys() == set(_leaves(m.Fault))
    apps = {each.app for one in made for batch in one.batches for each in batch.choices if isinstance(each, c.Deploy)}
    assert apps == set(c.App)
    assert {one.warm for one in made} == {True, False}
    assert choices[c.Deploy] > 200
    assert {each.project for one in made for batch in one.batches for each in batch.choices} == set(PROJECTS)
    assert any(not batch.faults for batch in made[0].batches), "some batches are calm"


def test_a_history_is_told() -> None:
    """A line for each thing, and the command that has it again."""
    told = history(3, 200).told()
    assert told.splitlines()[0].startswith("history of seed 3: 200 operations in ")
    assert told.splitlines()[-1] == "again: make soak SEED=3 OPERATIONS=200"
    assert "deploy environment=production" in told
    assert "FAULT" in told
    deploy = c.Deploy(project="anna", after=0.25, environment="preview", branch="main", app=c.App.SLOW)
    assert deploy.told() == "anna     +0.25 s  deploy environment=preview branch=main app=slow"
    killed = m.WorkerKilled(after=0.5, step="domains")
    assert killed.told() == "FAULT    +0.50 s  WorkerKilled step=domains moment=after"


def _leaves(kind: type) -> list[type]:
    assert fields(kind)
    return list(kind.__subclasses__())
