"""Which backends this machine has."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from turnout.domain.records import Backend

Wanted = Literal["auto", "docker", "process"]
_TIMEOUT: Final = 2.0
_SOCKETS: Final = ("/var/run/docker.sock", "/run/docker.sock", "~/.docker/run/docker.sock")


async def detect_backends(wanted: Wanted = "auto", *, docker_url: str | None = None) -> tuple[Backend, ...]:
    """The backends to offer: of those `wanted`, the ones that work here. Processes always do.

    Docker counts when its engine answers within two seconds.
    """
    found: list[Backend] = []
    if wanted != "process" and await docker_answers(docker_url or docker_address()):
        found.append(Backend.DOCKER)
    if wanted != "docker":
        found.append(Backend.PROCESS)
    return tuple(found)


def docker_address() -> str | None:
    """Where the engine is to be found: DOCKER_HOST, else the first usual socket that exists."""
    if given := os.environ.get("DOCKER_HOST"):
        return given
    for name in _SOCKETS:
        path = Path(name).expanduser()
        if path.exists():
            return f"unix://{path}"
    return None


async def docker_answers(url: str | None) -> bool:
    """Whether an engine answers a ping there. Knows unix:// and tcp:// addresses; loads no Docker library."""
    if url is None:
        return False
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_TIMEOUT):
            if parts.scheme == "unix":
                reader, writer = await asyncio.open_unix_connection(parts.path)
            elif parts.scheme in ("tcp", "http") and parts.hostname:
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 2375)
            else:
                return False
            try:
                writer.write(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
                status = (await reader.readline()).split()
                return len(status) >= 2 and status[1] == b"200"
            finally:
                writer.close()
    except (OSError, ValueError):
        return False


def absent(backend: Backend) -> str:
    """Why an instance cannot run where krane is set to do without its backend."""
    if backend is Backend.DOCKER:
        return (
            "cannot run here: this krane is set to run no containers; "
            "deploy from a source folder without a Dockerfile, or change its setting"
        )
    return "cannot run here: this krane is set to run no processes; deploy an image, or change its setting"
