"""A running Turnout whose steps can be broken, and what is measured while one part of it is away."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.faults.breaking import Faults, Mark, waited
from tests.kit import ROOT, Traffic, Turnout, until
from tests.support import CERTIFICATES
from turnout.local.record import read_running


class BreakableTurnout(Turnout):
    """The same parts as `turnout up` starts, supervised in the same way, with the worker of the tests."""

    def __init__(self, home: Path, **environment: str) -> None:
        super().__init__(home, **environment)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environment["PYTHONPATH"] = path
        self.faults = Faults(home.parent / f"{home.name}-faults")
        self._supervisor: subprocess.Popen[str] | None = None
        self._token: str | None = None

    def up(self, *_: str) -> dict[str, str]:
        """Start everything."""
        with (self.faults.folder / "supervisor.log").open("a") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.up", str(self.faults.folder)],
                env=self.environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._supervisor.stdout is not None
        said = self._supervisor.stdout.readline()
        assert said, f"it did not start: {(self.faults.folder / 'supervisor.log').read_text()[-2000:]}"
        self.urls = json.loads(said)
        return self.urls

    def down(self) -> Any:
        """Stop everything."""
        if self._supervisor is None:
            return None
        self._supervisor.send_signal(signal.SIGTERM)
        return self._supervisor.wait(120)

    def ended(self, *operations: str) -> bool:
        """Whether all of these have ended: read from the database, because asking the API all the time is load."""
        with closing(sqlite3.connect(f"file:{self.home / 'turnout.db'}?mode=ro", uri=True)) as database:
            some = ",".join("?" * len(operations))
            query = f"SELECT count(*) FROM operations WHERE ended_at IS NOT NULL AND id IN ({some})"
            return bool(database.execute(query, operations).fetchone()[0] == len(operations))

    @property
    def worker(self) -> psutil.Process:
        """The worker's process, without asking any part."""
        running = read_running(self.home)
        assert running is not None
        return psutil.Process(next(part.pid for part in running.parts if part.name == "worker"))

    def end_worker(self) -> float:
        """Tell the worker to end (SIGTERM) and wait for its end; returns the seconds that it needed for that."""
        process, begin = self.worker, time.monotonic()
        before = lost = waited(process.pid)
        process.terminate()
        while _lives(process):
            lost = max(lost, waited(process.pid))
            time.sleep(0.01)
        return time.monotonic() - begin - (lost - before)

    def worker_returns(self, *, other_than: int) -> Return:
        """Wait until another worker's port answers."""
        port = json.loads((self.home / "run" / "ports.json").read_text())["worker"]

        def answers() -> Return | None:
            try:
                pid = self.worker.pid
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return None if pid == other_than else Return(time.monotonic(), pid, waited(pid))
            except (OSError, psutil.Error):
                return None

        returned: Return = until(answers, within=30, what="the worker is back")
        return returned


@dataclass(frozen=True, slots=True)
class Return:
    """The moment at which a worker's port answered."""

    at: float
    pid: int
    waited: float

    def until(self, mark: Mark) -> float:
        """The seconds until that moment of a step. What the machine gave to others instead does not count."""
        lost = mark.waited - self.waited if mark.pid == self.pid else 0.0
        return mark.at - self.at - lost


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Walk(Traffic):
    """Constant requests to many domains in turn, from one thread. Failures are kept by their domain.

    The list of domains is the caller's, who may change it at any time.
    """

    def __init__(self, turnout: Turnout, hosts: list[str], *, pause: float = 0.02) -> None:
        super().__init__(turnout, "", clients=1, pause=pause)
        self.failed: dict[str, list[str]] = {}
        self._hosts = hosts

    def _ask(self) -> None:
        base = self._turnout.urls["gateway_url"]
        with httpx.Client(base_url=base, trust_env=False, verify=CERTIFICATES) as client:
            for number in itertools.count():
                if self._stop.wait(self._pause):
                    return
                host = self._hosts[number % len(self._hosts)]
                try:
                    answer = client.get("/", headers={"host": host}, timeout=30)
                    problem = None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
                except httpx.HTTPError as error:
                    problem = repr(error)
                if problem is None:
                    self.answers[host] += 1
                else:
                    self.failures.append(f"{host}: {problem}")
                    self.failed.setdefault(host, []).append(problem)
