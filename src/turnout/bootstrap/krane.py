"""The agent that runs the instances of one region, and what ends them without it."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from turnout.bootstrap.shared import MIB, home_id, make_logger, stop_signal
from turnout.client import RegionClient
from turnout.domain.errors import Conflict, Invalid, Unavailable
from turnout.domain.records import Backend
from turnout.krane.agent import Agent
from turnout.krane.detect import detect_backends
from turnout.krane.farewell import stop_everything
from turnout.krane.offers import Offers
from turnout.krane.ports import BackendPort
from turnout.krane.process import ProcessBackend
from turnout.krane.settings import KraneSettings
from turnout.settings import Settings

KRANE_TOKEN_FILE: Final = "krane.token"  # noqa: S105  # a file's name
"""In `<home>/run`: the token of the krane on this machine."""


async def run_krane(settings: Settings, *, stop_instances_on_exit: bool = False) -> None:
    """The agent that runs the instances of one region."""
    logger = make_logger("krane")
    wanted = settings.krane.backend
    if wanted not in ("auto", "docker", "process"):
        raise Invalid(f"cannot start krane: the backend is auto, docker or process, not {wanted!r}")

    async def detect() -> tuple[Backend, ...]:
        return await detect_backends(wanted)  # type: ignore[arg-type]  # checked above

    offered = await detect()
    if not offered:
        raise Unavailable("cannot start krane: no Docker Engine answers here; start it, or use --backend auto")
    token = _read_token(settings.home / "run" / KRANE_TOKEN_FILE)
    async with AsyncExitStack() as stack:
        control_plane = await stack.enter_async_context(RegionClient(_api_url(settings), token, settings.krane.region))
        # An engine that is away at this moment may hold containers of ours.
        possible = {*offered, *(() if wanted == "process" else (Backend.DOCKER,))}
        backends = _backends(tuple(sorted(possible)), settings)
        for backend in backends.values():
            stack.push_async_callback(backend.close)
        agent = Agent(
            control_plane,
            backends,
            KraneSettings(
                home=settings.home,
                region=settings.krane.region,
                grace=settings.krane.stop_seconds,
                stop_instances_on_exit=stop_instances_on_exit,
            ),
            logger,
            offers=Offers(offered, later=possible, detect=detect),
        )
        await agent.run(stop_signal())


async def stop_instances(settings: Settings) -> tuple[str, ...]:
    """End what a krane that was killed has left; returns the ids. Raises Conflict while a krane lives.

    Containers too, when an engine answers; without one there is nothing that could be stopped.
    """
    backends = _backends(await detect_backends("docker"), settings)
    try:
        return await stop_everything(
            settings.home,
            grace=settings.krane.stop_seconds,
            others=[backends[each] for each in (Backend.DOCKER,) if each in backends],
        )
    finally:
        for backend in backends.values():
            await backend.close()


def _backends(offered: tuple[Backend, ...], settings: Settings) -> dict[Backend, BackendPort]:

    limit = settings.krane.output_mib * MIB
    backends: dict[Backend, BackendPort] = {}
    if Backend.PROCESS in offered:
        backends[Backend.PROCESS] = ProcessBackend(
            home=settings.home, releases=settings.home / "releases", output_limit=limit
        )
    if Backend.DOCKER in offered:
        from turnout.krane.docker import DockerBackend

        backends[Backend.DOCKER] = DockerBackend(home=settings.home, home_id=home_id(settings.home), output_limit=limit)
    return backends


def _read_token(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Conflict(f"cannot start krane: {file} cannot be read ({error.strerror}); run `turnout up` once") from None


def _api_url(settings: Settings) -> str:
    return os.environ.get("TURNOUT_API_URL") or f"http://{settings.api.host}:{settings.api.port}"
