"""Which program builds a folder that has no Dockerfile, and how it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.builds.buildpacks import Buildpack, find
from turnout.domain.errors import DeploymentFailed


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with both programs."""
    for name in ("pack", "railpack"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_the_installed_one_is_used(tools: Path) -> None:
    """`railpack` counts where it has a BuildKit to talk to; our own Dockerfiles are used where there is neither."""
    here = {"PATH": str(tools)}
    assert find("auto", {}) is None
    assert find("generated", here) is None
    assert find("auto", here) == Buildpack("pack", str(tools / "pack"))
    assert find("auto", here | {"BUILDKIT_HOST": "unix:///run/buildkit"}) == Buildpack(
        "railpack", str(tools / "railpack")
    )


def test_one_that_is_asked_for_and_missing(tools: Path) -> None:
    """The build fails and says what is missing."""
    with pytest.raises(DeploymentFailed, match="asks for pack, and it is not installed"):
        find("pack", {})
    with pytest.raises(DeploymentFailed, match="BUILDKIT_HOST is not set"):
        find("railpack", {"PATH": str(tools)})


def test_arguments() -> None:
    """Values are words of their own, whatever is in them."""
    variables = {"B": "two words", "A": "$(id)"}
    assert Buildpack("pack", "/bin/pack").arguments("t:1", Path("/src"), variables) == [
        "/bin/pack", "build", "t:1", "--path", "/src", "--no-color", "--env", "A=$(id)", "--env", "B=two words",
    ]  # fmt: skip
    assert Buildpack("railpack", "/bin/railpack").arguments("t:1", Path("/src"), {}) == [
        "/bin/railpack", "build", "/src", "--name", "t:1", "--progress", "plain",
    ]  # fmt: skip
