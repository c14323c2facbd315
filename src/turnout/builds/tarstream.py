"""A strict reader of untrusted tar.gz streams: files and folders, and nothing else.

Not the standard library's: several releases of Python that we promise to run on can be kept busy for hours
or sent in circles by a crafted header, and all of them skip what they do not understand. This one only ever
reads forward, holds no more than one header and one block of data, and refuses what it does not know.
The formats are ustar, pax (POSIX.1-2001: `path` and `size`) and GNU long names.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.builds.names import ArchiveLimits, escaped
from turnout.domain.errors import Invalid, TooLarge

_BLOCK: Final = 512
_CHUNK: Final = 64 * 1024
_MAX_EXTENSION: Final = 64 * 1024
"""Largest pax header or long name: a name needs a thousandth of it."""
_MAX_EXTENSIONS_IN_A_ROW: Final = 4
_OVERHEAD: Final = 4 * _BLOCK
"""Bytes that a file may take in the stream besides its data: headers and padding."""

_FILE: Final = frozenset({b"0", b"\0", b"7"})
_FOLDER: Final = b"5"
_PAX: Final = b"x"
_PAX_GLOBAL: Final = b"g"
_LONG_NAME: Final = b"L"
_REFUSED: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"K": "a link",
    b"S": "a sparse file",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder of an archive, as its header has it. The name is not checked yet."""

    name: str
    size: int
    is_folder: bool
    is_executable: bool


class TarStream:
    """The members of one tar.gz, in order. Every error is Invalid or TooLarge, with a sentence."""

    def __init__(self, source: gzip.GzipFile, limits: ArchiveLimits) -> None:
        self._source = source
        self._left = limits.unpacked_bytes + _OVERHEAD * limits.files
        self._limits = limits
        self._unread = 0
        self._padding = 0

    def members(self) -> Iterator[Member]:
        """Each member in turn; what was not read of the one before is skipped."""
        while True:
            for _ in self.data():
                pass
            member = self._next_member()
            if member is None:
                self._check_end()
                return
            yield member

    def data(self) -> Iterator[bytes]:
        """What is left of the current member's data, in small pieces."""
        while self._unread:
            piece = self._read(min(self._unread, _CHUNK))
            self._unread -= len(piece)
            yield piece
        if self._padding:
            self._read(self._padding)
            self._padding = 0

    def _next_member(self) -> Member | None:
        name: str | None = None
        size: int | None = None
        for _ in range(_MAX_EXTENSIONS_IN_A_ROW + 1):
            header = self._read(_BLOCK)
            if header == bytes(_BLOCK):
                return None
            _check_sum(header)
            kind = header[156:157]
            if kind not in {_PAX, _PAX_GLOBAL, _LONG_NAME}:
                return self._member(header, kind, name, size)
            extension = self._extension(_number(header[124:136], "size"))
            if kind == _LONG_NAME:
                name = _text(extension.rstrip(b"\0"))
            else:
                fields = _pax_fields(extension)
                if kind == _PAX_GLOBAL and fields:
                    raise Invalid("cannot use the archive: it sets the name or size of several files at once")
                name = fields.get("path", name)
                size = _digits(fields["size"]) if "size" in fields else size
        raise Invalid("cannot read the archive: too many headers without a file")

    def _member(self, header: bytes, kind: bytes, name: str | None, size: int | None) -> Member:
        name = _header_name(header) if name is None else name
        if kind in _REFUSED:
            raise Invalid(
                f"cannot use the archive: {escaped(name)} is {_REFUSED[kind]}, and only files and folders may be in it"
            )
        if kind not in _FILE and kind != _FOLDER:
            raise Invalid(f"cannot use the archive: {escaped(name)} is of the unknown kind {kind!r}")
        is_folder = kind == _FOLDER or name.endswith("/")
        size = _number(header[124:136], "size") if size is None else size
        if is_folder and size:
            raise Invalid(f"cannot use the archive: the folder {escaped(name)} claims to have a size")
        if size > self._limits.unpacked_bytes:
            raise TooLarge(
                f"cannot use the archive: {escaped(name)} claims {size:,} bytes, and "
                f"{self._limits.unpacked_bytes:,} are allowed for all files together"
            )
        self._unread, self._padding = size, -size % _BLOCK
        executable = bool(_number(header[100:108], "mode") & 0o100)
        return Member(name, size, is_folder=is_folder, is_executable=executable)

    def _extension(self, size: int) -> bytes:
        if size > _MAX_EXTENSION:
            raise Invalid(f"cannot read the archive: a header of {size:,} bytes is too large")
        data = self._read(size)
        self._read(-size % _BLOCK)
        return data

    def _check_end(self) -> None:
        """After the last member nothing but zeros may follow: no second archive that another program finds."""
        while piece := self._read(_CHUNK, at_end=True):
            if piece.strip(b"\0"):
                raise Invalid("cannot use the archive: there is more data behind its end")

    def _read(self, size: int, *, at_end: bool = False) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing and (part := self._source.read(missing)):
            parts.append(part)
            missing -= len(part)
        if missing and not at_end:
            raise Invalid("cannot read the archive: it ends too early; upload it again")
        self._left -= size - missing
        if self._left < 0:
            raise TooLarge(f"cannot use the archive: it unpacks to more than {self._limits.unpacked_bytes:,} bytes")
        return b"".join(parts)


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits) -> Iterator[TarStream]:
    """Open a tar.gz for reading. Raises Invalid when it is not one."""
    try:
        with gzip.open(path, "rb") as source:
            yield TarStream(source, limits)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Invalid(f"cannot read the archive: it is not a whole tar.gz ({error})") from None


def _check_sum(header: bytes) -> None:
    expected = sum(header[:148]) + 8 * 32 + sum(header[156:])
    if _number(header[148:156], "checksum") != expected:
        raise Invalid("cannot read the archive: a header is damaged, or this is no tar.gz")


def _number(field: bytes, what: str) -> int:
    """Octal digits; or base 256, of which the first bit is set and the second, the sign, is not."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not all(0x30 <= digit <= 0x37 for digit in digits):
        raise Invalid(f"cannot read the archive: the {what} in a header is no number")
    return int(digits or b"0", 8)


def _header_name(header: bytes) -> str:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _pax_fields(data: bytes) -> dict[str, str]:
    """The fields that say something about name, size or kind; times, owners and the like are left out.

    A record is `<length> <key>=<value>\\n`, where the length counts the whole record.
    """
    fields: dict[str, str] = {}
    while data:
        digits, space, _ = data[:8].partition(b" ")
        length = _digits(_text(digits)) if space else 0
        record = data[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if not equals or not record.endswith(b"\n") or length > len(data):
            raise Invalid("cannot read the archive: an extended header is damaged")
        if key.startswith(b"GNU.sparse"):
            raise Invalid("cannot use the archive: there is a sparse file in it")
        if key in {b"path", b"size"}:
            fields[key.decode()] = _text(value[:-1])
        data = data[length:]
    return fields


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid("cannot read the archive: the size in an extended header is no number")
    return int(text)


def _text(name: bytes) -> str:
    """Bytes that are not UTF-8 stay visible as surrogates, which no name may contain."""
    return name.decode("utf-8", errors="surrogateescape")
