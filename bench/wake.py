# ruff: noqa: INP001, T201  # a script that prints for a person
"""How long a rollback to a deployment takes that was stopped an hour ago, beyond the app's own start.

    PYTHONPATH=src python bench/wake.py [rounds]

Starts Turnout in a folder of its own, deploys examples/hello-python twice, stops the first, sets its clock back by an
hour, and rolls back to it. The app's own start, on the same machine in the same run: from its exec until its
health path has answered as often as the deployment asks for. Ends with 1 when the rest is over LIMIT.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

LIMIT = 2.0
"""Seconds."""
HELLO = Path(__file__).resolve().parent.parent / "examples" / "hello-python"
PASSES, INTERVAL = 2, 0.5
"""The defaults of [health], which the example keeps."""


def turnout(home: Path, *words: str) -> Any:
    """Run a command that has to succeed, and return its document."""
    environment = os.environ | {"TURNOUT_HOME": str(home), "TURNOUT_GATEWAY_PORT": "0"}
    command = [sys.executable, "-m", "turnout", *words, "--json"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def own_start(folder: Path) -> float:
    """Seconds that the app itself takes until it is healthy, with nothing of Turnout around it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "app.py"], cwd=folder, env=os.environ | {"PORT": str(port)}, stdout=subprocess.DEVNULL
    ) as app:
        passed = 0
        while passed < PASSES:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
                    passed += 1
            except OSError:
                passed = 0
            if passed < PASSES:
                time.sleep(INTERVAL if passed else 0.01)
        took = time.perf_counter() - began
        app.terminate()
    return took


def an_hour_ago(home: Path, deployment_id: str) -> None:
    """Force the clock: what says when it was stopped says an hour earlier."""
    with sqlite3.connect(home / "turnout.db", timeout=10) as store:
        (stopped,) = store.execute("SELECT stopped_at FROM deployments WHERE id = ?", (deployment_id,)).fetchone()
        before = datetime.fromisoformat(stopped) - timedelta(hours=1)
        store.execute("UPDATE deployments SET stopped_at = ? WHERE id = ?", (str(before), deployment_id))


def main() -> int:
    """Measure, print, and say whether the limit holds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    folder = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
    home, app = folder / "home", folder / "app"
    shutil.copytree(HELLO, app)
    turnout(home, "up", "--detach", "--backend", "process")
    try:
        first = turnout(home, "deploy", str(app), "--project", "wake")["deployment_id"]
        (app / "VERSION").write_text("v2\n")
        second = turnout(home, "deploy", str(app), "--project", "wake")["deployment_id"]
        rest = []
        for _ in range(rounds):
            turnout(home, "stop", first)
            an_hour_ago(home, first)
            began = time.perf_counter()
            back = turnout(home, "rollback", "--to", first, "--project", "wake")
            seen = time.perf_counter() - began
            alone = own_start(app)
            took = back.get("duration_ms", seen * 1000) / 1000
            rest.append(took - alone)
            print(f"rollback {took:.2f} s, of which the app's own start {alone:.2f} s; the rest {took - alone:.2f} s")
            turnout(home, "promote", second, "--project", "wake")
    finally:
        turnout(home, "down")
        shutil.rmtree(folder, ignore_errors=True)
    worst = max(rest)
    print(f"beyond the app's own start: median {statistics.median(rest):.2f} s, worst {worst:.2f} s, limit {LIMIT} s")
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
