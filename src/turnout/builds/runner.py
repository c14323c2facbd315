"""One build, in a process of its own: `python -m turnout.builds.runner <build folder>`.

It inherits the lock of its build folder, which tells everybody else that it lives, and leaves a
`result.json` behind. When it dies without one, whoever looks next starts another.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from turnout.builds import processes
from turnout.builds.attempts import seconds_left
from turnout.builds.disk import disk_errors, read_json, write_json
from turnout.builds.layout import BuildFolder
from turnout.builds.log import BuildLog, failure
from turnout.builds.names import ArchiveLimits
from turnout.builds.release import build_release
from turnout.builds.results import done, failed, late_reason
from turnout.builds.service import BuildRequest
from turnout.domain.errors import TurnoutError
from turnout.domain.records import Backend, BuildOptions
from turnout.settings import BuildSettings

_NICE = 10
"""A build must not take the machine from the apps that serve."""


def main(path: str) -> None:
    """Build what the folder asks for and write down how it ended."""
    folder = BuildFolder(Path(path))
    with suppress(OSError):
        os.nice(_NICE)
    os.umask(0o022)
    write_json(folder.builder, {"pid": os.getpid(), "started": processes.started(os.getpid())})
    if folder.cancelled.exists():  # between our start and the line above nobody could have found us
        return
    secrets = _secrets(read_json(folder.request) or {})
    if secrets is None:  # who started us died before all was said: the next look starts another
        return
    with BuildLog(folder.log, secrets=secrets.values()) as log:
        result = asyncio.run(_build(folder, secrets, log))
        log.say(result["reason"].partition("\n")[0] if result["reason"] else f"done: {result['image']}")
    # First the room, then the result: on a full disk the second needs the first.
    processes.kill_build(folder.path)
    rmtree(folder.scratch, ignore_errors=True)
    write_json(folder.result, result)


def _secrets(document: Mapping[str, Any]) -> dict[str, str] | None:
    """The values of the build's secrets, from standard input; None when not all of them came."""
    if not document.get("options", {}).get("secrets"):
        return {}
    try:
        told = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return None
    finally:
        sys.stdin.close()
        os.open(os.devnull, os.O_RDONLY)  # takes the place of the pipe
    return {str(name): str(value) for name, value in told.items()}


async def _build(folder: BuildFolder, secrets: Mapping[str, str], log: BuildLog) -> dict[str, Any]:
    document = read_json(folder.request) or {}
    request = request_from(document)
    try:
        async with asyncio.timeout(seconds_left(folder, request.deadline_seconds)):
            with disk_errors("build"):
                return done(await _image(request, document, folder, secrets, log))
    except TimeoutError:
        return failed(failure(late_reason(request.deadline_seconds), log.last_lines()))
    except TurnoutError as error:
        return failed(log.masked(error.detail))


async def _image(
    request: BuildRequest,
    document: Mapping[str, Any],
    folder: BuildFolder,
    secrets: Mapping[str, str],
    log: BuildLog,
) -> str:
    rmtree(folder.scratch, ignore_errors=True)  # of an attempt before this one
    folder.scratch.mkdir()
    archive = Path(document["archive"])
    limits = ArchiveLimits(unpacked_bytes=document["unpacked_bytes"])
    if request.backend is Backend.DOCKER:
        # Only here: a build of a process must not wait for, or fail by, what it does not need.
        from turnout.builds.docker import build_image  # noqa: PLC0415

        settings = BuildSettings(**document.get("docker", {}))
        return await build_image(
            request, archive, folder=folder, limits=limits, settings=settings, secrets=secrets, log=log
        )
    return await build_release(
        request, archive, folder=folder, limits=limits, environ=os.environ, secrets=secrets, log=log
    )


def request_from(document: Mapping[str, Any]) -> BuildRequest:
    """The request that was written down."""
    return BuildRequest(
        deployment_id=document["deployment_id"],
        workspace=document["workspace"],
        source_id=document["source_id"],
        backend=Backend(document["backend"]),
        build_command=tuple(document["build_command"]),
        options=BuildOptions.from_document(document["options"]),
        secrets_mark=document.get("secrets_mark", ""),
        run_command=tuple(document["run_command"]),
        deadline_seconds=document["deadline_seconds"],
    )


if __name__ == "__main__":
    main(sys.argv[1])
