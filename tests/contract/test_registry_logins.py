"""A registry that lets nobody in without a login: builds push to it, and krane pulls from it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.builder_labs import DockerLab, docker, ended, registry
from turnout.builds.service import BuildStatus
from turnout.domain.errors import DeploymentFailed
from turnout.domain.ids import new_id
from turnout.domain.records import Backend, RunSpec
from turnout.krane.docker import DockerBackend
from turnout.krane.ports import Launch
from turnout.registry_logins import all_logins, login_for
from turnout.settings import BuildSettings

HTPASSWD = "ann:$2b$05$CLSDJRpKQYyRIfnSCNnijOrjbtZFevCpVznyNGv8Ucby.9KmrH0FO\n"
"""Her password is `correct horse`."""


def log_in(folder: Path, **passwords: str) -> None:
    """Write what `docker login` writes."""
    auths = {host: {"auth": base64.b64encode(f"ann:{word}".encode()).decode()} for host, word in passwords.items()}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's logins are kept."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def test_whose_login(logins: Path) -> None:
    """By the registry that an image names; one that names none is on Docker Hub. Port and case belong to the name."""
    log_in(logins, **{"reg.example:5000": "one", "https://index.docker.io/v1/": "two"})
    assert (login_for("reg.example:5000/apps/a@sha256:1") or {})["password"] == "one"
    assert (login_for("ann/app:v1") or {})["password"] == "two"
    assert (login_for("alpine") or {})["password"] == "two"
    assert login_for("other.example/app") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"auths": 1}', '{"auths": {"a": 1, "b": {"auth": "%"}}}'])
def test_a_file_that_says_nothing(logins: Path, text: str) -> None:
    """There is no login then."""
    (logins / "config.json").write_text(text)
    assert all_logins() == {}


@pytest.mark.docker
async def test_pushed_and_pulled(tmp_path: Path, logins: Path) -> None:
    """With the login both work; without it krane says what to do."""
    with registry(tmp_path, htpasswd=HTPASSWD) as address:
        log_in(logins, **{address: "correct horse"})
        engine = DockerLab(tmp_path, BuildSettings(registry=f"{address}/apps"))
        request = replace(await engine.request(), workspace=engine.project)
        await engine.builds.start(request)
        state = await ended(engine.builds, request)
        assert state.status is BuildStatus.DONE, state.reason
        image = state.image or ""
        docker("rmi", "-f", *set(docker("images", "-q", f"{address}/apps/{engine.project}").split()))

        krane = DockerBackend(home=tmp_path, home_id="test")
        spec = RunSpec(
            deployment_id=new_id("dep"), project="p", backend=Backend.DOCKER, image=image, command=("cat", "/app.txt")
        )
        launch = Launch(instance_id=new_id("ins"), slot=0, region="here", spec=spec)
        try:
            (logins / "config.json").unlink()
            with pytest.raises(DeploymentFailed, match="docker login"):
                await krane.start(launch)
            log_in(logins, **{address: "correct horse"})
            await krane.start(launch)
            assert docker("image", "inspect", image)
        finally:
            await krane.remove(launch.instance_id)
            await krane.close()
            docker("rmi", "-f", image)
