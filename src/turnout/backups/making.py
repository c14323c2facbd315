"""Making a backup of a home, whether or not it runs."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from turnout import __version__
from turnout.backups.archive import ArchiveWriter
from turnout.backups.contents import FORMAT, KEYS, STORE, Entry, entries
from turnout.builds.disk import disk_errors
from turnout.builds.layout import RELEASE_PREFIX
from turnout.builds.locks import collecting_lock, try_lock
from turnout.domain.errors import Conflict, Invalid, NotFound
from turnout.domain.keeping import Kept
from turnout.settings import Settings
from turnout.store import copy_store, is_one_file, open_store

_PATIENCE: Final = 60.0
"""Seconds that a collection, or another backup, may take before this one gives up."""
_LOOK: Final = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupReport:
    """What a backup holds, and what it does not."""

    file: str
    """`-` when it went to standard output."""
    size_bytes: int | None
    entries: int
    """Files and links."""
    has_store: bool
    has_keys: bool
    engine_images: tuple[str, ...]
    """Images that deployments need and that only the container engine of this machine has."""
    keys_file: str
    """Where the master keys lie, in it or not."""


async def make_backup(settings: Settings, out: Path, *, with_keys: bool, logs: bool, with_store: bool) -> BackupReport:
    """Write an archive to `out`, or to standard output for `-`; a file appears whole or not at all, with mode 0600.

    Without `with_store` the database is left to the tools it comes with. Raises Invalid or Conflict for what cannot
    be backed up like that, NotFound where there is no home or no key file, Unavailable when the disk or the store
    says no.
    """
    home = settings.home
    if not (home / "run").is_dir():
        raise NotFound(f"cannot back up {home}: there is no home of Turnout there; name another one in TURNOUT_HOME")
    if with_store and not is_one_file(settings.database_url):
        raise Invalid(
            "cannot copy the store: it is a PostgreSQL database, which has tools of its own; copy it with pg_dump, "
            "and right after that the rest with --files-only"
        )
    if with_keys and not settings.vault_keys_file.is_file():
        raise NotFound(f"cannot add the master keys: {settings.vault_keys_file} is not there")
    with disk_errors(f"make the backup {out}"), _scratch(home) as scratch:
        async with _nothing_collected(home):
            copy = scratch / STORE
            if with_store:
                await copy_store(settings.database_url, copy)
            kept = await _kept(settings, copy if with_store else None)
            about = {
                "format": FORMAT,
                "version": __version__,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "home": str(home),
                "has_store": with_store,
                "has_keys": with_keys,
            }
            first = [Entry(name=STORE, path=copy)] if with_store else []
            if with_keys:  # after the store: a new master key is in the file before anything is wrapped with it
                first.append(Entry(name=KEYS, path=settings.vault_keys_file))
            with _opened(out) as file:
                number = await asyncio.to_thread(_write, file, about, [*first, *entries(home, kept, logs=logs)])
    return BackupReport(
        file=str(out),
        size_bytes=None if str(out) == "-" else out.stat().st_size,
        entries=number - 1,
        has_store=with_store,
        has_keys=with_keys,
        engine_images=tuple(sorted(_of_the_engine(kept, settings))),
        keys_file=str(settings.vault_keys_file),
    )


def _write(file: IO[bytes], about: dict[str, Any], content: list[Entry]) -> int:
    archive = ArchiveWriter(file)
    archive.about(about)
    for entry in content:
        archive.add(entry)
    return archive.close()


async def _kept(settings: Settings, copy: Path | None) -> Kept:
    """What the copied store speaks of, so that files and rows are of one moment."""
    url = settings.database_url if copy is None else f"sqlite+aiosqlite:///{copy}"
    async with open_store(url) as store:
        return await store.kept(ended=settings.deploy.keep_stopped)


def _of_the_engine(kept: Kept, settings: Settings) -> set[str]:
    registry = settings.build.registry
    return {
        image
        for image in kept.images
        if image.startswith("turnout/")
        or not (image.startswith(RELEASE_PREFIX) or (registry and image.startswith(f"{registry}/")) or "/" in image)
    }


@asynccontextmanager
async def _nothing_collected(home: Path) -> AsyncIterator[None]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with try_lock(collecting_lock(home)) as locked:
            if locked is not None:
                yield
                return
        if time.monotonic() > deadline:
            raise Conflict(f"cannot back up {home}: another backup, or a collection, goes on there; try again later")
        await asyncio.sleep(_LOOK)


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A place for the copy of the store: in the home, which nobody else may read."""
    folder = home / "run" / f"backup-{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(out: Path) -> Iterator[IO[bytes]]:
    if str(out) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(part, out)  # unlike a rename it overwrites nothing
    except FileExistsError:
        raise Conflict(f"cannot write {out}: it is there already; name another file") from None
    finally:
        part.unlink(missing_ok=True)
