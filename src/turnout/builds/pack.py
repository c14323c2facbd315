"""A folder becomes one archive: the same files give the same bytes, so that an unchanged one is known again.

Order, times, owners and permission bits are fixed; of the latter only "may be run" is kept. Two machines
whose zlib compresses differently may give the same folder two names; it is then built once more, that is all.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from turnout.builds.ignore import IgnoreRules
from turnout.builds.names import MAX_FILES, escaped, name_problem
from turnout.domain.errors import Invalid, TooLarge

_MIB = 1024 * 1024
_LEAVE_OUT = "leave it out with a line in .gitignore or .turnoutignore"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedSource:
    """An archive of a folder."""

    sha256: str
    size_bytes: int
    files: int
    """Files in it; folders are not counted."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file or folder that is packed."""

    name: str
    """The path inside the archive."""
    path: Path
    is_folder: bool
    is_link: bool = False


def pack_folder(folder: Path, destination: Path, *, limit_mib: int) -> PackedSource:
    """Write the source in `folder` to `destination` as a tar.gz of at most `limit_mib` MiB.

    A link is packed as a copy of the file it leads to, which has to be part of the source itself; every
    other link, and sockets, pipes and devices, are refused by name. Raises Invalid or TooLarge; then
    nothing is left at `destination`.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise Invalid(f"cannot pack {folder}: there is no such folder")
    part = destination.with_name(f"{destination.name}.part")
    entries = _entries(folder, leave_out=frozenset({destination.resolve(), part.resolve()}))
    files = sum(not entry.is_folder for entry in entries)
    if not files:
        raise Invalid(f"cannot pack {folder}: there is no file in it that is not ignored")
    try:
        with part.open("wb") as raw:
            counted = _Counted(raw, limit_mib * _MIB)
            try:
                _write(entries, counted)
            except _FullError:
                raise TooLarge(_too_large(folder, entries, limit_mib)) from None
        part.replace(destination)
    except OSError as error:
        raise Invalid(f"cannot write {destination}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return PackedSource(sha256=counted.sha256.hexdigest(), size_bytes=counted.size, files=files)


def source_files(folder: Path) -> tuple[str, ...]:
    """The paths below `folder` that `pack_folder` would pack, files only, in order."""
    folder = folder.resolve()
    return tuple(entry.name for entry in _entries(folder) if not entry.is_folder)


# ------------------------------------------------------------------------------------ what is packed


def _entries(folder: Path, *, leave_out: frozenset[Path] = frozenset()) -> list[_Entry]:
    entries = sorted(_walk(folder, folder, IgnoreRules.of(folder), leave_out), key=lambda entry: entry.name)
    if len(entries) > MAX_FILES:
        raise TooLarge(f"cannot pack {folder}: it has more than {MAX_FILES:,} files; {_LEAVE_OUT}")
    packed = {entry.path for entry in entries if not entry.is_folder and not entry.is_link}
    for entry in entries:
        if entry.is_link and entry.path not in packed:
            raise Invalid(
                f"cannot pack {escaped(entry.name)}: it is a link that leads to no file of this source; "
                f"replace it by a copy, or {_LEAVE_OUT}"
            )
    return entries


def _walk(folder: Path, root: Path, rules: IgnoreRules, leave_out: frozenset[Path]) -> Iterator[_Entry]:
    try:
        found = sorted(os.scandir(folder), key=lambda each: each.name)
    except OSError as error:
        raise Invalid(f"cannot read the folder {_shown(folder, root)}: {error.strerror}; {_LEAVE_OUT}") from None
    for each in found:
        path = Path(each.path)
        is_folder = each.is_dir(follow_symlinks=False)
        if rules.ignores(path, is_folder=is_folder) or path in leave_out:
            continue
        name = path.relative_to(root).as_posix()
        if problem := name_problem(name):
            raise Invalid(f"cannot pack {escaped(name)}: its name {problem}; rename it, or {_LEAVE_OUT}")
        if is_folder:
            yield _Entry(name, path, is_folder=True)
            yield from _walk(path, root, rules.inside(path), leave_out)
        elif each.is_symlink():
            yield _Entry(name, _target(path), is_folder=False, is_link=True)
        elif each.is_file(follow_symlinks=False):
            yield _Entry(name, path, is_folder=False)
        else:
            raise Invalid(f"cannot pack {escaped(name)}: it is a socket, a pipe or a device; {_LEAVE_OUT}")


def _target(link: Path) -> Path:
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):  # leads nowhere, or in a circle: never among the packed files
        return link


def _shown(path: Path, root: Path) -> str:
    return escaped(path.relative_to(root).as_posix()) if path != root else str(root)


# --------------------------------------------------------------------------------- how it is written


class _FullError(Exception):
    """More bytes than the limit."""


class _Counted:
    """Counts and hashes what is written, and stops at the limit."""

    def __init__(self, raw: BinaryIO, limit: int) -> None:
        self._raw = raw
        self._limit = limit
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        if self.size > self._limit:
            raise _FullError
        self.sha256.update(data)
        return self._raw.write(data)

    def flush(self) -> None:
        self._raw.flush()


def _write(entries: list[_Entry], counted: _Counted) -> None:
    # No name and no time in the gzip header: both would make the same folder look new.
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=counted, mtime=0)
    archive = tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # closed below, on success only: closing writes
    for entry in entries:
        _add(archive, entry)
    archive.close()
    packed.close()


def _add(archive: tarfile.TarFile, entry: _Entry) -> None:
    header = tarfile.TarInfo(entry.name)
    if entry.is_folder:
        header.type, header.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(header)
        return
    try:
        # Not through a link, and not waiting for a pipe, that has taken the file's place since the walk.
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Invalid(f"cannot read {escaped(entry.name)}: {error.strerror}; {_LEAVE_OUT}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Invalid(f"cannot pack {escaped(entry.name)}: it changed while it was packed; try again")
        header.size = status.st_size
        header.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(header, _Exactly(file, entry.name, status.st_size))


class _Exactly:
    """Reads a file of which the size has been written down already: growing is cut off, shrinking is told."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self._file = file
        self._name = name
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        try:
            wanted = min(size, self._left) if size >= 0 else self._left
            data = self._file.read(wanted)
        except OSError as error:
            raise Invalid(f"cannot read {escaped(self._name)}: {error.strerror}") from None
        if len(data) < wanted:
            raise Invalid(f"cannot pack {escaped(self._name)}: it changed while it was packed; try again")
        self._left -= len(data)
        return data


def _too_large(folder: Path, entries: list[_Entry], limit_mib: int) -> str:
    """The sentence that says what takes the room."""
    sizes: Counter[str] = Counter()
    for entry in entries:
        if not entry.is_folder and entry.path.exists():
            sizes[entry.name.split("/")[0]] += entry.path.stat().st_size
    largest = ", ".join(f"{name} ({size / _MIB:.1f} MiB)" for name, size in sizes.most_common(3))
    return (
        f"cannot pack {folder}: it takes more than {limit_mib} MiB even when compressed; the largest in it: "
        f"{largest}; leave out what the app does not need with lines in .gitignore or .turnoutignore"
    )
