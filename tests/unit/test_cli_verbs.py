"""Every verb against a server that a test makes up: its document, and its exit code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from turnout import bootstrap, cli

DEP = "dep_" + "0" * 26
PREVIOUS = "dep_" + "1" * 26
TIME = "2026-01-01T00:00:00Z"
DOMAIN = {"fqdn": "hello-default.localhost", "url": "http://hello-default.localhost:8000", "sticky": "live"}
STEP = {"name": "lookup", "status": "done", "started_at": TIME, "ended_at": TIME, "detail": None}
ACCEPTED = (202, {"operation_id": "op_1", "deployment_id": DEP})


def operation(**fields: Any) -> dict[str, Any]:
    """An operation that went well."""
    return {
        "operation_id": "op_1", "kind": "deploy", "project": "hello", "environment": "production",
        "deployment_id": DEP, "status": "succeeded", "reason": None, "live": True, "live_deployment_id": DEP,
        "previous_deployment_id": PREVIOUS, "generation": 7, "propagation_ms": 3.5, "waiting_for": None,
        "domains": [DOMAIN], "steps": [STEP], "created_at": TIME, "started_at": TIME, "ended_at": TIME,
        "duration_ms": 1200.0,
    } | fields  # fmt: skip


def deployment(**fields: Any) -> dict[str, Any]:
    """A row of `ls`."""
    return {
        "id": DEP, "environment": "production", "status": "ready", "reason": None, "live": True, "image": "release:a",
        "git_branch": "main", "git_commit_sha": "a" * 40, "created_at": TIME, "instances_running": 2,
        "domains": [DOMAIN],
    } | fields  # fmt: skip


PROJECT = {
    "project": "hello", "live_deployment_id": DEP, "rolled_back": False, "generation": 7,
    "deployments": [deployment(), deployment(id=PREVIOUS, environment="preview", live=False)],
}  # fmt: skip
STATUS = {
    "version": "0.1.0", "healthy": True, "generation": 7, "store": "up", "restate": "up",
    "regions": [{"region": "local", "connected": True, "backends": ["process"], "instances_running": 2}],
    "gateways": [
        {"gateway_id": "g", "region": "local", "connected": True, "acknowledged_generation": 7, "error": None}
    ],
    "operations": [
        {
            "operation_id": "op_1", "kind": "deploy", "project": "hello", "status": "running",
            "waiting_for": "op_0", "created_at": TIME,
        }
    ],
}  # fmt: skip


class Server:
    """A server whose answers are a table; it keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "GET /v1/status": (200, STATUS),
            "GET /v1/projects": (200, {"projects": [self.summary("hello")]}),
            "GET /v1/projects/hello": (200, PROJECT),
            "POST /v1/projects/hello/deployments": ACCEPTED,
            "POST /v1/projects/hello/rollback": ACCEPTED,
            "POST /v1/projects/hello/promote": ACCEPTED,
            "POST /v1/sources": (201, {"source_id": "b" * 64, "size_bytes": 10}),
            "GET /v1/operations/op_1/events": (200, [operation(status="running"), operation()]),
            f"GET /v1/deployments/{DEP}/logs": (200, "one\ntwo\n"),
        }
        self.asked: list[tuple[str, Any]] = []
        handler = type("Handler", (_Handler,), {"server_of_test": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @staticmethod
    def summary(name: str) -> dict[str, Any]:
        """A row of the list of projects."""
        return {"project": name, "live_deployment_id": None, "rolled_back": False}

    def refuses(self, route: str, status: int, kind: str) -> None:
        """Answer a route with a problem."""
        self.answers[route] = (status, {"type": kind, "title": "No", "status": status, "detail": f"cannot: {kind}"})

    def body(self, route: str) -> Any:
        """What a route was last asked with."""
        return next(body for asked, body in reversed(self.asked) if asked == route)

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of_test: Server

    def do_GET(self) -> None:
        route = f"{self.command} {self.path.partition('?')[0]}"
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        is_json = self.headers.get("content-type") == "application/json"
        self.server_of_test.asked.append((route, json.loads(data) if is_json else data))
        not_found = (404, {"type": "not-found", "title": "Not found", "status": 404, "detail": f"no {self.path}"})
        status, answer = self.server_of_test.answers.get(route, not_found)
        kind = "application/json"
        if isinstance(answer, str):
            content, kind = answer.encode(), "text/plain"
        elif isinstance(answer, list):
            content, kind = b"", "text/event-stream"
            for each in answer:
                content += f"event: operation\ndata: {json.dumps(each)}\n\n".encode()
        else:
            content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, the environment that leads to it, and a current folder that says nothing."""
    server = Server()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("TURNOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TURNOUT_API_URL", server.url)
    monkeypatch.setenv("TURNOUT_TOKEN", "tno_test")
    yield server
    server.close()


@pytest.fixture
def turnout(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run a verb with `--json`: its exit code, and its one document."""

    def run(*arguments: str) -> tuple[int, Any]:
        code = cli.run([*arguments, "--json"])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, json.loads(out)

    return run


Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder that can be deployed."""
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "turnout.toml").write_text('[project]\nname = "hello"\n[run]\ncommand = "python app.py"\n')
    (folder / "app.py").write_text("1")
    return folder


# ---------------------------------------------------------------------------------------------- documents


def test_deploy_of_a_folder(server: Server, turnout: Run, app: Path) -> None:
    """The folder is packed, uploaded, and asked for with what its manifest says."""
    code, document = turnout("deploy", str(app), "--branch", "main", "--commit", "a" * 40)
    assert code == 0
    assert {key: document[key] for key in ("operation_id", "deployment_id", "status", "live", "reason")} == {
        "operation_id": "op_1", "deployment_id": DEP, "status": "succeeded", "live": True, "reason": None,
    }  # fmt: skip
    assert document["domains"] == [DOMAIN]
    assert document["steps"] == [STEP]
    assert document["duration_ms"] == 1200.0
    assert server.body("POST /v1/sources")[:2] == b"\x1f\x8b"
    body = server.body("POST /v1/projects/hello/deployments")
    assert body["source_id"] == "b" * 64
    assert body["run_command"] == ["python", "app.py"]
    assert body["git"]["branch"] == "main"
    assert body["environment"] == "production"


def test_deploy_of_an_image(server: Server, turnout: Run) -> None:
    """Nothing is uploaded, and the folder's command is not the image's."""
    Path("turnout.toml").write_text('[project]\nname = "hello"\n[run]\ncommand = "x"\n[resources]\nreplicas = 3\n')
    code, _ = turnout("deploy", "--image", "app:v2", "--env", "preview")
    assert code == 0
    body = server.body("POST /v1/projects/hello/deployments")
    assert (body["image"], body["source_id"], body["run_command"]) == ("app:v2", None, [])
    assert (body["environment"], body["resources"]["replicas"]) == ("preview", 3)


def test_deploy_detached_returns_at_once(server: Server, turnout: Run, app: Path) -> None:
    """With the keys of a deploy, and without following it."""
    code, document = turnout("deploy", str(app), "--detach")
    assert code == 0
    assert (document["operation_id"], document["status"], document["live"]) == ("op_1", "pending", False)
    assert "GET /v1/operations/op_1/events" not in [route for route, _ in server.asked]


@pytest.mark.parametrize("status", ["failed", "cancelled", "superseded"])
def test_a_deploy_that_ends_badly_is_exit_code_1(server: Server, turnout: Run, app: Path, status: str) -> None:
    """One document: the operation, and the error."""
    failed = operation(status=status, live=False, reason="exited with code 3")
    server.answers["GET /v1/operations/op_1/events"] = (200, [failed])
    code, document = turnout("deploy", str(app))
    assert code == 1
    assert document["status"] == status
    assert document["error"]["detail"] == document["reason"] == "exited with code 3"


def test_a_degraded_operation_is_done(server: Server, turnout: Run, app: Path) -> None:
    """It is committed; the reason says who has not confirmed it."""
    server.answers["GET /v1/operations/op_1/events"] = (200, [operation(status="degraded", reason="gateway g")])
    code, document = turnout("deploy", str(app))
    assert (code, document["status"], document["reason"]) == (0, "degraded", "gateway g")


@pytest.mark.parametrize("verb", [("rollback",), ("promote", DEP)])
def test_rollback_and_promote(server: Server, turnout: Run, verb: tuple[str, ...]) -> None:
    """The switch, with what was live before and what is now."""
    code, document = turnout(*verb)
    assert code == 0
    assert {
        "operation_id": "op_1", "status": "succeeded", "live_deployment_id": DEP,
        "previous_deployment_id": PREVIOUS, "generation": 7, "propagation_ms": 3.5,
    }.items() <= document.items()  # fmt: skip


def test_rollback_names_what_was_typed(server: Server, turnout: Run) -> None:
    """Source and target are handed on."""
    turnout("rollback", "--to", PREVIOUS, "--from", DEP, "--project", "hello")
    assert server.body("POST /v1/projects/hello/rollback") == {
        "source_deployment_id": DEP, "target_deployment_id": PREVIOUS,
    }  # fmt: skip


def test_ls(server: Server, turnout: Run) -> None:
    """All deployments, or those of one environment."""
    code, document = turnout("ls")
    assert code == 0
    assert (document["project"], document["live_deployment_id"], document["rolled_back"]) == ("hello", DEP, False)
    assert {
        "id", "environment", "status", "live", "image", "git_branch", "git_commit_sha", "created_at",
        "instances_running", "domains",
    } <= document["deployments"][0].keys()  # fmt: skip
    _, document = turnout("ls", "--env", "preview")
    assert [each["id"] for each in document["deployments"]] == [PREVIOUS]


def test_logs(server: Server, turnout: Run) -> None:
    """Of the named deployment, or of the live one."""
    assert turnout("logs", DEP)[1]["log"] == "one\ntwo\n"
    assert turnout("logs", "--project", "hello")[1]["deployment_id"] == DEP


def test_status(server: Server, turnout: Run) -> None:
    """The server's view, and the parts of this machine: none here."""
    code, document = turnout("status")
    assert code == 0
    assert document["healthy"] is True
    assert (document["parts"], document["memory_mib"]) == ([], 0)


def test_down_when_nothing_runs(server: Server, turnout: Run) -> None:
    """That is fine."""
    code, document = turnout("down")
    assert (code, document["was_running"], document["stopped"]) == (0, False, [])


# ------------------------------------------------------------------------------------------- for people


def test_people_see_a_table(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """With a mark at the live one, and whole addresses."""
    assert cli.run(["ls"]) == 0
    out = capfd.readouterr().out
    assert next(line for line in out.splitlines() if DEP in line).startswith("●")
    assert DOMAIN["url"] in out


def test_people_see_the_steps_and_the_result_apart(
    server: Server, app: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The way on standard error, the result on standard output."""
    assert cli.run(["deploy", str(app)]) == 0
    out, err = capfd.readouterr()
    assert "✓ lookup" in err
    assert out.startswith(f"{DEP} is live (1.2 s")


def test_people_see_status_errors_and_log_lines(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    """In plain words."""
    assert cli.run(["status"]) == 0
    assert "waiting for op_0" in capfd.readouterr().out
    assert cli.run(["logs", DEP]) == 0
    assert capfd.readouterr().out == "one\ntwo\n"
    assert cli.run(["ls", "--project", "other"]) == 2
    assert capfd.readouterr().err.startswith("turnout: no /v1/projects/other")


def test_ctrl_c_leaves_and_the_operation_goes_on(
    server: Server, app: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and how to look."""
    from turnout.client import Client

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "operation_events", interrupted)
    assert cli.run(["deploy", str(app)]) == 130
    assert "op_1 goes on" in capfd.readouterr().err


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid", 2), (404, "not-found", 2), (413, "too-large", 2), (409, "conflict", 1),
        (401, "unauthenticated", 1), (403, "forbidden", 1), (501, "not-built", 1),
        (503, "unavailable", 1), (500, "internal", 1),
    ],
)  # fmt: skip
def test_refusals_of_the_server(server: Server, turnout: Run, status: int, kind: str, code: int) -> None:
    """What has to be asked differently is 2, everything else 1."""
    server.refuses("POST /v1/projects/hello/rollback", status, kind)
    ended, document = turnout("rollback")
    assert ended == code
    assert document["error"]["status"] == status
    assert document["error"]["detail"] == f"cannot: {kind}"
    assert document["error"].keys() == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "--nope"), ("nope",), ("promote",), ("promote", "a b"), ("promote", "../x"), ("logs", "dep_1"),
        ("logs", "-f"), ("rollback", "--to", "/"), ("up", "--gateway-port", "x"), ("up", "--gateway-port", "70000"),
        ("up", "--backend", "podman"), ("ls", "--project", ""), ("ls", "--project", "A"), ("ls", "--env", "a_b"),
        ("deploy", "--project", "a;b"), ("deploy", "--image", "$(reboot)", "--project", "x"), ("deploy", "nowhere"),
        ("deploy", "--image", "a", "--project", "x", "--commit", "zzz"), ("server", "--nope"),
    ],
)  # fmt: skip
def test_wrong_usage(server: Server, turnout: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 2, and nothing was asked for."""
    code, document = turnout(*arguments)
    assert code == 2, document
    assert document["error"]["detail"]
    assert all(route.startswith("GET") for route, _ in server.asked)


def test_a_folder_without_anything_to_run_and_a_malformed_manifest(server: Server, turnout: Run) -> None:
    """What to write, or the line that is wrong."""
    code, document = turnout("deploy", ".", "--project", "x")
    assert (code, "[run]" in document["error"]["detail"]) == (2, True)
    Path("turnout.toml").write_text("[run]\ncommand = \n")
    code, document = turnout("deploy", ".", "--project", "x")
    assert (code, "line 2" in document["error"]["detail"]) == (2, True)


def test_logs_of_a_build(server: Server, turnout: Run) -> None:
    """`--build` asks for the newest deployment's build; `--since` is checked before anything is asked."""
    server.answers[f"GET /v1/deployments/{DEP}/logs"] = (200, "installing\n")
    code, document = turnout("logs", DEP, "--build", "--since", "10m")
    assert (code, document["log"], document["build"]) == (0, "installing\n", True)
    code, document = turnout("logs", DEP, "--since", "yesterday")
    assert (code, "such as 10m" in document["error"]["detail"]) == (2, True)


def test_build_prints_the_dockerfile(turnout: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server: the generated one, or the folder's own."""
    monkeypatch.chdir(tmp_path)
    Path("requirements.txt").write_text("datasette\n")
    Path("turnout.toml").write_text('[build]\nbase = "mine:1"\n[run]\ncommand = "datasette -p $PORT"\n')
    code, document = turnout("build", "--print")
    assert (code, document["generated"], "FROM mine:1\n" in document["dockerfile"]) == (0, True, True)
    Path("Dockerfile").write_text("FROM scratch\n")
    assert turnout("build", "--print") == (0, {"dockerfile": "FROM scratch\n", "generated": False})
    assert turnout("build")[0] == 2


def test_the_project_that_is_meant(server: Server, turnout: Run) -> None:
    """turnout.toml, the folder's name, the only one; otherwise the choices are named."""
    server.answers["GET /v1/projects"] = (200, {"projects": [Server.summary("a"), Server.summary("hello")]})
    code, document = turnout("ls")
    assert (code, "a, hello" in document["error"]["detail"]) == (2, True)
    Path("turnout.toml").write_text('[project]\nname = "hello"\n')
    assert turnout("ls")[0] == 0
    Path("turnout.toml").unlink()
    server.answers["GET /v1/projects"] = (200, {"projects": [Server.summary("a"), Server.summary("cwd")]})
    server.answers["GET /v1/projects/cwd"] = (200, PROJECT)
    assert turnout("ls")[0] == 0
    server.answers["GET /v1/projects"] = (200, {"projects": []})
    assert "turnout deploy" in turnout("ls")[1]["error"]["detail"]


# ------------------------------------------------------------------------------------------- not reachable


def test_nobody_listens(server: Server, turnout: Run) -> None:
    """Exit code 3, and what to do; `status` still has its keys."""
    server.close()
    code, document = turnout("ls", "--project", "hello")
    assert (code, document["error"]["type"]) == (3, "unreachable")
    assert "turnout up" in document["error"]["detail"]
    code, document = turnout("status")
    assert (code, document["healthy"], document["parts"]) == (3, False, [])


def test_nothing_was_ever_started(server: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, no token: exit code 3."""
    monkeypatch.delenv("TURNOUT_API_URL")
    monkeypatch.delenv("TURNOUT_TOKEN")
    code, document = turnout("ls", "--project", "hello")
    assert (code, "turnout up" in document["error"]["detail"]) == (3, True)


def test_the_token_of_this_machine_is_for_this_machine(
    server: Server, turnout: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another server never gets to see it."""
    from turnout.local.credentials import ensure_credentials
    from turnout.local.home import prepare

    monkeypatch.delenv("TURNOUT_TOKEN")
    prepare(tmp_path / "home")
    ensure_credentials(tmp_path / "home", api_url="http://127.0.0.1:1", region="local")
    code, document = turnout("ls", "--project", "hello")
    assert (code, "TURNOUT_TOKEN" in document["error"]["detail"]) == (3, True)
    assert server.asked == []
    ensure_credentials(tmp_path / "home", api_url=server.url, region="local")
    monkeypatch.delenv("TURNOUT_API_URL")
    assert turnout("ls", "--project", "hello")[0] == 0


def test_a_taken_port_is_said_before_anything_starts(server: Server, turnout: Run) -> None:
    """Exit code 1: the port, and how to choose another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, document = turnout("up", "--detach", "--gateway-port", str(port))
    assert code == 1
    assert str(port) in document["error"]["detail"]
    assert "--gateway-port" in document["error"]["detail"]


# ------------------------------------------------------------------------------------------------ parts


@pytest.mark.parametrize("name", ["server", "worker", "gateway"])
def test_a_part_is_run_by_the_composition_root(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the settings, and nothing else."""
    ran = []

    async def run(settings: object) -> None:
        ran.append(settings)

    monkeypatch.setattr(bootstrap, f"run_{name}", run)
    assert cli.run([name]) == 0
    assert len(ran) == 1


def test_krane_stops_its_instances_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only with the flag."""
    flags = []

    async def run(_settings: object, *, stop_instances_on_exit: bool) -> None:
        flags.append(stop_instances_on_exit)

    monkeypatch.setattr(bootstrap, "run_krane", run)
    assert cli.run(["krane"]) == cli.run(["krane", "--stop-instances-on-exit"]) == 0
    assert flags == [False, True]


def test_a_fault_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """And exit code 1; the trace comes only when it is asked for."""

    async def run(_settings: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(bootstrap, "run_server", run)
    assert cli.run(["server"]) == 1
    err = capfd.readouterr().err
    assert "ZeroDivisionError: oops" in err
    assert "Traceback" not in err


def test_help_and_version_load_nothing_heavy() -> None:
    """So that they answer at once."""
    script = (
        "import sys; from turnout import cli; code = cli.run(sys.argv[1:]); "
        "heavy = {'httpx', 'pydantic', 'sqlalchemy', 'grpc', 'fastapi', 'restate', 'psutil'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    for flag, word in (("--help", "rollback"), ("--version", "0.1.0")):
        done = subprocess.run([sys.executable, "-c", script, flag], capture_output=True, text=True, check=True)
        assert word in done.stdout
