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
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from tests.faults.breaking import Faults
from tests.kit import ROOT, Traffic, Turnout, until
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

    def end_worker(self, metronome: Metronome) -> float:
        """Tell the worker to end (SIGTERM) and wait for its end; returns the seconds that it took."""
        process, begin = self.worker, time.monotonic()
        process.terminate()
        process.wait(60)
        end = time.monotonic()
        return end - begin - metronome.stalled(begin, end)

    def worker_returns(self, *, other_than: int) -> float:
        """Wait until another worker's port answers; returns when that was, by the monotonic clock."""
        port = json.loads((self.home / "run" / "ports.json").read_text())["worker"]

        def answers() -> float | None:
            if psutil.pid_exists(other_than) and self.worker.pid == other_than:
                return None
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return time.monotonic()
            except OSError:
                return None

        returned: float = until(answers, within=30, what="the worker is back")
        return returned


class Walk(Traffic):
    """Constant requests to many domains in turn, from one thread. Failures are kept by their domain.

    The list of domains is the caller's, who may change it at any time.
    """

    def __init__(self, turnout: Turnout, hosts: list[str], *, pause: float = 0.01) -> None:
        super().__init__(turnout, "", clients=1)
        self.failed: dict[str, list[str]] = {}
        self._hosts, self._pause = hosts, pause

    def _ask(self) -> None:
        # Nothing is encrypted here, and reading all the world's certificates takes a while.
        with httpx.Client(base_url=self._turnout.urls["gateway_url"], trust_env=False, verify=False) as client:
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


class Metronome:
    """Notices when the machine does not let anybody run: a promise in seconds is not about such moments."""

    _EVERY = 0.02

    def __init__(self) -> None:
        self._stalls: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def stalled(self, begin: float, end: float) -> float:
        """How many seconds between the two were lost."""
        return sum(lost for at, lost in self._stalls if begin <= at <= end)

    def _tick(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(self._EVERY):
            now = time.monotonic()
            if (lost := now - last - self._EVERY) > self._EVERY:
                self._stalls.append((now, lost))
            last = now
