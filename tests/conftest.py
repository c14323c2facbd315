"""What all tests share."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.faults.report import FaultReport, pytest_itemcollected
from turnout.local.restate_binary import ensure_restate_server
from turnout.local.start import cache_folder

__all__ = ["pytest_itemcollected"]


_FOLDERS = ("faults", "e2e", "workflows", "contract", "unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the results of the tests of faults are written."""
    parser.addoption("--fault-report", type=Path, metavar="FILE", help="write what the tests of faults have shown")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the results where all of them are heard: not in a worker of several."""
    if hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(FailuresAtOnce())
    file = config.getoption("--fault-report")
    if file is not None:
        config.pluginmanager.register(FaultReport(file, whole="not full" not in config.option.markexpr))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked as long may take long. Both databases in each run: only the contract of the store.

    The folders with the longest tests come first, so that at the end no process is left alone with one of them.
    """
    items.sort(key=lambda item: _FOLDERS.index(item.path.parent.name))
    for item in items:
        twice = "database_url" in getattr(item, "fixturenames", ())
        if twice and item.get_closest_marker("postgres") and not item.path.name.startswith("test_store_"):
            item.add_marker(pytest.mark.full)
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.timeout(1800))


class FailuresAtOnce:
    """Says what failed when it fails: a run that is stopped has no summary at its end."""

    LINES = 40

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the last lines of a failure."""
        if report.failed:
            lines = report.longreprtext.splitlines()[-self.LINES :]
            sys.stderr.writelines(f"\n{line}" for line in (f"{report.nodeid} failed in its {report.when}:", *lines, ""))


@pytest.fixture(scope="session")
def restate_binary() -> Path:
    """The program of a real restate-server, installed if it has to be."""
    return asyncio.run(ensure_restate_server(cache_folder(os.environ), say=print))
