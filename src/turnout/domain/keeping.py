"""What must be kept, and the report of what was collected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GarbageKind(StrEnum):
    """What can be collected."""

    LOG = "log"
    BUILD = "build"
    RELEASE = "release"
    IMAGE = "image"
    SOURCE = "source"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptBuild:
    """A build that may go on: the release it makes must not be taken away from it."""

    workspace: str
    """What `BuildRequest.workspace` is."""
    source_id: str
    build_command: tuple[str, ...]
    secrets_mark: str = ""
    """What `BuildRequest.secrets_mark` is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What somebody may still need, as the store knows it at one moment."""

    deployments: frozenset[str]
    """Those whose output is kept, of instances and of the build."""
    images: frozenset[str]
    """Releases and image references of the deployments that run or can be started."""
    builds: frozenset[KeptBuild]
    sources: frozenset[str]
    built_images: frozenset[str]
    """Docker images that were built for deployments of this store, and that none needs any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Garbage:
    """One thing that nobody needs."""

    kind: GarbageKind
    name: str
    size_bytes: int
    problem: str | None = None
    """Why it is still there; None when it is gone, or would be."""
