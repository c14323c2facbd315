"""Builds an image with a Docker Engine, by the source's Dockerfile. The only file here that talks to one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import aiodocker
import aiohttp

from turnout.builds.context import write_context
from turnout.builds.layout import BuildFolder, image_tag
from turnout.builds.locks import lock
from turnout.builds.log import BuildLog, failure
from turnout.builds.names import ArchiveLimits
from turnout.builds.service import BuildRequest
from turnout.builds.unpack import unpack
from turnout.domain.errors import DeploymentFailed, Unavailable

SOURCE_LABEL: Final = "dev.turnout.source"
"""SHA-256 of the source an image was built of."""
PROJECT_LABEL: Final = "dev.turnout.project"
_CHUNK: Final = 256 * 1024


async def build_image(
    request: BuildRequest, archive: Path, *, folder: BuildFolder, limits: ArchiveLimits, log: BuildLog
) -> str:
    """Build the image of a request, or find it built, and return its tag, `turnout/<project>:<source>`.

    Raises Invalid, TooLarge, Unavailable or DeploymentFailed with the engine's last lines.
    """
    tag = image_tag(request.project, request.source_id)
    locks = folder.home / "builds" / ".locks"
    async with lock(locks / f"{request.source_id}.lock"), _engine() as docker:
        if await _is_built(docker, tag, request.source_id):
            log.say(f"nothing has changed: image {tag} is used again")
            return tag
        source, context = folder.scratch / "source", folder.scratch / "context.tar"
        await asyncio.to_thread(unpack, archive, source, limits)
        await asyncio.to_thread(write_context, source, context)
        if request.build_command:
            log.say("the build command is not used: the Dockerfile says how this image is built")
        log.say(f"building the image {tag}")
        await _build(docker, context, tag, request, log)
    return tag


class _Engine(aiodocker.Docker):
    """A connection whose failures are told plainly."""

    async def __aenter__(self) -> Self:
        try:
            await self.version()
        except (aiodocker.DockerError, aiohttp.ClientError, OSError) as error:
            await self.close()
            raise Unavailable(
                f"cannot build an image: the Docker Engine does not answer ({error}); start it, or deploy as a process"
            ) from error
        return self


def _engine() -> _Engine:
    try:
        return _Engine()
    except ValueError as error:  # no socket where one is expected
        raise Unavailable(
            "cannot build an image: there is no Docker Engine on this machine; start one, or deploy as a process"
        ) from error


async def _is_built(docker: aiodocker.Docker, tag: str, source_id: str) -> bool:
    try:
        image = await docker.images.inspect(tag)
    except aiodocker.DockerError as error:
        if error.status == 404:
            return False
        raise Unavailable(f"cannot build an image: the Docker Engine says: {error.message}") from error
    # The tag holds a part of the source's hash only, and anybody can give it to another image.
    labels = image.get("Config", {}).get("Labels") or {}
    return bool(labels.get(SOURCE_LABEL) == source_id)


async def _build(docker: aiodocker.Docker, context: Path, tag: str, request: BuildRequest, log: BuildLog) -> None:
    labels = {SOURCE_LABEL: request.source_id, PROJECT_LABEL: request.project}
    reason: str | None = None
    try:
        with context.open("rb") as file:
            # When we are killed the connection ends with us, and then the engine ends the build.
            async for message in _messages(docker, file, tag, labels):
                reason = _take(message, log) or reason
    except aiodocker.DockerError as error:
        reason = reason or str(error.message)
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"cannot build an image: the connection to the Docker Engine broke ({error})") from error
    log.end_line()
    if reason is not None:
        raise DeploymentFailed(failure(_sentence(reason), log.last_lines()))
    if not await _is_built(docker, tag, request.source_id):
        raise DeploymentFailed(failure("the engine ended the build without an image", log.last_lines()))


async def _messages(
    docker: aiodocker.Docker, file: Any, tag: str, labels: dict[str, str]
) -> AsyncIterator[dict[str, Any]]:
    stream = docker.images.build(
        fileobj=file, encoding="identity", tag=tag, labels=labels, rm=True, forcerm=True, stream=True
    )
    async for message in stream:
        yield message


def _take(message: dict[str, Any], log: BuildLog) -> str | None:
    """Write one message of the engine into the log; returns the error it tells of, if it is one."""
    if "stream" in message:
        log.feed(str(message["stream"]).encode())
    elif "status" in message and "progressDetail" not in message:
        log.feed(f"{message['status']}\n".encode())
    if "error" in message or "errorDetail" in message:
        detail = message.get("errorDetail") or {}
        return str(message.get("error") or detail.get("message") or json.dumps(detail))
    return None


def _sentence(reason: str) -> str:
    reason = reason.strip()
    if any(hint in reason for hint in ("manifest unknown", "pull access denied", "not found: manifest", "registry")):
        return f"the build of the image failed: a base image cannot be had: {reason}"
    if any(hint in reason for hint in ("dial tcp", "no such host", "i/o timeout", "connection refused")):
        return f"the build of the image failed: the network or the registry does not answer: {reason}"
    return f"the build of the image failed: {reason}"


async def remove_image(tag: str) -> str | None:
    """Take a tag away, and its layers when nothing else has them; returns why it is still there, if it is.

    A tag that is gone already is gone. The engine keeps what a container uses, stopped or not.
    """
    try:
        async with _Engine() as docker:
            await docker.images.delete(tag)
    except aiodocker.DockerError as error:
        return None if error.status == 404 else str(error.message)
    except ValueError:
        return "there is no Docker Engine on this machine"
    except (aiohttp.ClientError, OSError) as error:
        return f"the Docker Engine does not answer ({error})"
    return None
