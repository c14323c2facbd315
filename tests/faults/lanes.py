"""Projects on which the same operation can be asked for again and again, and the operations themselves."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import httpx

from tests.faults.breakable import BreakableTurnout
from tests.kit import until
from tests.support import CERTIFICATES, busybox_image

_DOCUMENT: Final = (
    '{"openapi": "3.0.3", "info": {"title": "lane", "version": "1"},'
    ' "paths": {"/": {"get": {"responses": {"200": {"description": "the deployment"}}}}}}'
)
_SERVE: Final = (
    'echo "$TURNOUT_DEPLOYMENT_ID" > "{folder}/index.html"; '
    f"echo '{_DOCUMENT.replace('{', '{{').replace('}', '}}')}' > \"{{folder}}/openapi.json\"; "
    'exec busybox httpd -f -p "$HOST:$PORT" -h "{folder}"'
)
"""The same on a machine and in a container: it answers within milliseconds, and with its deployment's id."""
_WRITABLE: Final = {"docker": "/tmp", "process": "$HOME"}
_DESERTED: Final = "echo no database; exit 3"


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that was asked for."""

    operation: str
    deployment: str


def packed(files: dict[str, str]) -> bytes:
    """A source folder as it is uploaded; equal folders are equal archives."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()[:4] + b"\0\0\0\0" + archive.getvalue()[8:]  # gzip notes the time of day there


class Lane:
    """One project. Between two operations it has a live deployment, and another one that is ready."""

    def __init__(self, turnout: BreakableTurnout, backend: str, number: int) -> None:
        self.turnout = turnout
        self.backend = backend
        self.name = f"lane-{backend}-{number}"
        self.domain = f"{self.name}-default.localhost"
        self.live = ""
        """What was live when the last operation was asked for."""

    @cached_property
    def api(self) -> httpx.Client:
        """One connection for all that is asked, kept apart from those of the other lanes."""
        asking = self.turnout.api
        return httpx.Client(
            base_url=asking.base_url, headers=asking.headers, timeout=60, trust_env=False, verify=CERTIFICATES
        )

    def project(self) -> Any:
        """The project as `turnout ls` tells it; one that was never deployed has nothing."""
        answer = self.api.get(f"/v1/projects/{self.name}")
        return answer.json() if answer.status_code == 200 else {"live_deployment_id": "", "deployments": []}

    def operation(self, operation_id: str) -> Any:
        """The operation as it is."""
        return self.api.get(f"/v1/operations/{operation_id}").json()

    def ended(self, operation_id: str) -> Any:
        """The operation, once it has ended."""

        what = f"{operation_id} of {self.name} ends"
        until(lambda: self.turnout.ended(operation_id), within=30, what=what, pause=0.1)
        return self.operation(operation_id)

    def cancel(self, operation_id: str) -> int:
        """Ask for its cancellation; returns the status of the answer."""
        return self.api.post(f"/v1/operations/{operation_id}/cancel").status_code

    # -- what is asked for

    def deploy(self, **body: Any) -> Asked:
        """The quickest deploy of its backend: a known source, or an image."""
        origin = {"image": busybox_image()} if self.backend == "docker" else {"source_id": self.known_source()}
        return self._deploy({**origin, **body})

    def deploy_anew(self, *, breaks: bool = False, **body: Any) -> Asked:
        """Of a source that was never built, and perhaps cannot be."""
        files = {"page.txt": secrets.token_hex(8)}
        if self.backend == "docker":
            build = "RUN false\n" if breaks else "COPY page.txt /www/page.txt\n"
            source = self.upload({**files, "Dockerfile": f"FROM {busybox_image()}\n{build}"})
            return self._deploy({"source_id": source, "dockerfile": True, **body})
        command = ["false"] if breaks else ["cat", "page.txt"]
        return self._deploy({"source_id": self.upload(files), "build_command": command, **body})

    def switch(self, verb: str, target: str) -> Asked:
        """A rollback or promote."""
        self.live = self.project()["live_deployment_id"]
        return self._ask(verb, {"target_deployment_id": target})

    def known_source(self) -> str:
        """The source that every quick deploy as processes has in common."""
        return self.upload({"page.txt": "known"})

    def upload(self, files: dict[str, str]) -> str:
        """Upload a source folder with these files; returns its id."""
        answer = self.api.post("/v1/sources", content=packed(files))
        return str(answer.raise_for_status().json()["source_id"])

    def _deploy(self, body: dict[str, Any]) -> Asked:
        self.live = self.project()["live_deployment_id"]
        common = {
            "run_command": ["sh", "-c", _SERVE.format(folder=_WRITABLE[self.backend])],
            # A machine that others use as well may be slow to answer; that is not what is broken here.
            "health": {"path": "/", "interval": 0.1, "timeout": 20, "passes": 1, "deadline": 60},
            "resources": {"replicas": 1, "cpu_millicores": 50, "memory_mib": 64},
            "openapi_path": "/openapi.json",
        }
        return self._ask("deployments", common | body)

    def _ask(self, verb: str, body: dict[str, Any]) -> Asked:
        answer = self.api.post(f"/v1/projects/{self.name}/{verb}", json=body)
        assert answer.status_code == 202, f"{verb} of {self.name}: {answer.status_code} {answer.text}"
        return Asked(answer.json()["operation_id"], answer.json()["deployment_id"])

    # -- what has to be there before

    def others(self, status: str = "ready") -> list[str]:
        """Its deployments with this status that are not live, the newest first."""
        return _others(self.project(), status)

    def settle(self) -> None:
        """A live deployment that new ones replace, and one other that is ready."""
        while not (others := _others(project := self.project())):
            self._succeeds(self.deploy())
        if project["rolled_back"]:
            self._succeeds(self.switch("promote", others[0]))

    def put_to_sleep(self) -> None:
        """Stop the other one."""
        self.api.post(f"/v1/deployments/{self.others()[0]}/stop").raise_for_status()

    def tidy(self) -> None:
        """Stop what is more than a live deployment and another one."""
        for each in self.others()[1:]:
            self.api.post(f"/v1/deployments/{each}/stop").raise_for_status()

    def _succeeds(self, asked: Asked) -> None:
        ended = self.ended(asked.operation)
        assert ended["status"] == "succeeded", ended


def _others(project: Any, status: str = "ready") -> list[str]:
    found = [each for each in project["deployments"] if each["status"] == status and not each["live"]]
    return [each["id"] for each in sorted(found, key=lambda each: each["created_at"], reverse=True)]


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation in one of the ways that it can go."""

    name: str
    kind: str
    """What has the same kind shares its steps: one that another scenario has shown need not be shown again."""
    ask: Callable[[Lane], Asked]
    succeeds: bool = True
    prepare: Callable[[Lane], None] = Lane.settle

    def has_ended_well(self, lane: Lane, asked: Asked, ended: Any) -> str | None:
        """What is not as it has to be after its end, if anything."""
        live = lane.project()["live_deployment_id"]
        wanted = ("succeeded", asked.deployment) if self.succeeds else ("failed", lane.live)
        if (ended["status"], live) != wanted:
            return f"{asked.operation} is {ended['status']} ({ended['reason']}), live is {live}; wanted: {wanted}"
        return None


def _asleep(lane: Lane) -> None:
    lane.settle()
    lane.put_to_sleep()


SCENARIOS: Final = (
    Scenario("deploy", "deploy", Lane.deploy),
    Scenario(
        "deploy of a new source",
        "deploy",
        lambda lane: lane.deploy_anew(release={"command": ["sh", "-c", "echo migrated"]}, validation={"enabled": True}),
    ),
    Scenario("deploy of a broken app", "undo", lambda lane: lane.deploy(run_command=["sh", "-c", _DESERTED]), False),
    Scenario("deploy of a broken build", "undo of a build", lambda lane: lane.deploy_anew(breaks=True), False),
    Scenario("rollback", "rollback", lambda lane: lane.switch("rollback", lane.others()[0])),
    Scenario("promote", "promote", lambda lane: lane.switch("promote", lane.others()[0])),
    Scenario(
        "rollback to a stopped one",
        "wake",
        lambda lane: lane.switch("rollback", lane.others("stopped")[0]),
        prepare=_asleep,
    ),
)
