"""Archives that are none, that reach out of their folder, or that are larger than they look."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import Final

from turnout.domain.errors import Invalid, TooLarge, TurnoutError

MIB: Final = 1024 * 1024
FILES: Final = 100
"""What the limits of these cases allow: so many files and folders, and one MiB in all."""


def header(name: str = "app.py", size: int = 0, **fields: object) -> bytes:
    """One header block, with any field set to anything."""
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.USTAR_FORMAT if len(name) < 100 else tarfile.GNU_FORMAT, errors="surrogateescape")


def resummed(block: bytes) -> bytes:
    """A header whose checksum is right again."""
    total = sum(block[:148]) + 256 + sum(block[156:512])
    return block[:148] + b"%06o\0 " % total + block[156:]


def typed(kind: bytes, name: str = "app.py", *, link: str = "") -> bytes:
    return header(name, type=kind, linkname=link)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def pax(kind: bytes, *records: bytes) -> bytes:
    data = b"".join(records)
    return header("pax", len(data), type=kind) + padded(data)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body) + 2
    return f"{length + (len(str(length)) > 2)}".encode() + body


END = bytes(1024)
GOOD = header("good.py", 2) + padded(b"ok")
LONG = b"a/" * 600 + b"x"

HOSTILE: dict[str, tuple[bytes, type[TurnoutError], str]] = {
    "absolute path": (header("/etc/passwd") + END, Invalid, "'/etc/passwd'.*absolute"),
    "parent": (header("../evil") + END, Invalid, r"'\.\./evil'.*\.\."),
    "parent in the middle": (header("a/../../evil") + END, Invalid, r"\.\."),
    "parent at the end": (typed(b"5", "a/..") + END, Invalid, r"\.\."),
    "parent by pax": (pax(b"x", record("path", "../evil")) + header() + END, Invalid, r"'\.\./evil'"),
    "parent by prefix": (resummed(header("evil")[:345] + b"../.." + bytes(150) + bytes(12)) + END, Invalid, "evil"),
    "parent by GNU name": (header("n", 8, type=b"L") + padded(b"../evil\0") + header() + END, Invalid, "evil"),
    "dot in the middle": (header("a/./b") + END, Invalid, "empty part"),
    "empty part": (header("a//b") + END, Invalid, "empty part"),
    "empty name": (resummed(bytes(100) + header()[100:]) + END, Invalid, "is empty"),
    "symbolic link": (typed(b"2", link="/etc") + END, Invalid, "'app.py' is a symbolic link"),
    "symbolic link, then through it": (
        typed(b"2", "d", link="/tmp") + header("d/x") + END,
        Invalid,
        "'d' is a symbolic link",
    ),
    "hard link": (GOOD + typed(b"1", link="good.py") + END, Invalid, "hard link"),
    "long link": (header("n", 8, type=b"K") + padded(b"../evil\0") + header() + END, Invalid, "a link"),
    "character device": (typed(b"3") + END, Invalid, "device"),
    "block device": (typed(b"4") + END, Invalid, "device"),
    "pipe": (typed(b"6") + END, Invalid, "pipe"),
    "GNU sparse file": (typed(b"S") + END, Invalid, "sparse"),
    "pax sparse file": (pax(b"x", record("GNU.sparse.major", "1")) + header() + END, Invalid, "sparse"),
    "unknown kind": (typed(b"Z") + END, Invalid, "unknown kind"),
    "same name twice": (GOOD + GOOD + END, Invalid, "'good.py' is in it twice"),
    "same name in other words": (GOOD + header("./good.py") + END, Invalid, "twice"),
    "file, then a folder of it": (GOOD + header("good.py/x") + END, Invalid, "a file and a folder"),
    "folder, then a file of it": (header("a/x") + header("a") + END, Invalid, "'a' is in it twice"),
    "backslash": (header("..\\evil") + END, Invalid, "backslash"),
    "control character": (header("a\x1b[2Jb") + END, Invalid, r"'a\\x1b\[2Jb'.*control"),
    "new line": (header("a\nb") + END, Invalid, "control"),
    "not UTF-8": (header("a\udcffb") + END, Invalid, "UTF-8"),
    "NUL in a pax name": (pax(b"x", record("path", "a\0b")) + header() + END, Invalid, "control"),
    "long path": (header("n", len(LONG), type=b"L") + padded(LONG) + header() + END, Invalid, "longer"),
    "long part": (pax(b"x", record("path", "x" * 300)) + header() + END, Invalid, "longer"),
    "deep": (pax(b"x", record("path", "a/" * 150 + "b")) + header() + END, Invalid, "nested"),
    "folder with data": (header("d", 512, type=b"5") + bytes(512) + END, Invalid, "claims to have a size"),
    "too many files": (b"".join(header(f"f{n}") for n in range(101)) + END, TooLarge, "more than 100"),
    "too many folders": (header("a/" * 40 + "b") + header("c/" * 70 + "d") + END, TooLarge, "more than 100"),
    "claims too much": (header("big", MIB + 1) + END, TooLarge, "'big' claims"),
    "claims too much by pax": (
        pax(b"x", record("size", str(10**18))) + header("big") + END,
        TooLarge,
        "'big' claims",
    ),
    "claims too much in base 256": (
        resummed(header("big")[:124] + b"\x80" + b"\xff" * 11 + header("big")[136:]) + END,
        TooLarge,
        "claims",
    ),
    "negative size": (
        resummed(header("big")[:124] + b"\xff" * 12 + header("big")[136:]) + END,
        Invalid,
        "no number",
    ),
    "negative size by pax": (pax(b"x", record("size", "-1")) + header("big") + END, Invalid, "no number"),
    "bomb of one file": (header("a", MIB) + bytes(MIB) + header("b", 1) + padded(b"x") + END, TooLarge, "'b'"),
    "bomb behind the end": (GOOD + END + bytes(8 * MIB), TooLarge, "more than"),
    "bomb of headers": (b"".join(pax(b"g", record("comment", "x")) for _ in range(9)) + END, Invalid, "headers"),
    "huge pax header": (header("p", 200_000, type=b"x") + bytes(200_000) + END, Invalid, "too large"),
    "pax record of length 0": (pax(b"x", b"0 path=x\n") + header() + END, Invalid, "damaged"),
    "pax record beyond its end": (pax(b"x", b"99 path=x\n") + header() + END, Invalid, "damaged"),
    "pax record of digits": (pax(b"x", b"1" * 60_000) + header() + END, Invalid, "damaged|no number"),
    "global name": (pax(b"g", record("path", "evil")) + GOOD + END, Invalid, "several files"),
    "header without a file": (pax(b"x", record("path", "x")) + END, Invalid, "no file"),
    "wrong checksum": (b"x" + header()[1:] + END, Invalid, "damaged"),
    "damage in the middle": (GOOD + b"x" + header()[1:] + END, Invalid, "damaged"),
    "second archive behind the end": (GOOD + END + header("../evil") + END, Invalid, "behind its end"),
    "cut in a file": (header("a", 5000) + bytes(100), Invalid, "ends too early"),
    "cut in a header": (GOOD + header()[:100], Invalid, "ends too early"),
    "without an end": (GOOD, Invalid, "ends too early"),
    "nothing in it": (END, Invalid, "no file"),
    "folders only": (typed(b"5", "a") + END, Invalid, "no file"),
}


def with_pax(key: str, value: str) -> bytes:
    """A good file behind a pax header with one record."""
    return pax(b"x", record(key, value)) + header("a", 1) + padded(b"x") + END


HOSTILE |= {
    "absolute by pax": (with_pax("path", "/etc/passwd"), Invalid, "absolute"),
    "absolute by two slashes": (header("//etc/passwd") + END, Invalid, "absolute"),
    "parent behind a dot": (header("./../evil") + END, Invalid, r"\.\."),
    "parent of a folder": (typed(b"5", "../evil/") + END, Invalid, r"\.\."),
    "device of Windows": (header("C:\\evil") + END, Invalid, "backslash"),
    "link by pax": (pax(b"x", record("linkpath", "/etc")) + typed(b"2") + END, Invalid, "symbolic link"),
    "hard link out": (typed(b"1", link="/etc/passwd") + END, Invalid, "hard link"),
    "hard link to nothing": (typed(b"1", link="missing") + END, Invalid, "hard link"),
    "link to itself": (typed(b"2", link="app.py") + END, Invalid, "symbolic link"),
    "folder of a dump": (typed(b"D", "a") + END, Invalid, "unknown kind"),
    "part of another volume": (typed(b"M", "a") + END, Invalid, "unknown kind"),
    "name of a volume": (typed(b"V", "a") + END, Invalid, "unknown kind"),
    "rename of old GNU": (typed(b"N", "a") + END, Invalid, "unknown kind"),
    "access list of Solaris": (typed(b"A", "a") + END, Invalid, "unknown kind"),
    "header of Solaris": (typed(b"X", "a") + END, Invalid, "unknown kind"),
    "kind of no letter": (typed(b"\xff", "a") + END, Invalid, "unknown kind"),
    "sparse by pax 0.0": (with_pax("GNU.sparse.size", "1"), Invalid, "sparse"),
    "sparse by pax 0.1": (with_pax("GNU.sparse.map", "0,1"), Invalid, "sparse"),
    "sparse name by pax 1.0": (with_pax("GNU.sparse.name", "../evil"), Invalid, "sparse"),
    "pax size that is no number": (with_pax("size", "1e3"), Invalid, "no number"),
    "pax size of other digits": (with_pax("size", "\u0661"), Invalid, "no number"),
    "pax size of a folder": (pax(b"x", record("size", "9")) + typed(b"5", "a") + END, Invalid, "claims to have a size"),
    "pax path of nothing": (pax(b"x", b"8 path=\n") + header() + END, Invalid, "is empty"),
    "global size": (pax(b"g", record("size", "1")) + GOOD + END, Invalid, "several files"),
    "long name of nothing": (header("n", 0, type=b"L") + header() + END, Invalid, "is empty"),
    "long name without an end": (header("n", 700, type=b"L") + padded(b"a" * 700) + header() + END, Invalid, "longer"),
    "huge long name": (header("n", MIB, type=b"L") + bytes(MIB) + header() + END, Invalid, "too large"),
    "long names in a row": (header("n", 2, type=b"L") + padded(b"a\0"), Invalid, "ends too early"),
    "checksum of nothing": (bytes(148) + b"        " + b"x" + bytes(355) + END, Invalid, "damaged"),
    "size in letters": (resummed(header()[:124] + b"0000000000z\0" + header()[136:]) + END, Invalid, "no number"),
    "mode in letters": (resummed(header()[:100] + b"zzzzzzz\0" + header()[108:]) + END, Invalid, "no number"),
    "the same folder as a file": (typed(b"5", "a") + header("a") + END, Invalid, "twice"),
    "delete character": (header("a\x7fb") + END, Invalid, "control"),
    "second control set": (with_pax("path", "a\x9bb"), Invalid, "control"),
    "carriage return": (header("a\rb") + END, Invalid, "control"),
    "tab": (header("a\tb") + END, Invalid, "control"),
    "slash at the end of a file": (header("a/", 1) + padded(b"x") + END, Invalid, "claims to have a size"),
    "half a block": (GOOD + END + b"x", Invalid, "behind its end"),
    "another gzip behind it": (GOOD + END + header("../evil")[:512], Invalid, "behind its end"),
}


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../evil", "x")
    return buffer.getvalue()


def bomb(mib: int) -> bytes:
    """So many MiB of zeros in one file, packed as small as gzip can."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=9) as file:
        file.write(header("zeros", mib * MIB))
        for _ in range(mib):
            file.write(bytes(MIB))
        file.write(END)
    return buffer.getvalue()


RAW: Final[dict[str, bytes]] = {
    "nothing": b"",
    "text": b"hello",
    "two bytes of gzip": b"\x1f\x8b",
    "a header of gzip": gzip.compress(b"")[:10],
    "gzip of nothing": gzip.compress(b""),
    "gzip of no tar": gzip.compress(b"not a tar" * 100),
    "cut": gzip.compress(GOOD + END)[:-5],
    "wrong sum": gzip.compress(GOOD + END)[:-8] + bytes(8),
    "wrong length": gzip.compress(GOOD + END)[:-4] + b"\1\2\3\4",
    "rubbish behind": gzip.compress(GOOD + END) + b"trailing",
    "another archive behind": gzip.compress(GOOD + END) + gzip.compress(header("../evil") + END),
    "a name without an end": b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 100_000,
    "another method": b"\x1f\x8b\x07" + gzip.compress(GOOD + END)[3:],
    "a damaged stream": gzip.compress(GOOD + END)[:10] + b"\xff" * 64,
    "gzip in gzip": gzip.compress(gzip.compress(GOOD + END)),
    "plain tar": GOOD + END,
    "zip": _zip(),
    "bzip2": bz2.compress(GOOD + END),
    "xz": lzma.compress(GOOD + END),
    "a bomb of 64 MiB": bomb(64),
    "a page": b"<!DOCTYPE html><title>Login</title>",
}
"""Uploads that are no whole tar.gz, or one of them and something else."""
