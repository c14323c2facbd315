"""A Restate for the tests of faults that play krane and the gateway themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import patiently
from tests.workflows.lab import Lab, Restate
from turnout.domain.plans import UnsentOperation


@pytest.fixture(scope="module")
def restate(restate_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restate]:
    """A running server."""
    server = Restate(restate_binary, tmp_path_factory.mktemp("restate"))
    server.start()
    yield server
    server.stop()


async def placed(lab: Lab, operation: UnsentOperation) -> None:
    """Wait until krane was asked to run what an operation is about."""
    async with patiently(20):
        while operation.deployment_id not in lab.placed:
            await lab.store.wait_for_change(timeout=1)
