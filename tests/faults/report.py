"""Counts what the tests of faults have shown, a cell for each test and subtest, and writes it down.

`pytest --fault-report FILE` makes the file that docs/reliability.md is generated from.
"""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.rows import ORDER, Row

_PROPERTY: Final = "fault row"


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Let every report of a test say which row it belongs to: reports travel between processes, markers do not."""
    for mark in item.iter_markers("fault"):
        (row,) = mark.args
        assert isinstance(row, Row), f"{item.nodeid}: a fault is one of Row"
        item.user_properties.append((_PROPERTY, row.name))


class FaultReport:
    """Listens to the results, in the one process that hears them all."""

    def __init__(self, file: Path, *, whole: bool) -> None:
        """`whole`: nothing was left out because it takes long."""
        self._file = file
        self._whole = whole
        self._began = time.time()
        self._cells: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._with_cells: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that has subtests is counted by them; what fails to be set up has failed."""
        rows = [str(value) for name, value in report.user_properties if name == _PROPERTY]
        inside = hasattr(report, "context")
        if inside:
            self._with_cells.add(report.nodeid)
        elif report.nodeid in self._with_cells and (report.passed or str(report.longrepr).startswith("contains ")):
            return  # its cells were counted, and it says only that some have failed
        elif report.when != "call" and report.passed:
            return
        name = report.nodeid + (f" {report._sub_test_description()}" if inside else "")  # type: ignore[attr-defined]
        for row in rows:
            self._cells[row][report.outcome].append(name)

    def pytest_sessionfinish(self) -> None:
        """Write what was counted."""
        rows: list[dict[str, Any]] = [
            {
                "row": row,
                "passed": len(cells["passed"]),
                "failed": sorted(cells["failed"]),
                "skipped": sorted(cells["skipped"]),
            }
            for row, cells in sorted(self._cells.items(), key=lambda each: ORDER[each[0]])
        ]
        document = {
            "whole": self._whole,
            "commit": _commit(),
            "day": time.strftime("%Y-%m-%d", time.gmtime(self._began)),
            "minutes": round((time.time() - self._began) / 60, 1),
            "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            "rows": rows,
        }
        self._file.write_text(json.dumps(document, indent=2) + "\n")


def _commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return said.stdout.strip()
