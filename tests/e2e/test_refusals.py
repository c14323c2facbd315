"""Every refusal of a rollback or a promote, through the real API: the status code, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.kit import App, Turnout, until

UNKNOWN = "dep_01jd0000000000000000000000"


class Refused:
    """Two projects with a history, and the API to ask."""

    def __init__(self, app: App, other: App) -> None:
        self.app, self.other = app, other
        self.old = app.deploy("v1")["deployment_id"]
        self.live = app.deploy("v2")["deployment_id"]
        self.preview = app.deploy("v3", "--env", "preview")["deployment_id"]
        self.foreign = other.deploy("v1")["deployment_id"]
        self.api: httpx.Client = app.turnout.api

    def rollback(self, source: str | None, target: str | None, *, project: str | None = None) -> httpx.Response:
        """Ask for a rollback."""
        body = {"source_deployment_id": source, "target_deployment_id": target}
        return self._ask("rollback", {key: value for key, value in body.items() if value is not None}, project)

    def promote(self, target: str, *, project: str | None = None) -> httpx.Response:
        """Ask for a promote."""
        return self._ask("promote", {"target_deployment_id": target}, project)

    def _ask(self, verb: str, body: dict[str, Any], project: str | None) -> httpx.Response:
        before = self.state()
        answer = self.api.post(f"/v1/projects/{project or self.app.name}/{verb}", json=body)
        assert self.state() == before, "a refusal must change nothing"
        return answer

    def state(self) -> list[Any]:
        """All that a switch could change, and the operations under way."""
        projects = [self.api.get(f"/v1/projects/{each.name}").json() for each in (self.app, self.other)]
        return [projects, self.api.get("/v1/status").json()["operations"]]


@pytest.fixture(scope="module")
def refused(turnout: Turnout, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """The history, made once: no test here changes anything."""
    folder = tmp_path_factory.mktemp("refusals")
    return Refused(App(turnout, folder, "refusals"), App(turnout, folder, "refusals-other"))


def is_problem(answer: httpx.Response, status: int, *words: str) -> None:
    """A problem+json answer with that status, whose sentence has the words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= set(problem)
    for word in words:
        assert word in problem["detail"]


def test_rollback_from_a_deployment_that_is_not_live(refused: Refused) -> None:
    """400: the source has to be the live deployment."""
    is_problem(refused.rollback(refused.old, refused.live), 400, "not live")


def test_rollback_to_the_same_deployment(refused: Refused) -> None:
    """400: source and target are the same."""
    is_problem(refused.rollback(refused.live, refused.live), 400, "source and target")


def test_rollback_to_another_environment(refused: Refused) -> None:
    """400: both have to be in the same environment."""
    is_problem(refused.rollback(refused.live, refused.preview), 400, "same environment")


def test_rollback_to_another_project(refused: Refused) -> None:
    """400: both have to be of the same project."""
    is_problem(refused.rollback(refused.live, refused.foreign), 400, "same project")


@pytest.mark.parametrize("which", ["source", "target"])
def test_rollback_with_an_unknown_deployment(refused: Refused, which: str) -> None:
    """404: there is no such deployment."""
    source = UNKNOWN if which == "source" else refused.live
    target = UNKNOWN if which == "target" else refused.old
    is_problem(refused.rollback(source, target), 404, UNKNOWN)


def test_rollback_of_an_unknown_project(refused: Refused) -> None:
    """404: there is no such project."""
    is_problem(refused.rollback(refused.live, refused.old, project="nobody"), 404, "nobody")


def test_promote_of_the_live_deployment(refused: Refused) -> None:
    """400: it is live already."""
    is_problem(refused.promote(refused.live), 400, "live already")


def test_promote_of_an_unknown_deployment(refused: Refused) -> None:
    """404: there is no such deployment."""
    is_problem(refused.promote(UNKNOWN), 404, UNKNOWN)


def test_promote_of_another_projects_deployment(refused: Refused) -> None:
    """404: this project has no such deployment."""
    is_problem(refused.promote(refused.foreign), 404, refused.foreign)


def test_promote_of_a_preview(refused: Refused) -> None:
    """400: only production can be live."""
    is_problem(refused.promote(refused.preview), 400, "production")


def test_promote_of_a_failed_deployment(make_app: Callable[[str], App]) -> None:
    """400: it is not ready."""
    app = make_app("")
    app.deploy("v1")
    app.write("v2", app__py="raise SystemExit('boom')")
    failed = app.try_deploy()
    assert failed.code == 1
    broken = next(each for each in app.ls()["deployments"] if each["status"] == "failed")
    is_problem(
        app.turnout.api.post(f"/v1/projects/{app.name}/promote", json={"target_deployment_id": broken["id"]}),
        400,
        "failed",
    )


def test_rollback_and_promote_without_a_live_deployment(make_app: Callable[[str], App]) -> None:
    """400: a project that has only previews has nothing live, and no sticky domains to move."""
    app = make_app("")
    first = app.deploy("v1", "--env", "preview")["deployment_id"]
    second = app.deploy("v2", "--env", "preview")["deployment_id"]
    api = app.turnout.api
    body = {"source_deployment_id": second, "target_deployment_id": first}
    is_problem(api.post(f"/v1/projects/{app.name}/rollback", json=body), 400, "no live deployment")
    is_problem(api.post(f"/v1/projects/{app.name}/rollback", json={}), 400, "no live deployment")


def test_rollback_when_nothing_was_live_before(make_app: Callable[[str], App]) -> None:
    """400: the first deployment has no predecessor."""
    app = make_app("")
    app.deploy("v1")
    is_problem(app.turnout.api.post(f"/v1/projects/{app.name}/rollback", json={}), 400, "cannot roll back")


MORTAL = """
import http.server, os, pathlib, sys
if pathlib.Path("dead").exists():
    sys.exit("I was told to be dead")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            pathlib.Path("dead").touch()
            os._exit(1)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_rollback_and_promote_to_a_deployment_without_running_instances(app: App) -> None:
    """400: it is ready, but its instances do not come up any more, so it cannot take traffic."""
    app.write("v1", app__py=MORTAL, turnout__toml='[run]\ncommand = "python3 app.py"\n')
    old = app.turnout.ok("deploy", str(app.folder), "--project", app.name)
    app.write("v2", app__py=MORTAL + "# v2")
    new = app.turnout.ok("deploy", str(app.folder), "--project", app.name)
    app.turnout.get(old["domains"][0]["fqdn"], "/die")
    until(lambda: app.deployment(old["deployment_id"])["instances_running"] == 0, what="v1 is dead")
    asked = {"target_deployment_id": old["deployment_id"]}
    for verb in ("rollback", "promote"):
        is_problem(app.turnout.api.post(f"/v1/projects/{app.name}/{verb}", json=asked), 400, "no running instances")
    assert app.ls()["live_deployment_id"] == new["deployment_id"]
