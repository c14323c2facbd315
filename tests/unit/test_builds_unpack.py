"""Hostile archives: each is refused with a sentence that names the member, and leaves nothing on the disk."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.builds.names import ArchiveLimits
from turnout.builds.unpack import unpack, verify_archive
from turnout.domain.errors import Invalid, TooLarge, TurnoutError

MIB = 1024 * 1024
LIMITS = ArchiveLimits(unpacked_bytes=MIB, files=100)


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


def verified(archive: Path, _: Path) -> object:
    return verify_archive(archive, LIMITS)


def unpacked(archive: Path, destination: Path) -> object:
    return unpack(archive, destination, LIMITS)


@pytest.mark.parametrize("use", [verified, unpacked])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive(tmp_path: Path, name: str, use: Callable[[Path, Path], object]) -> None:
    """Refused, with a sentence that can be printed; both ways of reading agree; nothing is written."""
    data, error, sentence = HOSTILE[name]
    archive = tmp_path / "in" / "a.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(gzip.compress(data))
    with pytest.raises(error, match=sentence) as caught:
        use(archive, tmp_path / "in" / "out")
    assert caught.value.detail.isprintable()
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.tar.gz"]


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"\x1f\x8b", gzip.compress(GOOD + END)[:-5], gzip.compress(GOOD + END)[:-8] + bytes(8),
     gzip.compress(b"not a tar" * 100), gzip.compress(GOOD + END) + b"trailing"],
    ids=["empty", "text", "magic only", "cut", "wrong sum", "no tar", "rubbish behind"],
)  # fmt: skip
def test_not_an_archive(tmp_path: Path, data: bytes) -> None:
    """What is no whole tar.gz is refused the same plain way."""
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(Invalid, match="archive"):
        verify_archive(tmp_path / "a", LIMITS)


def test_bomb_is_stopped_early(tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte is given up after what is allowed, not after a gigabyte."""
    with gzip.open(tmp_path / "a", "wb", compresslevel=1) as file:
        file.write(GOOD + END)
        for _ in range(256):
            file.write(bytes(MIB))
    with pytest.raises(TooLarge, match="more than 1,048,576 bytes"):
        unpack(tmp_path / "a", tmp_path / "out", LIMITS)


def test_special_bits_are_dropped(tmp_path: Path) -> None:
    """No setuid, setgid or sticky bit, and nobody else may write."""
    data = header("run", mode=0o7777) + header("read", mode=0o066) + header("d", type=b"5", mode=0o1777) + END
    (tmp_path / "a").write_bytes(gzip.compress(data))
    unpack(tmp_path / "a", tmp_path / "out", LIMITS)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (tmp_path / "out").iterdir()}
    assert modes == {"run": 0o755, "read": 0o644, "d": 0o755}


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_other_programs(tmp_path: Path, format_: int) -> None:
    """What the usual programs write is read: `./` in front, long names, accents, global comments."""
    names = ["./app.py", "./d/" + "n" * 90 + ".txt", "./d/e/x"]
    if format_ != tarfile.USTAR_FORMAT:
        names += ["./ü.txt", "./" + "long/" * 40 + "x"]
    buffer = io.BytesIO()
    headers = {"comment": "0123"} if format_ == tarfile.PAX_FORMAT else None
    with tarfile.open(fileobj=buffer, mode="w:gz", format=format_, pax_headers=headers) as archive:
        root = tarfile.TarInfo("./")
        root.type = tarfile.DIRTYPE
        archive.addfile(root)
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 700, 1.5
            archive.addfile(info, io.BytesIO(b"x" * 700))
    (tmp_path / "a").write_bytes(buffer.getvalue())
    summary = unpack(tmp_path / "a", tmp_path / "out", LIMITS)
    assert summary == verify_archive(tmp_path / "a", LIMITS)
    assert summary.files == len(names)
    assert all((tmp_path / "out" / name).stat().st_size == 700 for name in names)
