"""Every step of deploy, rollback and promote is broken while apps are containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.matrix import Field
from tests.faults.rows import Row
from tests.faults.ways import OF_EVERY_BACKEND, Way, few, running_field, show, terminate
from tests.support import require

pytestmark = [pytest.mark.docker, pytest.mark.full]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Apps are containers."""
    require("busybox")
    require("docker")
    with running_field("docker", tmp_path_factory.mktemp("steps") / "home") as made:
        yield made


@pytest.mark.parametrize(("way", "moment"), OF_EVERY_BACKEND)
def test_every_step(field: Field, way: Way, moment: str, subtests: pytest.Subtests) -> None:
    """At this moment of every step that deploys, rollbacks and promotes take."""
    show(field, way, field.cells(moment), subtests)


@pytest.mark.fault(Row.ENDED_AT_A_STEP)
def test_told_to_end(field: Field, subtests: pytest.Subtests) -> None:
    """SIGTERM in a few steps."""
    show(field, terminate, few(), subtests)
