"""An operation that was asked for through the API, and is followed while parts of Turnout are broken."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any, Final

import httpx
import psutil

from tests.kit import App, Turnout, until
from turnout.local.record import read_running

_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "superseded", "degraded"})


@dataclass(frozen=True)
class Asked:
    """One operation, whatever becomes of the parts that carry it."""

    turnout: Turnout
    id: str

    def now(self) -> dict[str, Any]:
        """As the API tells it; empty while nobody answers."""
        try:
            answer = self.turnout.api.get(f"/v1/operations/{self.id}")
            document: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            return {}
        return document

    @property
    def deployment(self) -> str:
        """The deployment it is about."""
        found = until(lambda: self.now().get("deployment_id"), what="the API tells of the operation")
        return str(found)

    def reached(self, step: str) -> None:
        """Return when this step has begun."""
        until(lambda: step in [each["name"] for each in self.now().get("steps", ())], what=f"{self.id} is at {step}")

    def ended(self, *, within: float = 60.0) -> dict[str, Any]:
        """How it ended."""

        def look() -> dict[str, Any] | None:
            found = self.now()
            return found if found.get("status") in _ENDED else None

        found: dict[str, Any] = until(look, within=within, what=f"{self.id} has ended, and is {self.now()}")
        return found

    def succeeded(self, *, within: float = 60.0) -> dict[str, Any]:
        """How it ended, which has to be well."""
        found = self.ended(within=within)
        assert found["status"] == "succeeded", found
        return found


def ask_deploy(app: App, *arguments: str) -> Asked:
    """Ask for a deploy of the folder as it is."""
    accepted = app.turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach", *arguments)
    return Asked(app.turnout, accepted["operation_id"])


def ask(app: App, verb: str, **body: str) -> Asked:
    """Ask for a rollback or a promote; the API has to take it."""
    answer = post(app, verb, **body)
    assert answer.status_code == 202, answer.text
    return Asked(app.turnout, answer.json()["operation_id"])


def post(app: App, verb: str, **body: str) -> httpx.Response:
    """Ask for a rollback or a promote, whatever the answer is."""
    return app.turnout.api.post(f"/v1/projects/{app.name}/{verb}", json=body)


def replaced(turnout: Turnout, name: str, old: int) -> None:
    """Return when the part of that name runs as another process than `old`, and all is well."""

    def look() -> bool:
        return turnout.is_another(name, old) and turnout.healthy()

    until(look, within=30, what=f"another {name} runs, and all is healthy")


def kill(turnout: Turnout, name: str) -> int:
    """`kill -9` a part, whether or not the API answers; returns the pid it had."""
    running = read_running(turnout.home)
    assert running is not None
    pid = next(each.pid for each in running.parts if each.name == name)
    assert pid is not None, f"{name} does not run"
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    return pid


def envoy(turnout: Turnout) -> psutil.Process:
    """The Envoy that runs."""

    def find() -> psutil.Process | None:
        try:
            return psutil.Process(json.loads((turnout.home / "gateway" / "envoy.pid.json").read_text())["pid"])
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None

    found: psutil.Process = until(find, what="an Envoy runs")
    return found


def answers(app: App) -> bool:
    """Whether the app's domain answers well."""
    try:
        return app.turnout.get(app.live_domain).status_code == 200
    except httpx.HTTPError:
        return False


def processes_of(asked: Asked) -> list[psutil.Process]:
    """What runs of the deployment that an operation is about."""
    return asked.turnout.processes_with("TURNOUT_DEPLOYMENT_ID", asked.deployment)
