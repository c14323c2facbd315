"""Builds an image with a Docker Engine, by the source's Dockerfile or a generated one, and pushes it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from turnout.builds import processes
from turnout.builds.buildkit import TRACE, Narrator
from turnout.builds.command_line import build_with_cli, engine_environment, find_cli
from turnout.builds.engine import Engine, open_engine
from turnout.builds.image_context import prepare_context
from turnout.builds.layout import BuildFolder, image_id, image_tag
from turnout.builds.locks import lock
from turnout.builds.log import BuildLog, failure
from turnout.builds.names import ArchiveLimits
from turnout.builds.service import BuildRequest
from turnout.domain.errors import DeploymentFailed, Unavailable
from turnout.settings import BuildSettings

SOURCE_LABEL: Final = "dev.turnout.source"
"""SHA-256 of the source an image was built of."""
IMAGE_LABEL: Final = "dev.turnout.image"
"""`image_id` of the request it was built for."""
_NO_SESSION: Final = "no active session"


async def find_image(request: BuildRequest, *, registry: str) -> str | None:
    """The image of an equal request; with a registry by its digest there. Raises Unavailable."""
    async with open_engine() as engine:
        return await _find(engine, request, registry)


async def build_image(
    request: BuildRequest,
    archive: Path,
    *,
    folder: BuildFolder,
    limits: ArchiveLimits,
    settings: BuildSettings,
    secrets: Mapping[str, str],
    log: BuildLog,
) -> str:
    """Build the image of a request, or find it built, and return its name: by digest where there is a registry.

    Raises Invalid, TooLarge, Unavailable or DeploymentFailed with the engine's last lines.
    """
    tag = image_tag(request, settings.registry)
    locks = folder.home / "builds" / ".locks"
    async with lock(locks / f"{image_id(request)}.lock"), open_engine() as engine:
        if (found := await _find(engine, request, settings.registry)) is not None:
            log.say(f"nothing has changed: image {found} is used again")
            return found
        if not await _is_built(engine, tag, request):
            context, dockerfile = await prepare_context(
                engine, request, archive, folder=folder, limits=limits, settings=settings, log=log
            )
            log.say(f"building the image {tag}")
            params = _params(request, tag, dockerfile)
            if secrets:
                await _build_with_secrets(
                    engine, context, params, settings=settings, secrets=secrets, folder=folder, log=log
                )
            else:
                await _build(engine, context, params, settings, log)
            if not await _is_built(engine, tag, request):
                raise DeploymentFailed(failure("the engine ended the build without an image", log.last_lines()))
        return await _push(engine, tag, log) if settings.registry else tag


async def _find(engine: Engine, request: BuildRequest, registry: str) -> str | None:
    tag = image_tag(request, registry)
    if not registry:
        return tag if await _is_built(engine, tag, request) else None
    digest = await engine.digest_in_registry(tag)
    return None if digest is None else f"{tag.rpartition(':')[0]}@{digest}"


async def _is_built(engine: Engine, tag: str, request: BuildRequest) -> bool:
    image = await engine.image(tag)
    # Anybody can give the tag to another image.
    labels = ((image or {}).get("Config") or {}).get("Labels") or {}
    return bool(labels.get(IMAGE_LABEL) == image_id(request))


def _params(request: BuildRequest, tag: str, dockerfile: str) -> dict[str, str]:
    labels = {SOURCE_LABEL: request.source_id, IMAGE_LABEL: image_id(request)}
    params = {"t": tag, "dockerfile": dockerfile, "labels": json.dumps(labels), "rm": "1", "forcerm": "1"}
    if request.options.args:
        params["buildargs"] = json.dumps(dict(request.options.args), sort_keys=True)
    if request.options.target is not None:
        params["target"] = request.options.target
    return params


async def _build_with_secrets(
    engine: Engine,
    context: Path,
    params: dict[str, str],
    *,
    settings: BuildSettings,
    secrets: Mapping[str, str],
    folder: BuildFolder,
    log: BuildLog,
) -> None:
    if settings.builder == "classic" or not await engine.has_buildkit():
        raise DeploymentFailed(
            "the build of the image failed: [build] secrets needs BuildKit, and images are built with the classic "
            "builder here; use an engine that has BuildKit, and do not set TURNOUT_BUILD_BUILDER to classic"
        )
    home = folder.scratch / "home"
    home.mkdir(exist_ok=True)
    environment = {**engine_environment(engine, os.environ, home=home), processes.MARK: str(folder.path)}
    cli = await asyncio.to_thread(find_cli, environment)
    await build_with_cli(cli, context, params, secrets=secrets, environment=environment, log=log)


async def _build(engine: Engine, context: Path, params: dict[str, str], settings: BuildSettings, log: BuildLog) -> None:
    buildkit = settings.builder == "buildkit" or (settings.builder == "auto" and await engine.has_buildkit())
    reason = await _attempt(engine, context, params, buildkit=buildkit, log=log)
    if reason is not None and buildkit and settings.builder == "auto" and _NO_SESSION in reason:
        log.say("BuildKit cannot sign in to the registry of a base image; the classic builder goes on")
        reason = await _attempt(engine, context, params, buildkit=False, log=log)
    if reason is not None:
        raise DeploymentFailed(failure(_sentence(reason), log.last_lines()))


async def _attempt(
    engine: Engine, context: Path, params: dict[str, str], *, buildkit: bool, log: BuildLog
) -> str | None:
    """Build; returns why it failed, or None."""
    reason: str | None = None
    narrator = Narrator(log)
    try:
        async for message in engine.build_messages(context, params | ({"version": "2"} if buildkit else {})):
            if message.get("id") == TRACE:
                narrator.take(message.get("aux"))
            reason = _take(message, log) or reason
    except DeploymentFailed as error:
        reason = reason or error.detail
    log.end_line()
    return reason


async def _push(engine: Engine, tag: str, log: BuildLog) -> str:
    """Push an image; returns its name by digest, which nobody can ever lead to another one."""
    repository, _, label = tag.rpartition(":")
    log.say(f"pushing {tag}")
    digest, reason = None, None
    try:
        async for message in engine.push_messages(repository, label):
            digest = (message.get("aux") or {}).get("Digest") or digest
            reason = _take(message, log) or reason
    except DeploymentFailed as error:
        reason = reason or error.detail
    log.end_line()
    if reason is not None or digest is None:
        raise DeploymentFailed(
            failure(f"the image could not be pushed to {repository}: {reason or 'no digest came back'}", ())
        )
    return f"{repository}@{digest}"


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
        async with open_engine() as engine:
            return await engine.remove(tag)
    except Unavailable as error:
        return error.detail
