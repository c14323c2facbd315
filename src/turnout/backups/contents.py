"""What is in a backup, and how its entries are called. Pure, but for listing folders."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from turnout.builds.layout import RELEASE_PREFIX, ReleaseFolder
from turnout.domain.keeping import Kept

FORMAT: Final = 1
"""Raised when an older version could not read what this one writes."""
ABOUT: Final = "backup.json"
"""The first entry: what this is."""
CHECKSUMS: Final = "checksums.json"
"""The last entry: with it there, the archive is whole."""
STORE: Final = "store.db"
KEYS: Final = "vault/keys.json"
FOLDERS: Final = ("releases", "sources", "logs", "builds")
_BUILD_FILES: Final = ("log", "log.times", "result.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing to be packed."""

    name: str
    path: Path


def entries(home: Path, kept: Kept, *, logs: bool) -> Iterator[Entry]:
    """The files that `kept` speaks of, in a steady order. What vanishes meanwhile nobody needed."""
    for image in sorted(kept.images):
        if image.startswith(RELEASE_PREFIX):
            release = ReleaseFolder.of(home, image.removeprefix(RELEASE_PREFIX))
            if release.record.exists():
                yield from _tree(home, release.path)
    for source_id in sorted(kept.sources):
        file = home / "sources" / f"{source_id}.tar.gz"
        if file.exists():
            yield _entry(home, file)
    if logs:
        for deployment_id in sorted(kept.deployments):
            yield from _tree(home, home / "logs" / deployment_id)
            for name in _BUILD_FILES:
                file = home / "builds" / deployment_id / name
                if file.exists():
                    yield _entry(home, file)


def name_refused(name: str) -> bool:
    """Whether an entry of this name has no place in a home."""
    path = PurePosixPath(name)
    if name in {ABOUT, CHECKSUMS, STORE, KEYS}:
        return False
    if "\0" in name or path.is_absolute() or str(path) != name or ".." in path.parts:
        return True
    return path.parts[0] not in FOLDERS or len(path.parts) < 2


def _tree(home: Path, folder: Path) -> Iterator[Entry]:
    if not folder.is_dir():
        return
    yield _entry(home, folder)
    for path in sorted(folder.rglob("*")):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            yield _entry(home, path)


def _entry(home: Path, path: Path) -> Entry:
    return Entry(name=path.relative_to(home).as_posix(), path=path)
