"""Images that Turnout builds: with secrets, cancelled while the engine works, and collected when nobody needs them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.kit import Traffic, Turnout, until
from tests.support import busybox_image, require

SECRET = "s3cr3t-of-the-build-4Hd81kQ"
CMD = 'CMD ["/bin/sh", "-c", "exec /bin/busybox httpd -f -p $PORT -h /www"]\n'

pytestmark = pytest.mark.docker


@pytest.fixture
def base() -> str:
    """The base image; these tests need an engine."""
    require("docker")
    return busybox_image()


def write(folder: Path, dockerfile: str, page: str, toml: str = "") -> Path:
    """A source folder with this Dockerfile and a page."""
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "page.html").write_text(page)
    (folder / "turnout.toml").write_text(toml)
    return folder


def test_a_secret_reaches_the_build_and_nothing_else(turnout: Turnout, tmp_path: Path, base: str) -> None:
    """A variable of the environment, mounted for one step: not in the image, its history, or the log."""
    page = f"with a secret {secrets.token_hex(8)}"  # an engine that has done a step before does not print it again
    folder = write(
        tmp_path / "app",
        f"FROM {base}\nCOPY page.html /www/index.html\n"
        "RUN --mount=type=secret,id=NPM_TOKEN wc -c < /run/secrets/NPM_TOKEN > /www/size.txt"
        " && echo token $(cat /run/secrets/NPM_TOKEN)\n" + CMD,
        page,
        '[build]\nsecrets = ["NPM_TOKEN"]\n',
    )
    words = [sys.executable, "-m", "turnout", "env", "set", "NPM_TOKEN", "--from-stdin", "--project", "build-secret"]
    subprocess.run(words, env=turnout.environment, input=SECRET, text=True, check=True, capture_output=True)
    deployed = turnout.ok("deploy", str(folder), "--project", "build-secret")
    assert turnout.get("build-secret-default.localhost", "/size.txt").text.strip() == str(len(SECRET))
    log = turnout.ok("logs", deployed["deployment_id"], "--build")["log"]
    assert SECRET not in log
    assert "token ****" in log
    image = turnout.ok("ls", "--project", "build-secret")["deployments"][0]["image"]
    assert SECRET not in run("docker", "history", "--no-trunc", image) + run("docker", "inspect", image)


@pytest.mark.full
def test_cancel_while_the_engine_builds(turnout: Turnout, tmp_path: Path, base: str) -> None:
    """The step that runs ends with it, the live version answers throughout, and the next deploy goes through."""
    plain = f"FROM {base}\nCOPY page.html /www/index.html\n" + CMD
    folder = write(tmp_path / "app", plain, "one")
    turnout.ok("deploy", str(folder), "--project", "build-cancel")
    slow = "sleep 86399"
    write(folder, plain + f"RUN {slow}\n", "two")
    with Traffic(turnout, "build-cancel-default.localhost") as traffic:
        asked = turnout.ok("deploy", str(folder), "--project", "build-cancel", "--detach")
        until(lambda: steps(slow), within=60, what="the engine runs the step")
        cancelled = turnout.ok("cancel", asked["operation_id"])
        assert cancelled["status"] == "cancelled"
        until(lambda: not steps(slow), what="the step is gone")
        write(folder, plain, "three")
        assert turnout.ok("deploy", str(folder), "--project", "build-cancel")["live"] is True
    assert traffic.failures == []
    assert turnout.get("build-cancel-default.localhost").text == "three"


@pytest.mark.full
def test_images_that_nobody_needs_are_collected(turnout: Turnout, tmp_path: Path, base: str) -> None:
    """Removing a deployment takes its image from the engine, and says so; the live one's stays."""
    plain = f"FROM {base}\nCOPY page.html /www/index.html\n" + CMD
    images = []
    for page in ("gone", "kept"):
        folder = write(tmp_path / "app", plain, f"{page} {tmp_path}")
        deployed = turnout.ok("deploy", str(folder), "--project", "build-collect")
        row = turnout.ok("ls", "--project", "build-collect")["deployments"]
        images.append(next(each["image"] for each in row if each["id"] == deployed["deployment_id"]))
        if page == "gone":
            first = deployed["deployment_id"]
    turnout.ok("stop", first)
    until(lambda: not run("docker", "ps", "-aq", "--filter", f"ancestor={images[0]}"), what="its container is gone")
    report = turnout.ok("rm", first)
    assert "image" in {each["kind"] for each in report["collected"]}
    assert run("docker", "images", "-q", images[0]) == ""
    assert run("docker", "images", "-q", images[1]) != ""
    assert turnout.get("build-collect-default.localhost").status_code == 200


def steps(command: str) -> list[str]:
    """What containers of the engine run this command."""
    found = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [line for line in found if line.endswith(command)]


def run(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
