"""Apps that do not start: failed with a reason that quotes them, nothing left, traffic untouched."""

from __future__ import annotations

import pytest

from tests.faults.rows import Row
from tests.kit import App, until

EXITS = "import sys\nprint('cannot find the database', flush=True)\nsys.exit(3)\n"
NEVER_LISTENS = "import time\nprint('thinking hard', flush=True)\ntime.sleep(600)\n"
UNWELL = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print('no disk left', flush=True)
        self.send_response(500)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(EXITS, ["exited with code 3", "cannot find the database"], id="exits-at-once"),
        pytest.param(NEVER_LISTENS, ["health check", "thinking hard"], id="never-listens"),
        pytest.param(UNWELL, ["500", "no disk left"], id="health-path-500"),
    ],
)
@pytest.mark.fault(Row.BAD_INSTANCES)
def test_a_failing_version_changes_nothing(app: App, source: str, words: list[str]) -> None:
    """Exit code 1, status failed, the app's last lines in the reason; the old version serves on alone."""
    live = app.deploy("v1")
    manifest = (app.folder / "turnout.toml").read_text()
    app.write("v2", app__py=source)
    (app.folder / "turnout.toml").write_text(_with_deadline(manifest, 8 if source is UNWELL else 1.5))

    failed = app.try_deploy()

    assert failed.code == 1
    document = failed.document
    assert document.get("status", "failed") == "failed" or "error" in document
    reason = document.get("reason") or document["error"]["detail"]
    for word in words:
        assert word in reason, reason
    listed = app.ls()
    assert listed["live_deployment_id"] == live["deployment_id"]
    broken = next(each for each in listed["deployments"] if each["id"] != live["deployment_id"])
    assert broken["status"] == "failed"
    assert broken["domains"] == []
    assert broken["instances_running"] == 0
    assert app.serves() == "v1"
    until(lambda: not _instances_of(app, broken["id"]), within=5, what="nothing of the failed version runs")


def _with_deadline(manifest: str, deadline: float) -> str:
    """The manifest with an impatient health check on a path."""
    kept = [line for line in manifest.splitlines() if "[health]" not in line and 'path = "/healthz"' not in line]
    return "\n".join([*kept, "", "[health]", 'path = "/healthz"', f"deadline = {deadline}", ""])


def _instances_of(app: App, deployment_id: str) -> list[int]:
    return [process.pid for process in app.turnout.processes_with("TURNOUT_DEPLOYMENT_ID", deployment_id)]
