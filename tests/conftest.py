"""What all tests share."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.report import FaultReport, pytest_itemcollected
from turnout.local.restate_binary import ensure_restate_server
from turnout.local.start import cache_folder

__all__ = ["pytest_itemcollected"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the results of the tests of faults are written."""
    parser.addoption("--fault-report", type=Path, metavar="FILE", help="write what the tests of faults have shown")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the results where all of them are heard: not in a worker of several."""
    file = config.getoption("--fault-report")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultReport(file, whole="not full" not in config.option.markexpr))


@pytest.fixture(scope="session")
def restate_binary() -> Path:
    """The program of a real restate-server, installed if it has to be."""
    return asyncio.run(ensure_restate_server(cache_folder(os.environ), say=print))
