"""An untrusted archive becomes a folder, or a refusal that names the member; never a bit of both."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from turnout.builds.disk import disk_errors
from turnout.builds.names import ArchiveLimits, escaped, name_problem
from turnout.builds.tarstream import Member, TarStream, open_archive
from turnout.domain.errors import Invalid, TooLarge


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveSummary:
    """What an archive holds."""

    files: int
    unpacked_bytes: int


def verify_archive(path: Path, limits: ArchiveLimits) -> ArchiveSummary:
    """Read an archive to its end without writing anything. Raises Invalid or TooLarge, as `unpack` would."""
    with open_archive(path, limits) as stream:
        checks = _Checks(limits)
        for _ in checks.members(stream):
            pass
    return checks.summary()


def unpack(path: Path, destination: Path, limits: ArchiveLimits) -> ArchiveSummary:
    """Unpack an archive into `destination`, which must not exist; it appears whole or not at all.

    Files are owned by whoever calls, and are 0644, or 0755 where their owner may run them: no other bit of
    the archive's modes is kept. Raises Invalid, TooLarge, or Unavailable when the disk is full.
    """
    part = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.part")
    checks = _Checks(limits)
    try:
        with disk_errors("unpack the source"):
            part.mkdir(mode=0o755, parents=True)
            with open_archive(path, limits) as stream:
                for name, member in checks.members(stream):
                    _write(part / name, member, stream)
            summary = checks.summary()
            part.rename(destination)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return summary


class _Checks:
    """What is demanded of the members of an archive, one by one and together."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._kinds: dict[str, str] = {}
        """Every path so far: `file`, `folder`, or `implied` for a folder that a file's path made."""
        self._files = 0
        self._bytes = 0

    def members(self, stream: TarStream) -> Iterator[tuple[str, Member]]:
        """Each member with its checked name; the folder itself, which many programs pack too, is left out."""
        for member in stream.members():
            name = member.name.removeprefix("./").rstrip("/" if member.is_folder else "")
            if member.is_folder and name in {"", "."} and not member.name.startswith("/"):
                continue
            if problem := name_problem(name):
                raise Invalid(f"cannot use the archive: the name {escaped(member.name)} {problem}")
            self._add(name, member)
            yield name, member

    def summary(self) -> ArchiveSummary:
        """The sums, once all members have been seen. Raises Invalid when there was no file."""
        if not self._files:
            raise Invalid("cannot use the archive: there is no file in it")
        return ArchiveSummary(files=self._files, unpacked_bytes=self._bytes)

    def _add(self, name: str, member: Member) -> None:
        known = self._kinds.get(name)
        if known is not None and not (known == "implied" and member.is_folder):
            raise Invalid(f"cannot use the archive: {escaped(name)} is in it twice")
        self._kinds[name] = "folder" if member.is_folder else "file"
        parent = name.rpartition("/")[0]
        while parent:
            kind = self._kinds.setdefault(parent, "implied")
            if kind == "file":
                raise Invalid(f"cannot use the archive: {escaped(parent)} is a file and a folder at once")
            parent = parent.rpartition("/")[0]
        self._files += not member.is_folder
        self._bytes += member.size
        if len(self._kinds) > self._limits.files:
            raise TooLarge(f"cannot use the archive: it holds more than {self._limits.files:,} files and folders")
        if self._bytes > self._limits.unpacked_bytes:
            raise TooLarge(
                f"cannot use the archive: with {escaped(name)} it unpacks to more than "
                f"{self._limits.unpacked_bytes:,} bytes"
            )


def _write(path: Path, member: Member, stream: TarStream) -> None:
    if member.is_folder:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = 0o755 if member.is_executable else 0o644
    try:
        # Exclusive: two names that differ for us may be one for the disk (upper and lower case on macOS).
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise Invalid(f"cannot use the archive: this disk takes {escaped(member.name)} for another file") from None
    with os.fdopen(descriptor, "wb") as file:
        for piece in stream.data():
            file.write(piece)
