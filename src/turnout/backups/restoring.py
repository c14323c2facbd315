"""Making a home of a backup."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from turnout.backups.archive import archive_name
from turnout.backups.contents import KEYS, STORE
from turnout.backups.relocating import relocate
from turnout.backups.restored import mark_restored
from turnout.backups.unpacking import unpack_backup
from turnout.builds.disk import disk_errors
from turnout.domain.errors import Conflict, Invalid, NotFound
from turnout.store import check_copy


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreReport:
    """What was restored."""

    home: str
    version: str | None
    """Of the Turnout that made the backup."""
    made_at: str | None
    has_store: bool
    has_keys: bool
    releases: int


def restore_backup(file: Path, home: Path) -> RestoreReport:
    """Make `home`, which must not be there or be empty, of the archive; it appears whole or not at all.

    `-` reads standard input. The store is brought up to this version by the next start, which also ends what was under
    way when the backup was made. Raises Conflict for a home that is used, NotFound or Invalid for the archive.
    """
    name = archive_name(file)
    if home.is_symlink() or (home.exists() and (not home.is_dir() or any(home.iterdir()))):
        raise Conflict(f"cannot restore into {home}: something is there already; name an empty or a new folder")
    with disk_errors(f"restore {name}"), _part(home) as part:
        with _opened(file, name) as source:
            about = unpack_backup(source, part, name=name)
        copy, has_keys = part / STORE, (part / KEYS).exists()
        has_store = copy.exists()
        if bool(about.get("has_store")) != has_store or bool(about.get("has_keys")) != has_keys:
            raise Invalid(f"cannot restore {name}: it does not hold what it says")
        if has_store:
            check_copy(copy, name=name)
            copy.chmod(0o600)
            copy.rename(part / "turnout.db")
        if has_keys:
            (part / KEYS).chmod(0o600)
        releases = relocate(part / "releases", old=str(about.get("home") or ""), new=str(home))
        mark_restored(part, about)
        if home.exists():
            home.rmdir()
        part.rename(home)
    return RestoreReport(
        home=str(home),
        version=about.get("version"),
        made_at=about.get("made_at"),
        has_store=has_store,
        has_keys=has_keys,
        releases=releases,
    )


@contextmanager
def _part(home: Path) -> Iterator[Path]:
    part = home.with_name(f".{home.name}.{secrets.token_hex(4)}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _opened(file: Path, name: str) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise NotFound(f"cannot restore {name}: {error.strerror or os.strerror(error.errno or 0)}") from None
    with source:
        yield source
