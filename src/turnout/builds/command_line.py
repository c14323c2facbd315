"""Builds an image with the `docker` command line, for the one thing the engine's API has no way for: secrets.

BuildKit asks its client for them over a session while it builds; the command line has one. The values reach it
in nameless files of memory that it inherits: not in arguments, not in its environment, not on a disk.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import aiohttp

from turnout.builds.commands import run_command
from turnout.builds.engine import Engine
from turnout.builds.log import BuildLog
from turnout.domain.errors import DeploymentFailed

_KEPT: Final = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "PATH")
_DEFAULT: Final = Path("/usr/bin/docker")
_VERSION: Final = re.compile(r"Docker version (\d+)\.")
_BUILDS_ALONE: Final = range(19, 23)
"""Major versions that build with BuildKit by themselves; later ones need the buildx component."""
_ASK_SECONDS: Final = 20.0


def engine_environment(engine: Engine, environ: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """The environment of a command line that shall talk to this engine, with the person's registry logins."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    if isinstance(engine.connector, aiohttp.UnixConnector):
        kept["DOCKER_HOST"] = f"unix://{engine.connector.path}"
    return {
        **kept,
        "DOCKER_CONFIG": environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker"),
        "DOCKER_BUILDKIT": "1",
        "BUILDX_BUILDER": "default",  # the engine's own: what another one builds is not in the engine
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "HOME": str(home),
    }


def find_cli(environment: Mapping[str, str]) -> str:
    """A `docker` that can build with BuildKit. Raises DeploymentFailed, which says what to install."""
    folders = environment.get("PATH", "").split(os.pathsep)
    found = (shutil.which("docker", path=folder) for folder in folders if folder)
    for cli in dict.fromkeys([*filter(None, found), str(_DEFAULT)]):
        version = _VERSION.match(_said(environment, cli, "--version"))
        if version is not None and (
            int(version[1]) in _BUILDS_ALONE or "buildx" in _said(environment, cli, "buildx", "version")
        ):
            return cli
    raise DeploymentFailed(
        "the build of the image failed: [build] secrets needs a `docker` command that builds with BuildKit, and there "
        "is none on this machine; install the Docker command line with its buildx component (docker-buildx-plugin)"
    )


async def build_with_cli(
    cli: str,
    context: Path,
    params: Mapping[str, str],
    *,
    secrets: Mapping[str, str],
    environment: Mapping[str, str],
    log: BuildLog,
) -> None:
    """Build as `Engine.build_messages` would with these parameters. Raises DeploymentFailed with the last lines."""
    arguments = [cli, "build", "--progress", "plain", "--tag", params["t"], "--file", params["dockerfile"]]
    for option, values in (("--label", "labels"), ("--build-arg", "buildargs")):
        for name, value in json.loads(params.get(values, "{}")).items():
            arguments += [option, f"{name}={value}"]
    if "target" in params:
        arguments += ["--target", params["target"]]
    with ExitStack() as stack:
        descriptors = {name: stack.enter_context(_in_memory(value)) for name, value in secrets.items()}
        for name, descriptor in descriptors.items():
            arguments += ["--secret", f"id={name},src=/dev/fd/{descriptor}"]
        await run_command(
            [*arguments, "-"],
            what="the build of the image",
            folder=context.parent,
            environment=environment,
            log=log,
            stdin=stack.enter_context(context.open("rb")),
            pass_fds=tuple(descriptors.values()),
        )


@contextmanager
def _in_memory(value: str) -> Iterator[int]:
    """An open file without a name that holds the value; each opening of /dev/fd/N reads it from its beginning."""
    if not hasattr(os, "memfd_create"):
        raise DeploymentFailed("the build of the image failed: [build] secrets of an image needs Linux here")
    descriptor = os.memfd_create("secret")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(value.encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _said(environment: Mapping[str, str], cli: str, *words: str) -> str:
    """What the command line prints; nothing when there is none, or it fails."""
    try:
        ended = subprocess.run(
            [cli, *words],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout if ended.returncode == 0 else ""
