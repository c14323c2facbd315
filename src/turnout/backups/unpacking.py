"""An archive becomes a folder, or a refusal that says why; nothing outside of that folder is ever written."""

from __future__ import annotations

import json
import os
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

from turnout.backups.archive import copy_hashed, link_checksum
from turnout.backups.contents import ABOUT, CHECKSUMS, FORMAT, name_refused
from turnout.domain.errors import Invalid

_ABOUT_LIMIT: Final = 1024 * 1024


def unpack_backup(source: IO[bytes], folder: Path, *, name: str) -> dict[str, Any]:
    """Unpack into `folder`, an empty one; returns what the archive says of itself.

    Raises Invalid for what is no backup, is damaged or cut off, was made by a later version, or holds a name or a
    kind of file that has no place in a home. Links are made last, so that none is ever written through.
    """
    checksums: dict[str, str] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=source, mode="r|*") as tar:
            about = _about(tar, name)
            while (member := tar.next()) is not None:
                _check_name(member.name, name)
                path = folder / member.name
                if member.name in checksums or member.name in links:
                    raise Invalid(f"cannot restore {name}: {member.name!r} is in it twice")
                if member.isdir():
                    path.mkdir(mode=0o700, parents=True, exist_ok=True)
                elif member.issym():
                    links[member.name] = member.linkname
                    checksums[member.name] = link_checksum(member.linkname)
                elif member.isreg():
                    checksums[member.name] = _write(tar, member, path)
                else:
                    raise Invalid(f"cannot restore {name}: {member.name!r} is neither a file, a folder nor a link")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, FileExistsError):
            raise  # the disk's own trouble
        raise Invalid(f"cannot restore {name}: it is no whole backup ({error})") from None
    _compare(folder, checksums, name)
    for link, target in links.items():
        (folder / link).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / link).symlink_to(target)
    return about


def _about(tar: tarfile.TarFile, name: str) -> dict[str, Any]:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.isreg() and first.name == ABOUT else None
    if first is None or content is None or first.size > _ABOUT_LIMIT:
        raise Invalid(f"cannot restore {name}: it is no backup of Turnout")
    try:
        about: dict[str, Any] = json.loads(content.read())
        wanted = int(about["format"])
    except (ValueError, KeyError, TypeError):
        raise Invalid(f"cannot restore {name}: it is no backup of Turnout") from None
    if wanted > FORMAT:
        raise Invalid(
            f"cannot restore {name}: it was made by Turnout {about.get('version')}, which is newer than this one; "
            "install that version first"
        )
    return about


def _check_name(entry: str, name: str) -> None:
    if name_refused(entry) or entry == ABOUT:
        raise Invalid(f"cannot restore {name}: {entry!r} has no place in a home")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    content = tar.extractfile(member)
    assert content is not None, "a regular file has content"  # noqa: S101
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o600 | (member.mode & 0o155)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        return copy_hashed(content, file)


def _compare(folder: Path, found: dict[str, str], name: str) -> None:
    file = folder / CHECKSUMS
    try:
        told: dict[str, str] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        raise Invalid(f"cannot restore {name}: its end is missing; it was cut off") from None
    file.unlink()
    del found[CHECKSUMS]
    told.pop(ABOUT, None)
    if found != told:
        wrong = sorted(each for each in {*found, *told} if found.get(each) != told.get(each))
        raise Invalid(f"cannot restore {name}: {wrong[0]!r} in it is damaged or missing")
