"""What a process instance is started with. Pure but for looking at the release folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.domain.errors import DeploymentFailed
from turnout.krane.command import split_command
from turnout.krane.ports import Launch
from turnout.krane.sessions import MARK

_RELEASE: Final = re.compile(r"release:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessPlan:
    """An argument list, its whole environment, and where it runs."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    nice: int


def release_of(image: str, releases: Path) -> Path:
    """The folder of a complete release. Raises DeploymentFailed when it is not here."""
    match = _RELEASE.fullmatch(image)
    if match is None:
        raise DeploymentFailed(
            f"cannot start {image!r} as a process: it is no release; deploy a source folder, or use Docker"
        )
    folder = releases / match[1]
    if not (folder / "release.json").is_file() or not (folder / "app").is_dir():
        raise DeploymentFailed(
            f"cannot start: the release {match[1][:12]} is not on this machine, or not complete; "
            "deploy the source folder again"
        )
    return folder


def plan_process(launch: Launch, *, release: Path, home: Path, port: int, search_path: str) -> ProcessPlan:
    """Decide how the instance is started. Raises DeploymentFailed when nobody said what to run.

    The environment holds what is listed here and nothing of krane's own, which knows secrets. PATH begins
    with the release's virtual environment and ends with `search_path`.
    """
    spec = launch.spec
    environment = {
        "PATH": search_path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "TURNOUT_DEPLOYMENT_ID": spec.deployment_id,
        MARK: launch.instance_id,
        "TURNOUT_REGION": launch.region,
    }
    for venv in (release / ".venv", release / "app" / ".venv"):
        if (venv / "bin").is_dir():
            environment |= {"VIRTUAL_ENV": str(venv), "PATH": f"{venv / 'bin'}:{search_path}"}
            break
    arguments, environment = split_command(spec.command, environment, launch.variables)
    if not arguments:
        raise DeploymentFailed(
            "cannot start: nothing says what to run; write command under [run] in turnout.toml, "
            "or a line `web: …` in a Procfile"
        )
    # krane recognises what it started by these two, whatever the command line says
    environment |= {"HOME": str(home), "PORT": str(port)}
    return ProcessPlan(
        arguments=tuple(arguments),
        environment=environment,
        folder=release / "app",
        nice=nice_for(spec.resources.cpu_millicores),
    )


def nice_for(cpu_millicores: int) -> int:
    """Who asked for less yields to who asked for more: 0 from a whole core on, 10 at a tenth and below."""
    return max(0, min(10, 11 - max(1, cpu_millicores // 90)))
