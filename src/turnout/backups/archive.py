"""The archive that a backup is: a compressed tar that begins with what it is and ends with the checksums of all."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from turnout.backups.contents import ABOUT, CHECKSUMS, Entry

_CHUNK: Final = 1024 * 1024


class ArchiveWriter:
    """Writes entries one after another, to a file or into a pipe."""

    def __init__(self, out: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w|gz", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # see `close`
        self._checksums: dict[str, str] = {}

    def about(self, document: Mapping[str, Any]) -> None:
        """The first entry."""
        self._add_bytes(ABOUT, _json(document))

    def add(self, entry: Entry) -> None:
        """A file, a folder or a link, as it is now. One that has vanished is left out.

        A file that changes while it is read keeps the size it had at first.
        """
        try:
            status = entry.path.lstat()
            info = tarfile.TarInfo(entry.name)
            info.mode, info.mtime = stat.S_IMODE(status.st_mode) & 0o755, int(status.st_mtime)
            if stat.S_ISLNK(status.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, str(entry.path.readlink())
                self._checksums[entry.name] = link_checksum(info.linkname)
                self._tar.addfile(info)
            elif stat.S_ISDIR(status.st_mode):
                info.type = tarfile.DIRTYPE
                self._tar.addfile(info)
            else:
                with entry.path.open("rb") as file:
                    info.size = status.st_size
                    source = _Steady(file, info.size)
                    self._tar.addfile(info, source)
                self._checksums[entry.name] = source.digest.hexdigest()
        except FileNotFoundError:
            return

    def close(self) -> int:
        """Write the checksums and the end; returns how many entries have one."""
        number = len(self._checksums)
        self._add_bytes(CHECKSUMS, _json(self._checksums))
        self._tar.close()
        return number

    def _add_bytes(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._checksums[name] = hashlib.sha256(content).hexdigest()
        self._tar.addfile(info, io.BytesIO(content))


class _Steady(io.RawIOBase):
    """Reads exactly so many bytes, zeros for those that a file has lost meanwhile, and hashes them."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._file.read(wanted).ljust(wanted, b"\0")
        self._left -= wanted
        self.digest.update(piece)
        return piece


def link_checksum(target: str) -> str:
    """What stands for a link: where it leads."""
    return hashlib.sha256(b"link\0" + target.encode(errors="surrogateescape")).hexdigest()


def copy_hashed(source: IO[bytes], destination: IO[bytes]) -> str:
    """Copy to the end; returns the SHA-256."""
    digest = hashlib.sha256()
    while piece := source.read(_CHUNK):
        digest.update(piece)
        destination.write(piece)
    return digest.hexdigest()


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode()


def archive_name(path: Path) -> str:
    """How an archive is named in a sentence."""
    return "the archive on standard input" if str(path) == "-" else str(path)
