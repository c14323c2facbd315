"""What an image is built of: the source with its own Dockerfile, with a generated one, or what a buildpack made."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from turnout.builds import buildpacks, processes
from turnout.builds.command_line import engine_environment
from turnout.builds.context import DOCKERFILE, write_context
from turnout.builds.dockerfile import generate, relabelled
from turnout.builds.engine import Engine
from turnout.builds.layout import BuildFolder, image_id
from turnout.builds.log import BuildLog
from turnout.builds.names import ArchiveLimits
from turnout.builds.service import BuildRequest
from turnout.builds.unpack import unpack
from turnout.domain.errors import Invalid
from turnout.settings import BuildSettings


async def prepare_context(
    engine: Engine,
    request: BuildRequest,
    archive: Path,
    *,
    folder: BuildFolder,
    limits: ArchiveLimits,
    settings: BuildSettings,
    log: BuildLog,
) -> tuple[Path, str]:
    """Unpack a source and write what the engine builds of. Returns that file, and the Dockerfile's name in it.

    Raises Invalid, TooLarge or DeploymentFailed.
    """
    source, context = folder.scratch / "source", folder.scratch / "context.tar"
    await asyncio.to_thread(unpack, archive, source, limits)
    options = request.options
    named, generated = options.dockerfile, ""
    if named is not None and not (source / named).is_file():
        raise Invalid(f"cannot build an image: there is no {named} in the folder; turnout.toml names it")
    if named is None and not (source / DOCKERFILE).is_file():
        # Whoever names a base image or a build command has decided how the image is made.
        asked = settings.folders if not (request.build_command or options.base) else "generated"
        if (found := buildpacks.find(asked, os.environ)) is not None:
            return await _by_buildpack(engine, found, request, source, folder=folder, log=log), DOCKERFILE
        generated = generate(
            {path.name for path in source.iterdir()},
            run_command=request.run_command,
            build_command=request.build_command,
            base=options.base,
        )
        log.say("the folder has no Dockerfile; this one is used:")
        log.feed(generated.encode())
        if options.secrets:
            log.say("the generated Dockerfile does not use the secrets; write one of your own for that")
    elif request.build_command:
        log.say("the build command is not used: the Dockerfile says how this image is built")
    dockerfile = named or DOCKERFILE
    await asyncio.to_thread(write_context, source, context, dockerfile=dockerfile, generated=generated)
    return context, dockerfile


async def _by_buildpack(
    engine: Engine,
    found: buildpacks.Buildpack,
    request: BuildRequest,
    source: Path,
    *,
    folder: BuildFolder,
    log: BuildLog,
) -> Path:
    """Let somebody else make the image, and return the context that makes it ours."""
    tag = f"turnout/{found.name}:{image_id(request)[:32]}"
    home, ours = folder.scratch / "home", folder.scratch / "labels"
    for each in (home, ours):
        each.mkdir(exist_ok=True)
    environment = engine_environment(engine, os.environ, home=home) | {processes.MARK: str(folder.path)}
    if "BUILDKIT_HOST" in os.environ:
        environment["BUILDKIT_HOST"] = os.environ["BUILDKIT_HOST"]
    await buildpacks.build(found, tag, source, variables=dict(request.options.args), environment=environment, log=log)
    context = folder.scratch / "context.tar"
    text = relabelled(tag, request.run_command)
    await asyncio.to_thread(write_context, ours, context, generated=text)
    return context
