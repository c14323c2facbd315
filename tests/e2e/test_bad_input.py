"""Bad input gets a plain error and the right exit code, and changes nothing."""

from __future__ import annotations

import gzip
import io
import socket
import tarfile
from pathlib import Path

import httpx
import pytest

from tests.faults.rows import Row
from tests.kit import App, Turnout


def test_an_unknown_flag_is_wrong_usage(turnout: Turnout) -> None:
    """Exit code 2."""
    assert turnout.run("deploy", "--frobnicate").code == 2


def test_an_unknown_project_is_named(turnout: Turnout) -> None:
    """The error names the project."""
    refused = turnout.run("ls", "--project", "no-such-project")
    assert refused.code == 2
    assert refused.problem["status"] == 404
    assert "no-such-project" in refused.problem["detail"]


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("name", ["Hello", "a_b", "-a", "a" * 41, "", "a;rm -rf /", "../x"])
def test_names_that_are_not_slugs_are_refused(app: App, name: str) -> None:
    """Of projects and of environments."""
    assert app.turnout.run("deploy", str(app.folder), "--project", name).code == 2
    assert app.turnout.run("deploy", str(app.folder), "--project", app.name, "--env", name).code == 2


def test_a_folder_without_anything_to_run_says_what_to_write(turnout: Turnout, tmp_path: Path) -> None:
    """The error shows the line that is missing."""
    (tmp_path / "README").write_text("nothing here")
    refused = turnout.run("deploy", str(tmp_path), "--project", "nothing")
    assert refused.code == 2
    assert "turnout.toml" in refused.problem["detail"]


def test_a_malformed_turnout_toml_names_line_and_reason(app: App) -> None:
    """Syntax errors and misspelt settings alike."""
    for text, line in (("[run]\ncommand = \n", "line 2"), ('[run]\ncommand = "x"\ncomand = "y"\n', "line 3")):
        (app.folder / "turnout.toml").write_text(text)
        refused = app.try_deploy()
        assert refused.code == 2
        assert line in refused.problem["detail"]


@pytest.mark.fault(Row.HOSTILE)
def test_a_wrong_token_is_refused(turnout: Turnout) -> None:
    """401 from the API; a plain error from the command line."""
    stranger = Turnout(turnout.home, TURNOUT_API_URL=turnout.urls["api_url"], TURNOUT_TOKEN="tno_wrong")
    refused = stranger.run("ls")
    assert refused.code != 0
    assert refused.problem["status"] == 401
    assert httpx.get(f"{turnout.urls['api_url']}/v1/projects", trust_env=False).status_code == 401


@pytest.mark.fault(Row.HOSTILE)
def test_a_krane_token_may_not_administrate(turnout: Turnout) -> None:
    """403: it speaks for its region only."""
    token = (turnout.home / "run" / "krane.token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    url = turnout.urls["api_url"]
    assert httpx.get(f"{url}/v1/projects", headers=headers, trust_env=False).status_code == 403
    report = {"complete": True, "backends": [], "instances": []}
    answer = httpx.post(f"{url}/v1/regions/elsewhere/report", json=report, headers=headers, trust_env=False)
    assert answer.status_code == 403


def test_nothing_that_is_not_running_is_reached(tmp_path: Path) -> None:
    """Exit code 3, and what to do."""
    nobody = Turnout(tmp_path / "home")
    refused = nobody.run("ls", "--project", "x")
    assert refused.code == 3
    assert "turnout up" in refused.problem["detail"]


def test_a_gateway_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    """The port and the flag are named; no process is left."""
    turnout = Turnout(tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = turnout.run("up", "--detach", "--gateway-port", str(port))
    assert refused.code != 0
    assert str(port) in refused.problem["detail"]
    assert "--gateway-port" in refused.problem["detail"]
    assert turnout.processes() == []


def _archive(member: tarfile.TarInfo, data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _link() -> tarfile.TarInfo:
    member = tarfile.TarInfo("passwd")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def _device() -> tarfile.TarInfo:
    member = tarfile.TarInfo("null")
    member.type = tarfile.CHRTYPE
    return member


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_archive(tarfile.TarInfo("../outside"), b"x"), id="dot-dot"),
        pytest.param(_archive(tarfile.TarInfo("/etc/cron.d/x"), b"x"), id="absolute"),
        pytest.param(_archive(_link()), id="link"),
        pytest.param(_archive(_device()), id="device"),
        pytest.param(b"not an archive", id="garbage"),
        pytest.param(gzip.compress(b"\0" * 1024), id="empty"),
    ],
)
def test_hostile_uploads_are_refused_and_not_kept(turnout: Turnout, body: bytes) -> None:
    """400, and nothing of it on disk."""
    before = set((turnout.home / "sources").glob("*"))
    answer = turnout.api.post("/v1/sources", content=body, headers={"content-type": "application/gzip"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set((turnout.home / "sources").glob("*")) == before


@pytest.mark.fault(Row.HOSTILE)
def test_an_upload_over_the_limit_is_refused(tmp_path: Path) -> None:
    """413, at a limit that is a setting."""
    turnout = Turnout(tmp_path / "home", TURNOUT_API_UPLOAD_MIB="1")
    turnout.up("--backend", "process")
    try:
        answer = turnout.api.post("/v1/sources", content=b"\0" * (2 * 1024 * 1024))
        assert answer.status_code == 413, answer.text
    finally:
        turnout.down()


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image": "a:b", "source_id": "0" * 64},
        {"source_id": "0" * 64},
        {"image": "hello", "surprise": True},
        {"image": "$(reboot)"},
        {"image": "hello", "resources": {"replicas": -1}},
        {"image": "hello", "health": {"path": "http://169.254.169.254/"}},
        {"image": "hello", "environment": "git-main"},
        {"image": "hello", "git": {"commit_sha": "not a sha"}},
        [],
        "nonsense",
    ],
)
def test_bodies_that_make_no_sense_are_refused(turnout: Turnout, body: object) -> None:
    """400 or 404 as problem+json, and no project comes of it."""
    answer = turnout.api.post("/v1/projects/never-made/deployments", json=body)
    assert answer.status_code in (400, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert turnout.api.get("/v1/projects/never-made").status_code == 404


@pytest.mark.fault(Row.HOSTILE)
def test_a_keyspace_that_nobody_made_is_refused(turnout: Turnout, app: App) -> None:
    """And never read as none: the app would be open to everybody."""
    ran = app.try_deploy("--key-auth-id", "nobody-made-this")
    assert ran.code == 2
    assert ran.problem["status"] == 404
    assert "there is no keyspace nobody-made-this" in ran.problem["detail"]
    assert turnout.api.get(f"/v1/projects/{app.name}").status_code == 404


@pytest.mark.fault(Row.HOSTILE)
def test_unknown_hosts_and_claims_of_clients(app: App) -> None:
    """404 for a host nobody has; case, port and trailing dot do not matter; forwarded headers are ours."""
    app.deploy("v1")
    assert app.turnout.get("nobody-has-this.localhost").status_code == 404
    for host in (app.live_domain.upper(), f"{app.live_domain}:8000", f"{app.live_domain}."):
        assert app.turnout.get(host).status_code == 200, host
