"""A Turnout of its own for tests that use the product as a person does: through the command line and curl."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from tests.support import CERTIFICATES, PATIENCE, next_pause
from turnout.local.record import PartStatus, read_running

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its JSON; the test fails when it printed anything else."""
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        """The error it printed."""
        assert self.code != 0, self.out
        return self.document["error"]


class Turnout:
    """One home with everything that `turnout up` starts."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TURNOUT_") or name in ("TURNOUT_RESTATE_SERVER", "TURNOUT_CACHE")
        } | {
            "TURNOUT_HOME": str(home),
            "TURNOUT_GATEWAY_PORT": "0",
            "TURNOUT_GATEWAY_TLS_PORT": "0",
            "TURNOUT_DEPLOY_READY_GRACE_SECONDS": "5",
            **environment,
        }
        self.urls: dict[str, str] = {}

    # -- verbs

    def run(self, *arguments: str, cwd: Path | None = None, timeout: float = 300) -> Ran:
        """Run the command line with `--json`."""
        done = subprocess.run(
            [sys.executable, "-m", "turnout", *arguments, "--json"],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, **options: Any) -> Any:
        """Run a command that has to succeed; returns its document."""
        ran = self.run(*arguments, **options)
        assert ran.code == 0, f"turnout {' '.join(arguments)} ended with {ran.code}:\n{ran.out}\n{ran.err}"
        return ran.document

    def up(self, *arguments: str) -> dict[str, str]:
        """Start everything."""
        self.urls = self.ok("up", "--detach", *arguments)
        return self.urls

    def down(self) -> Any:
        """Stop everything."""
        return self.ok("down")

    # -- looking

    @property
    def api(self) -> httpx.Client:
        """The HTTP API, signed in."""
        token = json.loads((self.home / "credentials.json").read_text())["token"]
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=self.urls["api_url"], headers=headers, timeout=30, trust_env=False, verify=CERTIFICATES
        )

    def get(self, host: str, path: str = "/", **headers: str) -> httpx.Response:
        """A request to a domain, through the gateway."""
        url, headers = self.urls["gateway_url"] + path, {"host": host, **headers}
        return httpx.get(url, headers=headers, timeout=30, trust_env=False, verify=CERTIFICATES)

    def serves(self, host: str) -> str:
        """The version that answers at a domain."""
        answer = self.get(host)
        assert answer.status_code == 200, f"{host}: {answer.status_code} {answer.text}"
        return answer.headers.get("x-hello-version") or answer.text

    def healthy(self) -> bool:
        """Whether the API answers, and says that all is well."""
        try:
            with self.api as api:
                answer = api.get("/v1/status")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and bool(answer.json()["healthy"])

    def is_another(self, name: str, old: int) -> bool:
        """Whether the part of that name runs as another process than `old`."""
        running = read_running(self.home)
        parts = [each for each in running.parts if each.name == name] if running else []
        return any(each.pid != old and each.status is PartStatus.RUNNING for each in parts)

    def part(self, name: str) -> psutil.Process:
        """The process of a part."""
        parts = self.ok("status")["parts"]
        return psutil.Process(next(part["pid"] for part in parts if part["name"] == name))

    def kill(self, name: str) -> int:
        """`kill -9` a part; returns the pid it had."""
        process = self.part(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        return process.pid

    def processes(self) -> list[psutil.Process]:
        """Every process on the machine that belongs to this home."""
        return [process for process, _ in self.environments()]

    def processes_with(self, name: str, value: str | None = None) -> list[psutil.Process]:
        """Those of them that have this in their environment."""
        return [
            process
            for process, environment in self.environments()
            if name in environment and value in (None, environment[name])
        ]

    def environments(self) -> list[tuple[psutil.Process, dict[str, str]]]:
        """Every process of this home with its environment: read once, as it may end at any moment."""
        mine = []
        for process in psutil.process_iter(["cmdline"]):
            try:
                environment = process.environ()
                marked = environment.get("TURNOUT_HOME") == str(self.home)
                named = str(self.home) in " ".join(process.info["cmdline"] or [])
                inside = Path(process.cwd()).is_relative_to(self.home)
            except (psutil.Error, OSError):
                continue
            if (marked or named or inside) and process.pid != os.getpid():
                mine.append((process, environment))
        return mine


class App:
    """A copy of examples/hello-python whose version can be changed, deployed as one project."""

    def __init__(self, turnout: Turnout, folder: Path, name: str, *, replicas: int = 1) -> None:
        """One instance is enough for most tests, and leaves the machine to them."""
        self.turnout = turnout
        self.name = name
        self.folder = folder / name
        shutil.copytree(EXAMPLES / "hello-python", self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        manifest = self.folder / "turnout.toml"
        manifest.write_text(manifest.read_text().replace("replicas = 2", f"replicas = {replicas}"))

    @property
    def live_domain(self) -> str:
        """The domain of whatever is live."""
        return f"{self.name}-default.localhost"

    @property
    def environment_domain(self) -> str:
        """The domain of production."""
        return f"{self.name}-production-default.localhost"

    def write(self, version: str, **files: str) -> None:
        """Change the version, and any other file."""
        (self.folder / "VERSION").write_text(version + "\n")
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def deploy(self, version: str, *arguments: str) -> Any:
        """Deploy a version; it has to succeed."""
        self.write(version)
        return self.turnout.ok("deploy", str(self.folder), "--project", self.name, *arguments)

    def try_deploy(self, *arguments: str) -> Ran:
        """Deploy the folder as it is, whatever comes of it."""
        return self.turnout.run("deploy", str(self.folder), "--project", self.name, *arguments)

    def rollback(self, *arguments: str) -> Any:
        """Roll back; it has to succeed."""
        return self.turnout.ok("rollback", "--project", self.name, *arguments)

    def promote(self, deployment_id: str) -> Any:
        """Promote; it has to succeed."""
        return self.turnout.ok("promote", deployment_id, "--project", self.name)

    def ls(self) -> Any:
        """The project's deployments."""
        return self.turnout.ok("ls", "--project", self.name)

    def deployment(self, deployment_id: str) -> Any:
        """One row of `ls`."""
        return next(each for each in self.ls()["deployments"] if each["id"] == deployment_id)

    def serves(self, host: str | None = None) -> str:
        """The version at the live domain, or at another one."""
        return self.turnout.serves(host or self.live_domain)


class Traffic:
    """Constant requests to one domain from a few threads, until the block is left.

    More than a hundred a second, which leaves room for what is tested; `pause`: seconds between two of one thread.
    """

    def __init__(self, turnout: Turnout, host: str, *, clients: int = 3, path: str = "/", pause: float = 0.02) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._turnout, self._host, self._path, self._pause = turnout, host, path, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(
            base_url=self._turnout.urls["gateway_url"],
            headers={"host": self._host},
            trust_env=False,
            verify=CERTIFICATES,
        ) as client:
            while not self._stop.wait(self._pause):
                try:
                    answer = client.get(self._path)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.answers[answer.headers.get("x-hello-version", "?")] += 1
                else:
                    self.failures.append(f"{answer.status_code} {answer.text[:200]}")


def until(true: Callable[[], Any], *, within: float = 20.0, what: object = "", pause: float = 0.02) -> Any:
    """Look until something is so, and return it. Fails when it does not become so in time.

    `pause`: the least seconds between two looks; see `next_pause`.
    """
    began = time.monotonic()
    while not (found := true()):
        waited = time.monotonic() - began
        assert waited < within * PATIENCE, f"after {within * PATIENCE:g} s still not so: {what}"
        time.sleep(next_pause(waited, pause))
    return found
