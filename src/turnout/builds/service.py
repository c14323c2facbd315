"""The port to whatever builds: start, then look again. No call lasts as long as a build."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from turnout.domain.records import Backend, BuildOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """One build. Nothing secret: it is written down."""

    deployment_id: str
    workspace: str
    """The workspace's slug: an equal source of another workspace is another image."""
    source_id: str
    """SHA-256 of an archive in the source store."""
    backend: Backend
    """What the image is for."""
    build_command: tuple[str, ...] = ()
    """Argument list, run in the source folder; Docker builds by the Dockerfile alone and does not use it."""
    options: BuildOptions = field(default_factory=BuildOptions)
    """For Docker: Dockerfile, stage, build arguments, base image. For both: the names of secrets."""
    secrets_mark: str = ""
    """Changes with the values of the secrets, and tells nothing of them: see `domain.secrets.mark_of`."""
    run_command: tuple[str, ...] = ()
    """What a generated Dockerfile says that the image runs."""
    deadline_seconds: float = 900.0
    """Longest time from the first start, with all attempts."""


Secrets = Callable[[str, tuple[str, ...]], Awaitable[Mapping[str, str]]]
"""The values of variables of a deployment, by its id and their names. Asked each time that a builder is started."""


class BuildStatus(StrEnum):
    """Where a build stands."""

    PENDING = "pending"
    """Its process is being started."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """For good; a cancelled build is failed too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildState:
    """What a look at a build shows."""

    status: BuildStatus
    image: str | None = None
    """Set when done: `release:<hash>` for processes, an image reference for Docker."""
    reason: str | None = None
    """Set when failed: a sentence and the last lines that were printed; 4,000 characters at most."""


class BuildClient(Protocol):
    """Every method may be called twice, by two processes, and after a crash: the second call changes nothing."""

    async def find(self, request: BuildRequest) -> str | None:
        """The image of an equal request that was built before and is still there; then no build is needed.

        Raises Unavailable when that cannot be seen now.
        """
        ...

    async def start(self, request: BuildRequest) -> None:
        """Begin a build and return at once. The first request of a deployment counts, later ones are ignored.

        Raises NotFound when there is no such source, Unavailable when no build can be started now.
        """
        ...

    async def look(self, deployment_id: str) -> BuildState:
        """Where the build stands. A build whose process was lost is started again, a late one is ended.

        Raises NotFound when none was started, or it was forgotten.
        """
        ...

    async def cancel(self, deployment_id: str) -> None:
        """End a build that has not ended, with every process of it; returns when they are gone."""
        ...

    async def forget(self, deployment_id: str) -> None:
        """Remove what is kept of a build, its log too; cancels it before. Its image stays."""
        ...
