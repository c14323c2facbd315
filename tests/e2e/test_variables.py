"""Environment variables: from the command line to the instance, and nowhere else."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import httpx
import psutil

from tests.kit import App, Turnout, until
from turnout.bootstrap.gateway import socket_folder

SHOW = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "nothing").encode())
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
SECRET = "s3cr3t-planted-7Qz0vK1xN9"
OTHER = "another-planted-Yw4Lm8Tr2b"


def set_from_stdin(app: App, name: str, value: str) -> None:
    """Set a variable without it ever being typed."""
    subprocess.run(
        [sys.executable, "-m", "turnout", "env", "set", name, "--from-stdin", "--project", app.name],
        env=app.turnout.environment,
        input=value + "\n",
        text=True,
        check=True,
        capture_output=True,
    )


def deploy(app: App, version: str) -> str:
    """Deploy the app that shows its greeting; returns the deployment."""
    app.write(version, app__py=SHOW)
    return app.turnout.ok("deploy", str(app.folder), "--project", app.name)["deployment_id"]


def greeting(app: App) -> str:
    """What the live version answers."""
    return app.turnout.get(app.live_domain).text


def test_a_rollback_brings_the_configuration_of_its_time_back(own_turnout: Turnout, tmp_path: Path) -> None:
    """Set, deploy, change, deploy, rotate while deploying, roll back; and the secrets are found nowhere."""
    app = App(own_turnout, tmp_path, "greeter")
    set_from_stdin(app, "GREETING", SECRET)
    first = deploy(app, "v1")
    assert greeting(app) == SECRET
    listed = own_turnout.ok("env", "ls", "--project", app.name)["variables"]
    assert [(each["name"], each["version"]) for each in listed] == [("GREETING", 1)]

    set_from_stdin(app, "GREETING", OTHER)
    own_turnout.ok("env", "set", "EXTRA=1", "--project", app.name)
    assert greeting(app) == SECRET, "what runs keeps what it was created with"
    with Rotating(own_turnout) as rotating:
        second = deploy(app, "v2")
    assert rotating.times > 0
    assert greeting(app) == OTHER

    app.rollback()
    assert greeting(app) == SECRET
    kill_instance(own_turnout, first)
    until(lambda: greeting(app) == SECRET, what="restarted with the variables of its time")

    difference = own_turnout.ok("diff", first, second)
    assert difference["variables"] == {
        "added": ["EXTRA"], "removed": [], "changed": ["GREETING"], "not_compared": [],
    }  # fmt: skip
    own_turnout.ok("env", "rm", "EXTRA", "--project", app.name)
    searched = search(own_turnout, app, first, second)
    for secret in (SECRET, OTHER):
        for form in (secret.encode(), base64.b64encode(secret.encode())[:-4]):
            assert [place for place, content in searched.items() if form in content] == []
    assert len(searched) > 30, "it was looked for in something"
    assert any(SECRET.encode() in content for content in environments_of_instances(own_turnout)), "there it has to be"


class Rotating:
    """Rotates all keys again and again while the block runs."""

    def __init__(self, turnout: Turnout) -> None:
        self.times = 0
        self._turnout = turnout
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._rotate)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _rotate(self) -> None:
        while not self._stop.is_set():
            self._turnout.ok("vault", "rotate")
            self.times += 1


def search(turnout: Turnout, app: App, first: str, second: str) -> dict[str, bytes]:
    """Everything that could give a secret away, by where it is."""
    found = {str(path): path.read_bytes() for path in turnout.home.rglob("*") if path.is_file()}
    assert any("restate" in place for place in found)
    assert any(place.endswith("turnout.db") for place in found)
    assert any("instance.json" in place for place in found)
    with turnout.api as api:
        for path in (
            f"/v1/projects/{app.name}",
            f"/v1/projects/{app.name}/environments/production/variables",
            f"/v1/deployments/{first}",
            f"/v1/deployments/{first}/logs",
            f"/v1/deployments/{first}/diff/{second}",
            "/v1/status",
        ):
            answer = api.get(path)
            assert answer.status_code == 200, answer.text
            found[path] = answer.content
        wrong = f"/v1/projects/{app.name}/environments/production/variables"
        for body in (
            {"variables": {"GREETING": SECRET + "\0"}},
            {"variables": {"GREETING": SECRET * 9999}},
            {"variables": {"PORT": SECRET}},
            {"variables": {"GREETING": [SECRET]}},
            {"variables": SECRET},
        ):
            answer = api.put(wrong, json=body)
            assert answer.status_code in (400, 413), answer.text
            found[f"error {answer.text}"] = answer.content
        answer = api.put(wrong, content=f'{{"variables": "{SECRET}'.encode())
        assert answer.status_code == 400
        found["broken JSON"] = answer.content
    for arguments in (("set", SECRET), ("set", f"9X={SECRET}"), ("import", f"/nowhere/{app.name}")):
        ran = turnout.run("env", *arguments, "--project", app.name)
        assert ran.code == 2
        found[f"env {arguments[0]} {ran.out}"] = (ran.out + ran.err).encode()
    found["ps"] = subprocess.run(["ps", "-eo", "args", "-ww"], capture_output=True, check=True).stdout
    socket = socket_folder(turnout.home) / "envoy.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://envoy") as envoy:
        found["Envoy"] = envoy.get("/config_dump?include_eds").content
    assert app.name.encode() in found["Envoy"]
    return found


def instances_of(turnout: Turnout) -> list[psutil.Process]:
    """The processes of apps."""
    return turnout.processes_with("TURNOUT_INSTANCE_ID")


def environments_of_instances(turnout: Turnout) -> list[bytes]:
    """What they were started with, as the kernel tells their own user."""
    return [Path(f"/proc/{each.pid}/environ").read_bytes() for each in instances_of(turnout)]


def kill_instance(turnout: Turnout, deployment_id: str) -> None:
    """End the instances of a deployment from outside; krane starts them again."""
    killed = turnout.processes_with("TURNOUT_DEPLOYMENT_ID", deployment_id)
    assert killed
    for each in killed:
        each.kill()
