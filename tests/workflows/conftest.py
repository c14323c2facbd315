"""One Restate for the whole session; a store, a worker and a played world for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.acme_server import AcmeServer
from tests.acme_site import Site
from tests.faults.rows import Row
from tests.workflows.lab import Lab, Restate, open_lab


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="stays"),
        pytest.param(True, id="suspends", marks=(pytest.mark.full, pytest.mark.fault(Row.SUSPENDED))),
    ],
)
def restate(
    request: pytest.FixtureRequest, restate_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restate]:
    """A running server; in `make faults` also one that suspends every handler whenever it awaits something."""
    server = Restate(restate_binary, tmp_path_factory.mktemp("restate"), suspends=request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def lab(restate: Restate, tmp_path: Path) -> AsyncIterator[Lab]:
    """The workflows at work."""
    async with open_lab(restate, tmp_path) as lab:
        yield lab


@pytest.fixture
def site() -> Iterator[Site]:
    """Port 80 of every name, as an ACME server sees it."""
    with Site() as site:
        yield site


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[AcmeServer]:
    """The ACME server of the kit."""
    with AcmeServer(tmp_path, challenge_port=site.port) as server:
        yield server
