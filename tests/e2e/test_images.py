"""Deploying an image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit import Turnout
from tests.support import busybox_image, require


@pytest.mark.docker
def test_deploy_from_an_image(turnout: Turnout, tmp_path: Path) -> None:
    """`turnout deploy --image hello:v1` runs it in a container with limits, and serves it."""
    require("docker")
    for version in ("v1", "v2"):
        build(tmp_path / version, f"hello-turnout-test:{version}", version)
    first = turnout.ok("deploy", "--image", "hello-turnout-test:v1", "--project", "image")
    assert first["live"] is True
    assert turnout.get("image-default.localhost").text.strip() == "v1"
    turnout.ok("deploy", "--image", "hello-turnout-test:v2", "--project", "image")
    assert turnout.get("image-default.localhost").text.strip() == "v2"
    turnout.ok("rollback", "--project", "image")
    assert turnout.get("image-default.localhost").text.strip() == "v1"


@pytest.mark.docker
def test_deploy_a_folder_with_a_dockerfile(turnout: Turnout, tmp_path: Path) -> None:
    """It is built, and what was built is run."""
    require("docker")
    folder = write(tmp_path / "app", "from a folder")
    result = turnout.ok("deploy", str(folder), "--project", "dockerfile")
    assert result["status"] == "succeeded"
    assert turnout.get("dockerfile-default.localhost").text.strip() == "from a folder"


def test_an_image_without_docker_says_what_to_do(own_turnout: Turnout) -> None:
    """A krane that runs processes only cannot run images: a plain error, and nothing is written down."""
    refused = own_turnout.run("deploy", "--image", "hello:v1", "--project", "image")
    assert refused.code == 2
    assert "Docker" in refused.problem["detail"]
    assert own_turnout.api.get("/v1/projects/image").status_code == 404


def write(folder: Path, text: str) -> Path:
    """A folder with a Dockerfile for an app that serves `text`."""
    folder.mkdir()
    (folder / "index.html").write_text(text + "\n")
    (folder / "Dockerfile").write_text(
        f"FROM {busybox_image()}\nCOPY index.html /www/index.html\n"
        'CMD ["/bin/sh", "-c", "exec /bin/busybox httpd -f -v -p $PORT -h /www"]\n'
    )
    return folder


def build(folder: Path, tag: str, text: str) -> None:
    """Build an image by hand."""
    subprocess.run(["docker", "build", "-q", "-t", tag, str(write(folder, text))], check=True, capture_output=True)
