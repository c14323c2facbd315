"""A Turnout that runs from a copy of the package, so that a test can install another version over it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import turnout as package
from tests.kit import App, Turnout, until
from tests.support import CERTIFICATES

PACKAGE = Path(package.__file__).parent
LOCK = "while __import__('pathlib').Path({held!r}).exists(): __import__('time').sleep(0.02)\n"


class Installed(Turnout):
    """Like any other, but its code lies in a folder of the test's own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.package = folder / "site" / "turnout"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        super().__init__(folder / "home", PYTHONPATH=str(self.package.parent), **environment)

    def install(self, version: str, *, step: str | None = None) -> None:
        """Write another version over this one, as pip does. `step` adds one of that name to every deploy."""
        self._edit("__init__.py", r'__version__ = "[^"]*"', f'__version__ = "{version}"')
        if step is not None:
            self._edit(
                "workflows/deploy.py",
                r'        await steps\.run\("lookup", lookup, Operation\)\n',
                '        await steps.run("lookup", lookup, Operation)\n'
                f'        await steps.run("{step}", lookup, Operation)\n',
            )

    def _edit(self, name: str, pattern: str, text: str) -> None:
        file = self.package / name
        found, number = re.subn(pattern, text, file.read_text())
        assert number == 1, f"{name} has no {pattern}"
        file.write_text(found)
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    def parts(self) -> dict[str, Any]:
        """Every part of `turnout status`, by name."""
        return {part["name"]: part for part in self.ok("status")["parts"]}

    def draining(self) -> list[str]:
        """The old workers that go on."""
        return [name for name, part in self.parts().items() if part["status"] == "draining"]

    def operation(self, operation_id: str) -> Any:
        """An operation as the API tells it; None while the API is away."""
        try:
            answer = self.api.get(f"/v1/operations/{operation_id}")
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def ended(self, operation_id: str) -> Any:
        """The operation, once it has ended."""

        def look() -> Any:
            found = self.operation(operation_id)
            return found if found is not None and found["ended_at"] is not None else None

        return until(look, within=60, what=f"{operation_id} ends")

    def steps(self, operation_id: str) -> list[str]:
        """The names of its steps so far."""
        found = self.operation(operation_id)
        return [] if found is None else [step["name"] for step in found["steps"]]

    def log(self, part: str) -> str:
        """What a part has printed."""
        return (self.home / "run" / f"{part}.log").read_text(errors="replace")

    def workers_at_restate(self) -> list[str]:
        """The addresses under which Restate knows workers."""
        port = json.loads((self.home / "run" / "ports.json").read_text())["restate_admin"]
        answer = httpx.get(f"http://127.0.0.1:{port}/deployments", trust_env=False, verify=CERTIFICATES)
        return sorted(each["uri"] for each in answer.json()["deployments"])


@pytest.fixture
def turnout(tmp_path: Path) -> Iterator[Installed]:
    """One whose package may be written over."""
    made = Installed(tmp_path)
    made.up("--backend", "process")
    yield made
    made.down()
    assert made.processes() == []


class Slow(App):
    """An app whose next version is not ready before it is let."""

    def __init__(self, turnout: Installed, folder: Path, name: str) -> None:
        super().__init__(turnout, folder, name)
        self.installed = turnout
        manifest = self.folder / "turnout.toml"
        manifest.write_text(manifest.read_text().replace("[health]\n", "[health]\ndeadline = 900\n"))

    @property
    def held(self) -> Path:
        """While this file is there, a held version does not listen."""
        return self.folder.parent / f"{self.name}.held"

    def begin_held(self, version: str) -> str:
        """Ask for a deploy that waits for its instances until `let_go`; returns the operation."""
        self.held.touch()
        original = (self.folder / "app.py").read_text()
        self.write(version, app__py=LOCK.format(held=str(self.held)) + original)
        accepted = self.turnout.ok("deploy", str(self.folder), "--project", self.name, "--detach")
        self.write(version, app__py=original)
        operation_id: str = accepted["operation_id"]
        until(lambda: "readiness" in self.installed.steps(operation_id), what="it waits for its instances")
        return operation_id

    def let_go(self) -> None:
        """Let held versions listen."""
        self.held.unlink()
