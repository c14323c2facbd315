"""What tests of faults borrow from those of the parts and of the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store, yard
from tests.contract.store_kit import Clock
from tests.e2e.conftest import own_turnout
from tests.faults.attack_kit import World, world
from turnout.store import Store

__all__ = ["clock", "database_url", "own_turnout", "postgres_template", "sqlite_template", "store", "yard"]


@pytest.fixture
async def here(store: Store, clock: Clock, tmp_path: Path) -> AsyncIterator[World]:
    """Two workspaces and the API over them; a source may be one MiB, packed and unpacked."""
    async with world(store, clock, tmp_path / "home") as made:
        yield made
