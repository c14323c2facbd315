"""Collects what nobody needs any more: logs, build folders, releases, built images, uploads of one home.

Each thing is looked at twice: once to find it, and once more, under the lock that a builder of it would hold,
right before it goes. What a deploy that is asked for in between needs, it therefore finds, or makes again.
"""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from turnout.builds.docker import remove_image
from turnout.builds.layout import RELEASE_PREFIX, ReleaseFolder, release_id
from turnout.builds.local import LocalBuilds
from turnout.builds.locks import collecting_lock, try_lock
from turnout.domain.errors import TurnoutError
from turnout.domain.keeping import Garbage, GarbageKind, Kept

Keeper = Callable[[], Awaitable[Kept]]
"""Says what is needed at this moment."""

_DEPLOYMENT: Final = re.compile(r"dep_[0-9a-z]{26}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_FRESH_SECONDS: Final = 3600.0
"""An upload is not collected before this: its deploy may be about to be asked for."""


class Collector:
    """What is in one home, and who needs it."""

    def __init__(self, home: Path) -> None:
        self._home = home.absolute()
        self._builds = LocalBuilds(home)
        self._one_at_a_time = asyncio.Lock()

    async def collect(self, *, kept: Keeper, dry_run: bool = False) -> tuple[Garbage, ...]:
        """Remove what `kept` does not name; with `dry_run` only say what that would be. Nothing during a backup."""
        async with self._one_at_a_time:
            found = await self._find(await kept())
            if dry_run:
                return found
            if not found:
                return ()
            with _may_collect(self._home) as may:
                return tuple([await self._remove(each, kept) for each in found]) if may else ()

    async def _find(self, kept: Kept) -> tuple[Garbage, ...]:
        return (
            *await asyncio.to_thread(lambda: tuple(self._found(kept))),
            *(
                Garbage(kind=GarbageKind.IMAGE, name=image, size_bytes=0)
                for image in sorted(kept.built_images)
                if image.startswith("turnout/") and not _image_is_kept(image, kept)
            ),
        )

    def _found(self, kept: Kept) -> Iterator[Garbage]:
        for folder, kind in (("logs", GarbageKind.LOG), ("builds", GarbageKind.BUILD)):
            for path in _named(self._home / folder, _DEPLOYMENT):
                if path.name not in kept.deployments:
                    yield Garbage(kind=kind, name=path.name, size_bytes=_size(path))
        for path in _named(self._home / "releases", _HASH):
            if not _release_is_kept(path.name, kept):
                yield Garbage(kind=GarbageKind.RELEASE, name=path.name, size_bytes=_size(path))
        for path in sorted((self._home / "sources").glob("*.tar.gz")):
            name = path.name.removesuffix(".tar.gz")
            if name not in kept.sources and _is_old(path):
                yield Garbage(kind=GarbageKind.SOURCE, name=name, size_bytes=_size(path))

    async def _remove(self, garbage: Garbage, kept: Keeper) -> Garbage:
        try:
            problem = await self._try_to_remove(garbage, kept)
        except TurnoutError as error:
            problem = error.detail
        except OSError as error:
            problem = error.strerror or type(error).__name__
        return garbage if problem is None else replace(garbage, problem=problem)

    async def _try_to_remove(self, garbage: Garbage, kept: Keeper) -> str | None:
        """Returns why it is still there, if it is."""
        still, name = await kept(), garbage.name
        match garbage.kind:
            case GarbageKind.LOG if name not in still.deployments:
                await asyncio.to_thread(shutil.rmtree, self._home / "logs" / name, ignore_errors=True)
            case GarbageKind.BUILD if name not in still.deployments:
                await self._builds.forget(name)
            case GarbageKind.RELEASE:
                return await self._remove_release(name, kept)
            case GarbageKind.SOURCE if name not in still.sources:
                path = self._home / "sources" / f"{name}.tar.gz"
                if _is_old(path):
                    path.unlink(missing_ok=True)
            case GarbageKind.IMAGE if name in still.built_images and not _image_is_kept(name, still):
                return await remove_image(name)
        return None

    async def _remove_release(self, name: str, kept: Keeper) -> str | None:
        release = ReleaseFolder.of(self._home, name)
        with try_lock(release.lock) as locked:
            if locked is None:
                return "it is being built"
            try:
                if _release_is_kept(name, await kept()):
                    return "somebody has come to need it"
                # First what makes it a whole one: one that is half gone must never be taken for good.
                release.record.unlink(missing_ok=True)
                await asyncio.to_thread(shutil.rmtree, release.path, ignore_errors=True)
            finally:
                release.lock.unlink(missing_ok=True)
        return None


def _release_is_kept(name: str, kept: Kept) -> bool:
    if f"{RELEASE_PREFIX}{name}" in kept.images:
        return True
    return any(
        name
        == release_id(build.source_id, build.build_command, workspace=build.workspace, secrets_mark=build.secrets_mark)
        for build in kept.builds
    )


def _image_is_kept(image: str, kept: Kept) -> bool:
    # While anything is being built it may turn out to be this image; the next round looks again.
    return image in kept.images or bool(kept.builds)


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.is_dir())


def _is_old(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > _FRESH_SECONDS
    return False


def _size(path: Path) -> int:
    """What it takes on the disk, in bytes; what vanishes meanwhile counts as nothing."""
    total = 0
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with suppress(OSError):
            total += 0 if each.is_dir() else each.lstat().st_size
    return total


@contextmanager
def _may_collect(home: Path) -> Iterator[bool]:
    """Keep backups from beginning within the block; False when one is being made."""
    file = collecting_lock(home)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        yield True  # no backup can be made on a full disk, and collecting may help
        return
    with try_lock(file) as locked:
        yield locked is not None
