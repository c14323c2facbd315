"""Uploaded sources on disk, each under the SHA-256 of its archive. What is in here has been verified."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from turnout.builds.disk import disk_errors
from turnout.builds.names import ArchiveLimits
from turnout.builds.unpack import verify_archive
from turnout.domain.errors import Invalid, NotFound, TooLarge

_MIB: Final = 1024 * 1024
_ABANDONED_SECONDS: Final = 3600.0
_FOLDER: Final = "sources"
_ID: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSource:
    """A source that can be built."""

    source_id: str
    """SHA-256 of the archive."""
    size_bytes: int


class SourceStore:
    """`<home>/sources/<sha256>.tar.gz`. Saving the same archive twice, even at once, is saving it once."""

    def __init__(self, home: Path, *, upload_mib: int, unpacked_mib: int) -> None:
        self._home = home
        self._folder = home / _FOLDER
        self._upload_mib = upload_mib
        self._limits = ArchiveLimits(unpacked_bytes=unpacked_mib * _MIB)

    async def save(self, chunks: AsyncIterable[bytes], *, expected_id: str | None = None) -> StoredSource:
        """Store an upload once it has arrived whole and has been verified; nothing of it stays otherwise.

        Raises TooLarge, Invalid (not a usable archive, or not the one that `expected_id` names), Unavailable
        when the disk is full.
        """
        part = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            with disk_errors("store the upload"):
                await asyncio.to_thread(self._prepare)
                with part.open("wb") as file:
                    source = await self._receive(chunks, file)
                if expected_id is not None and expected_id != source.source_id:
                    raise Invalid(
                        f"cannot store the upload: its SHA-256 is {source.source_id}, not {expected_id}; "
                        "it was damaged on the way, upload it again"
                    )
                await asyncio.to_thread(verify_archive, part, self._limits)
                part.replace(_file(self._home, source.source_id))
        finally:
            part.unlink(missing_ok=True)
        return source

    def path(self, source_id: str) -> Path:
        """The archive of a source. Raises NotFound."""
        return stored_source(self._home, source_id)

    async def _receive(self, chunks: AsyncIterable[bytes], file: BinaryIO) -> StoredSource:
        digest, size = hashlib.sha256(), 0
        async for chunk in chunks:
            size += len(chunk)
            if size > self._upload_mib * _MIB:
                raise TooLarge(
                    f"cannot store the upload: it is larger than {self._upload_mib} MiB; leave out what the app "
                    "does not need, or raise TURNOUT_API_UPLOAD_MIB"
                )
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(_flush, file)
        return StoredSource(source_id=digest.hexdigest(), size_bytes=size)

    def _prepare(self) -> None:
        """Make the folder, and clear it of uploads that a crash has cut off."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        oldest = time.time() - _ABANDONED_SECONDS
        for part in self._folder.glob(".*.part"):
            try:
                if part.stat().st_mtime < oldest:
                    part.unlink()
            except FileNotFoundError:  # another upload has just ended
                continue


def stored_source(home: Path, source_id: str) -> Path:
    """The archive of a source that was saved in this home. Raises NotFound."""
    if not _ID.fullmatch(source_id) or not (file := _file(home, source_id)).is_file():
        raise NotFound(f"there is no source {source_id[:80]!r}; upload it again")
    return file


def _file(home: Path, source_id: str) -> Path:
    return home / _FOLDER / f"{source_id}.tar.gz"


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
