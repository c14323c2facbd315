"""Every step of deploy, rollback and promote is broken: what began ends as if nothing had happened.

The steps are those that the operations take, so a step that is new is broken here as soon as it is written. As
processes here; with containers in the file beside it, so that both can be run at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.matrix import Field
from tests.faults.rows import Row
from tests.faults.ways import EVERY, SOME, Way, few, running_field, show, stumble
from tests.support import require


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Apps are processes."""
    require("busybox")
    with running_field("process", tmp_path_factory.mktemp("steps") / "home") as made:
        yield made


@pytest.mark.sample
@pytest.mark.parametrize("way", SOME)
def test_a_few_steps(field: Field, way: Way, subtests: pytest.Subtests) -> None:
    """Some cells of the matrix, in every run of the tests."""
    show(field, way, few(), subtests)


@pytest.mark.sample
@pytest.mark.fault(Row.REPEATED_STEP)
def test_a_few_steps_are_done_twice(field: Field, subtests: pytest.Subtests) -> None:
    """The same steps, each once more when all of it was done."""
    show(field, stumble, [replace(cell, moment="done") for cell in few()], subtests)


@pytest.mark.full
@pytest.mark.parametrize(("way", "moment"), EVERY)
def test_every_step(field: Field, way: Way, moment: str, subtests: pytest.Subtests) -> None:
    """At this moment of every step that deploys, rollbacks and promotes take."""
    show(field, way, field.cells(moment), subtests)
