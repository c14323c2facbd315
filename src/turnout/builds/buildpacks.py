"""Builds an image with `railpack` or `pack`, for a folder without a Dockerfile, where one of them is installed.

They look at the folder themselves, and know far more kinds of apps than our own Dockerfiles do. What they make is
then labelled like any other image of ours, so that an equal request finds it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.builds.commands import run_command
from turnout.builds.log import BuildLog
from turnout.domain.errors import DeploymentFailed

NAMES: Final = ("railpack", "pack")
"""The programs, the preferred one first."""
_NEEDED: Final = {"railpack": "BUILDKIT_HOST"}
"""Variables without which a program cannot work: where they are not set, it counts as not installed."""


@dataclass(frozen=True, slots=True)
class Buildpack:
    """A program that makes an image of a folder."""

    name: str
    path: str

    def arguments(self, tag: str, source: Path, variables: Mapping[str, str]) -> list[str]:
        """Its command line; `variables` are what `[build] args` names."""
        named = [word for name, value in sorted(variables.items()) for word in ("--env", f"{name}={value}")]
        if self.name == "railpack":
            return [self.path, "build", str(source), "--name", tag, "--progress", "plain", *named]
        return [self.path, "build", tag, "--path", str(source), "--no-color", *named]


def find(wanted: str, environ: Mapping[str, str]) -> Buildpack | None:
    """The program that `TURNOUT_BUILD_FOLDERS` asks for; None when our own Dockerfiles are to be used.

    Raises DeploymentFailed when one is asked for by name and cannot be used here.
    """
    if wanted == "generated":
        return None
    for name in NAMES if wanted == "auto" else (wanted,):
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path is not None and (name not in _NEEDED or environ.get(_NEEDED[name])):
            return Buildpack(name, path)
    if wanted == "auto":
        return None
    needs = f", or {_NEEDED[wanted]} is not set" if wanted in _NEEDED else ""
    raise DeploymentFailed(
        f"the build of the image failed: TURNOUT_BUILD_FOLDERS asks for {wanted}, and it is not installed{needs}"
    )


async def build(
    buildpack: Buildpack,
    tag: str,
    source: Path,
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    log: BuildLog,
) -> None:
    """Make the image `tag` of a folder. Raises DeploymentFailed with the last lines."""
    log.say(f"the folder has no Dockerfile; {buildpack.name} builds it")
    await run_command(
        buildpack.arguments(tag, source, variables),
        what=f"the build of the image by {buildpack.name}",
        folder=source,
        environment=environment,
        log=log,
    )
