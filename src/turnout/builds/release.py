"""Builds a release: a folder from which processes run.

A virtual environment cannot be moved, so a release is built where it will stay, under a lock. What tells a
whole one from a half one is `release.json`, which is written last; a folder without it is wiped.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from turnout.builds import processes
from turnout.builds.commands import run_command
from turnout.builds.disk import read_json, write_json
from turnout.builds.environment import command_environment
from turnout.builds.layout import RELEASE_PREFIX, BuildFolder, ReleaseFolder, release_id_of
from turnout.builds.locks import lock
from turnout.builds.log import BuildLog
from turnout.builds.names import ArchiveLimits
from turnout.builds.service import BuildRequest
from turnout.builds.unpack import unpack

_PYTHON_FILES: Final = ("requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile")
_PYTHON_PROGRAMS: Final = re.compile(r"(python|pip)[0-9.]*")
_REQUIREMENTS: Final = "requirements.txt"
_BUILD_COMMAND: Final = "the build command"
"""It alone sees the secrets."""


@dataclass(frozen=True, slots=True)
class Command:
    """One program that a build runs."""

    what: str
    """The beginning of a sentence about it."""
    arguments: tuple[str, ...]


def plan_commands(
    files: Collection[str], build_command: tuple[str, ...], *, python: str, venv: Path
) -> tuple[Command, ...]:
    """What is run to make a release of a source with these names at its top.

    A virtual environment is made when there are requirements to install, or when the build command may
    install something: `pip` must never find another environment than the release's own.
    """
    commands: list[Command] = []
    installs = _REQUIREMENTS in files
    if installs or (build_command and _is_python(files, build_command)):
        commands.append(Command("making a virtual environment", (python, "-m", "venv", str(venv))))
    if installs:
        pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "-r", _REQUIREMENTS)
        commands.append(Command("installing requirements.txt", pip))
    if build_command:
        commands.append(Command(_BUILD_COMMAND, build_command))
    return tuple(commands)


def _is_python(files: Collection[str], build_command: tuple[str, ...]) -> bool:
    program = Path(build_command[0]).name
    return any(name in files for name in _PYTHON_FILES) or _PYTHON_PROGRAMS.fullmatch(program) is not None


async def build_release(
    request: BuildRequest,
    archive: Path,
    *,
    folder: BuildFolder,
    limits: ArchiveLimits,
    environ: Mapping[str, str],
    secrets: Mapping[str, str],
    log: BuildLog,
) -> str:
    """Make the release of a request, or find it made, and return its image, `release:<hash>`.

    Raises Invalid, TooLarge, Unavailable or DeploymentFailed; then nothing is left of the release.
    """
    identifier = release_id_of(request)
    release = ReleaseFolder.of(folder.home, identifier)
    async with lock(release.lock):
        if release.record.exists():
            log.say(f"nothing has changed: release {identifier} is used again")
            return RELEASE_PREFIX + identifier
        await asyncio.to_thread(clear_half_release, release)
        try:
            await asyncio.to_thread(_claim, release, folder)
            await asyncio.to_thread(unpack, archive, release.app, limits)
            await _run_commands(request, release, folder, environ=environ, secrets=secrets, log=log)
            write_json(release.record, _record(request, identifier, release))
        finally:
            # Success: what a command left running ends with the build. Otherwise: what it wrote goes too.
            await asyncio.to_thread(processes.kill_build, folder.path)
            if not release.record.exists():
                await asyncio.to_thread(shutil.rmtree, release.path, ignore_errors=True)
    return RELEASE_PREFIX + identifier


def clear_half_release(release: ReleaseFolder) -> None:
    """Wipe what a build left that was killed: its processes, which may still write here, then the folder.

    Only for the holder of the release's lock, and only when there is no `release.json`.
    """
    claim = read_json(release.path / "builder.json")
    if claim is not None:
        processes.kill_build(Path(claim["build_folder"]), leader=(claim["pid"], claim["started"]))
    shutil.rmtree(release.path, ignore_errors=True)


def _claim(release: ReleaseFolder, folder: BuildFolder) -> None:
    release.path.mkdir(parents=True)
    started = processes.started(os.getpid())
    claim = {"build_folder": str(folder.path), "pid": os.getpid(), "started": started or ""}
    write_json(release.path / "builder.json", claim)


async def _run_commands(
    request: BuildRequest,
    release: ReleaseFolder,
    folder: BuildFolder,
    *,
    environ: Mapping[str, str],
    secrets: Mapping[str, str],
    log: BuildLog,
) -> None:
    home, temporary = folder.scratch / "home", folder.scratch / "tmp"
    for path in (home, temporary):
        path.mkdir(parents=True, exist_ok=True)
    files = {path.name for path in release.app.iterdir()}
    for command in plan_commands(files, request.build_command, python=sys.executable, venv=release.venv):
        venv = release.venv if (release.venv / "bin").is_dir() else None
        environment = command_environment(environ, home=home, temporary=temporary, venv=venv)
        told = secrets if command.what == _BUILD_COMMAND else {}
        await run_command(
            command.arguments,
            what=command.what,
            folder=release.app,
            environment={**environment, **told, processes.MARK: str(folder.path)},
            log=log,
        )


def _record(request: BuildRequest, identifier: str, release: ReleaseFolder) -> dict[str, object]:
    return {
        "release_id": identifier,
        "source_id": request.source_id,
        "build_command": list(request.build_command),
        "venv": release.venv.is_dir(),
        "python": platform.python_version(),
        "built_at": datetime.now(UTC).isoformat(),
    }
