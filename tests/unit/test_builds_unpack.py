"""Hostile archives: each is refused with a sentence that names the member, and leaves nothing on the disk."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.hostile.archives import END, FILES, GOOD, HOSTILE, MIB, RAW, header
from tests.faults.rows import Row
from turnout.builds.names import ArchiveLimits
from turnout.builds.unpack import unpack, verify_archive
from turnout.domain.errors import Invalid, TooLarge

pytestmark = pytest.mark.fault(Row.HOSTILE)

LIMITS = ArchiveLimits(unpacked_bytes=MIB, files=FILES)


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


@pytest.mark.parametrize("kind", RAW)
def test_not_an_archive(tmp_path: Path, kind: str) -> None:
    """What is no whole tar.gz is refused the same plain way."""
    (tmp_path / "a").write_bytes(RAW[kind])
    with pytest.raises((Invalid, TooLarge), match="archive"):
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
