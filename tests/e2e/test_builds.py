"""From a source folder to a running app: apps from PyPI, the limit on builds, what builds print."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.builder_labs import docker, registry
from tests.e2e.python_image import python_image
from tests.kit import App, Turnout, until
from tests.support import require

ENDED = {"succeeded", "degraded", "failed", "cancelled", "superseded"}


def folder_of(tmp_path: Path, name: str, **files: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text)
    return folder


def test_httpbin_from_pypi(turnout: Turnout, tmp_path: Path) -> None:
    """A requirements.txt and a turnout.toml are all it takes; the second deploy of the same folder builds nothing."""
    folder = folder_of(
        tmp_path,
        "httpbin",
        requirements__txt="httpbin\ngunicorn\n",
        turnout__toml='[run]\ncommand = "gunicorn --bind 127.0.0.1:$PORT httpbin:app"\n[health]\npath = "/get"\n',
    )
    first = turnout.ok("deploy", str(folder), timeout=300)
    assert first["live"] is True
    answer = turnout.get("httpbin-default.localhost", "/anything?a=1")
    assert answer.json()["args"] == {"a": "1"}

    log = turnout.ok("logs", first["deployment_id"], "--build")["log"]
    assert "installing requirements.txt" in log
    assert "Successfully installed" in log
    again = turnout.ok("deploy", str(folder), "--project", "httpbin-again", timeout=60)
    details = {step["name"]: step["detail"] or "" for step in again["steps"]}
    assert details["source"].startswith("already built: release:")
    assert "build" not in details
    assert turnout.get("httpbin-again-default.localhost", "/get").status_code == 200


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pypiserver and what it needs, since no container of the tests reaches an index."""
    folder = tmp_path_factory.mktemp("wheels")
    download = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(folder)]
    subprocess.run([*download, "pypiserver"], check=True)
    return folder


@pytest.mark.docker
@pytest.mark.parametrize(
    "generated", [pytest.param(False, marks=pytest.mark.full), True], ids=["own Dockerfile", "generated Dockerfile"]
)
def test_pypiserver_on_docker(turnout: Turnout, tmp_path: Path, wheels: Path, generated: bool) -> None:
    """The same app as an image, by the folder's own Dockerfile or by a generated one."""
    require("docker")
    base = python_image()
    name = "pypiserver-generated" if generated else "pypiserver"
    folder = folder_of(
        tmp_path,
        name,
        requirements__txt="--no-index\n--find-links wheels\npypiserver\n",
        turnout__toml=(
            '[run]\ncommand = "pypi-server run -i 0.0.0.0 -p $PORT /tmp"\n[health]\npath = "/health"\n'
            f'[build]\nbackend = "docker"\nbase = "{base}"\nargs = {{ BASE = "{base}" }}\n'
        ),
    )
    (folder / "drawn").write_text(secrets.token_hex())  # what the engine has from an earlier run is not built again
    (folder / "wheels").mkdir()
    for wheel in wheels.iterdir():
        (folder / "wheels" / wheel.name).write_bytes(wheel.read_bytes())
    if not generated:
        (folder / "Dockerfile").write_text(
            "ARG BASE\nFROM $BASE\nWORKDIR /app\nCOPY . .\nRUN python3 -m pip install -r requirements.txt\nUSER 65534\n"
        )
    deployed = turnout.ok("deploy", str(folder), timeout=300)
    assert deployed["live"] is True
    assert "pypiserver" in turnout.get(f"{name}-default.localhost", "/").text
    log = turnout.ok("logs", deployed["deployment_id"], "--build")["log"]
    assert ("has no Dockerfile" in log) is generated
    assert "Successfully installed" in log


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[tuple[Turnout, str]]:
    """A Turnout that pushes its images."""
    require("docker")
    with registry(tmp_path) as address:
        turnout = Turnout(tmp_path / "home", TURNOUT_BUILD_REGISTRY=f"{address}/apps")
        turnout.up()
        yield turnout, address
        turnout.down()


@pytest.mark.full
@pytest.mark.docker
def test_deployed_by_digest(registered: tuple[Turnout, str], tmp_path: Path) -> None:
    """With a registry the deployment names the image by its digest, and krane pulls that one."""
    turnout, address = registered
    from tests.support import busybox_image

    page = (
        f"FROM {busybox_image()}\nCOPY page.html /www/index.html\n"
        'CMD ["httpd", "-f", "-p", "0.0.0.0:8080", "-h", "/www"]\n'
    )
    folder = folder_of(tmp_path, "page", Dockerfile=page, page__html="from a registry")
    deployed = turnout.ok("deploy", str(folder), timeout=120)
    row = turnout.ok("ls", "--project", "page")["deployments"][0]
    assert row["image"].startswith(f"{address}/apps/default@sha256:")
    assert turnout.get("page-default.localhost").text == "from a registry"

    # The engine forgets the image: what krane starts next comes from the registry.
    turnout.ok("deploy", "--image", row["image"], "--project", "copy", timeout=120)
    assert turnout.get("copy-default.localhost").text == "from a registry"
    assert "pushing" in turnout.ok("logs", deployed["deployment_id"], "--build")["log"]
    docker("image", "inspect", row["image"])


def test_ten_deploys_at_once(app: App, tmp_path: Path) -> None:
    """Two build at a time, others say their place; each ends legally, the newest is live, nothing leaks."""
    turnout, gate = app.turnout, tmp_path / "gate"
    folders = [tmp_path / f"v{number}" for number in range(10)]
    for number, folder in enumerate(folders):
        App(turnout, tmp_path, folder.name).write(
            f"v{number}",
            turnout__toml=(
                f"[build]\ncommand = \"sh -c 'until test -e {gate}; do sleep 0.1; done'\"\n"
                '[run]\ncommand = "python3 app.py"\n'
            ),
        )
    most, sent = Most(turnout), list[str]()
    try:
        for folder in folders[:2]:  # one that has not begun when a newer one comes is superseded
            sent.append(deploy(app, folder))
            until(lambda: most.looked() and most.builds == len(sent), within=60, what=most, pause=0.2)
        with ThreadPoolExecutor(8) as threads:
            sent += list(threads.map(lambda folder: deploy(app, folder), folders[2:]))
        until(lambda: most.looked() and most.lines, within=60, what=most, pause=0.2)
    finally:
        gate.touch()

    def over(operation_id: str) -> Any:
        return most.looked() and ended(turnout, operation_id)

    operations = [until(partial(over, each), within=150, what=each, pause=0.2) for each in sent]

    assert {operation["status"] for operation in operations} <= {"succeeded", "degraded", "superseded"}
    assert most.builds == 2
    waited = [step for each in operations for step in each["steps"] if step["name"] == "build place"]
    assert waited
    assert all("in line" in step["detail"] for step in waited if step["status"] == "done")  # else it says why it ended
    rows = app.ls()
    assert rows["live_deployment_id"] == rows["deployments"][0]["id"]  # the newest
    assert {row["status"] for row in rows["deployments"]} <= {"ready", "superseded", "stopped"}
    until(lambda: not builders(turnout), what="no build is left")
    assert not list((turnout.home / "builds").glob("*/scratch"))
    assert not list((turnout.home / "releases").glob(".*.lock"))


@pytest.mark.full
def test_reading_what_a_build_prints(app: App) -> None:
    """While it goes on, after everything was restarted, and since when."""
    app.write(
        "v1",
        turnout__toml='[build]\ncommand = "sh -c \'echo one; sleep 3; echo two\'"\n[run]\ncommand = "python3 app.py"\n',
    )
    operation = app.turnout.ok("deploy", str(app.folder), "--project", app.name, "--detach")
    reader = subprocess.run(
        [sys.executable, "-m", "turnout", "logs", operation["deployment_id"], "--build", "-f"],
        env=app.turnout.environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert reader.stdout.splitlines()[-3:-1] == ["one", "two"]
    until(lambda: ended(app.turnout, operation["operation_id"]), within=60)
    for name in ("worker", "server"):
        app.turnout.kill(name)
    until(lambda: app.turnout.run("status").code == 0, within=30)
    identifier = operation["deployment_id"]
    assert "two" in app.turnout.ok("logs", identifier, "--build")["log"]
    assert app.turnout.ok("logs", identifier, "--build", "--since", "1h")["log"] != ""
    until(
        lambda: app.turnout.ok("logs", identifier, "--build", "--since", "1s")["log"] == "", what="it is a second old"
    )


def deploy(app: App, folder: Path) -> str:
    """Ask for a deploy; returns the operation's id."""
    asked = app.turnout.ok("deploy", str(folder), "--project", app.name, "--detach", timeout=120)
    return str(asked["operation_id"])


def ended(turnout: Turnout, operation_id: str) -> Any:
    """The operation when it has ended, else None."""
    with turnout.api as api:
        document = api.get(f"/v1/operations/{operation_id}").json()
    return document if document["status"] in ENDED else None


def builders(turnout: Turnout) -> list[int]:
    """The processes that build for a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "turnout.builds.runner" in words and str(turnout.home) in words[-1]:
            found.append(process.pid)
    return found


class Most:
    """How many builds were ever seen at once, and what the operations said last they waited for."""

    def __init__(self, turnout: Turnout) -> None:
        self.builds = 0
        self.lines: set[str] = set()
        self._turnout = turnout
        self._status = ""

    def __str__(self) -> str:
        return f"two builds and a line behind them; most builds: {self.builds}, status: {self._status}"

    def looked(self) -> bool:
        """Look again; always true."""
        self.builds = max(self.builds, len(builders(self._turnout)))
        with self._turnout.api as api:
            self._status = api.get("/v1/status").text
        waiting = (each["waiting_for"] for each in json.loads(self._status)["operations"])
        self.lines = {text for text in waiting if text and "in line" in text}
        return True
