"""Packing: the same folder gives the same archive, and only what is source is in it."""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pytest

from tests.faults.rows import Row
from turnout.builds.names import ArchiveLimits
from turnout.builds.pack import pack_folder, source_files
from turnout.builds.unpack import unpack
from turnout.domain.errors import Invalid, TooLarge


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "app"
    path.mkdir()
    return path


def pack(folder: Path, *, limit_mib: int = 10) -> tuple[str, list[str]]:
    destination = folder.parent / "packed.tar.gz"
    packed = pack_folder(folder, destination, limit_mib=limit_mib)
    with tarfile.open(destination) as archive:
        return packed.sha256, [member.name for member in archive if member.isfile()]


def test_same_files_same_archive(tmp_path: Path) -> None:
    """Neither time, nor owner, nor the order of creation, nor the folder's own name changes a byte."""
    one = write(tmp_path / "one", {"b.py": "2", "a/x.py": "1", "a.txt": "3"})
    two = write(tmp_path / "two" / "deeper", {"a.txt": "3", "a/x.py": "1", "b.py": "2"})
    (two / "b.py").chmod(0o600)
    os.utime(two / "b.py", (1, 1))

    first = pack_folder(one, tmp_path / "1.tar.gz", limit_mib=1)
    second = pack_folder(two, tmp_path / "2.tar.gz", limit_mib=1)

    assert first == second
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()
    assert first.size_bytes == (tmp_path / "1.tar.gz").stat().st_size
    assert first.files == 3


@pytest.mark.parametrize("change", ["content", "name", "may be run"])
def test_other_files_other_archive(folder: Path, change: str) -> None:
    """Whatever a build could notice changes the archive's name."""
    write(folder, {"run.sh": "echo 1"})
    before, _ = pack(folder)
    if change == "content":
        (folder / "run.sh").write_text("echo 2")
    elif change == "name":
        (folder / "run.sh").rename(folder / "go.sh")
    else:
        (folder / "run.sh").chmod(0o755)
    assert pack(folder)[0] != before


def test_what_is_packed_can_be_unpacked(folder: Path, tmp_path: Path) -> None:
    """Names, contents, empty folders and the right to be run survive the way."""
    long_name = "ü" * 60 + "/" + "x" * 120 + ".txt"
    write(folder, {long_name: "long", "bin/run": "#!/bin/sh", "leer.txt": ""})
    (folder / "bin/run").chmod(0o700)
    (folder / "empty").mkdir()

    pack_folder(folder, tmp_path / "a.tar.gz", limit_mib=1)
    unpack(tmp_path / "a.tar.gz", tmp_path / "out", ArchiveLimits(unpacked_bytes=10_000))

    assert (tmp_path / "out" / long_name).read_text() == "long"
    assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/leer.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/empty").is_dir()


def test_gitignore(folder: Path) -> None:
    """Nested files, negation, anchors and folders mean what they mean to Git."""
    write(
        folder,
        {
            ".gitignore": "*.log\n!keep.log\n/secret\nout/\n",
            "a.log": "",
            "keep.log": "",
            "secret": "",
            "out/x": "",
            "sub/.gitignore": "!a.log\n*.tmp\n",
            "sub/a.log": "",
            "sub/secret": "",
            "sub/b.tmp": "",
            "b.tmp": "",
        },
    )
    assert pack(folder)[1] == [".gitignore", "b.tmp", "keep.log", "sub/.gitignore", "sub/a.log", "sub/secret"]


def test_turnoutignore_wins_over_gitignore(folder: Path) -> None:
    """What Git does not keep can still be deployed, and the other way round."""
    write(
        folder, {".gitignore": "dist/\n", ".turnoutignore": "!dist/\n.*ignore\ntests/\n", "dist/a": "", "tests/b": ""}
    )
    assert pack(folder)[1] == ["dist/a"]


def test_left_out_by_default(folder: Path) -> None:
    """What a build makes again, and what is secret, stays at home without being asked to."""
    for name in (".git/config", ".venv/x", "node_modules/y", "a/__pycache__/z.pyc", "q.pyc", ".turnout/db", ".env"):
        write(folder, {name: ""})
    write(folder, {"app.py": ""})
    assert pack(folder)[1] == ["app.py"]
    write(folder, {".turnoutignore": "!node_modules/\n!.env\n!.git\n.turnoutignore\n"})
    assert pack(folder)[1] == [".env", "app.py", "node_modules/y"]


def test_the_repository_above_counts(tmp_path: Path) -> None:
    """In a repository of several apps the ignore file at its top holds for each of them."""
    (tmp_path / ".git").mkdir()
    write(tmp_path, {".gitignore": "*.log\n/apps/one/local\ndist/\n", "apps/one/app.py": "", "apps/one/a.log": ""})
    write(tmp_path, {"apps/one/local": "", "apps/one/dist/index.html": ""})
    assert source_files(tmp_path / "apps/one") == ("app.py",)
    assert source_files(tmp_path / "apps/one/dist") == ("index.html",), "asked for by name, though ignored"


def test_the_archive_itself_is_not_packed(folder: Path) -> None:
    """Packing into the folder that is packed, twice, gives the same archive twice."""
    write(folder, {"app.py": ""})
    one = pack_folder(folder, folder / "a.tar.gz", limit_mib=1)
    assert pack_folder(folder, folder / "a.tar.gz", limit_mib=1) == one


def test_link_to_a_file_of_the_source_is_packed_as_a_copy(folder: Path) -> None:
    """A link inside of the source keeps its meaning without being a link."""
    write(folder, {"docs/readme.md": "text"})
    (folder / "README.md").symlink_to("docs/readme.md")
    assert pack(folder)[1] == ["README.md", "docs/readme.md"]


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "missing", "sub", "self", ".env"])
def test_other_links_are_refused_by_name(folder: Path, target: str) -> None:
    """Outwards, nowhere, to a folder, in a circle, or to a file that is left out: never packed silently."""
    write(folder, {"app.py": "", "sub/x": "", ".env": "SECRET=1"})
    (folder.parent / "outside").write_text("private")
    (folder / "self").symlink_to(target)
    with pytest.raises(Invalid, match=r"'self': it is a link.*turnoutignore"):
        pack(folder)
    assert not list(folder.parent.glob("packed*"))


@pytest.mark.fault(Row.HOSTILE)
def test_sockets_and_pipes_are_refused_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither can be packed, and opening a pipe would wait for ever."""
    write(folder, {"app.py": ""})
    os.mkfifo(folder / "pipe")
    with pytest.raises(Invalid, match="'pipe': it is a socket, a pipe or a device"):
        pack(folder)
    (folder / "pipe").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        with pytest.raises(Invalid, match="'sock'"):
            pack(folder)


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\x1b[2Jb", os.fsdecode(b"\xff")])
def test_names_that_would_be_refused_are_refused_here(folder: Path, name: str) -> None:
    """A person learns at home what the server would say, and the name cannot deceive the terminal."""
    try:
        (folder / name).write_text("")
    except OSError:
        pytest.skip("this disk does not take the name")
    with pytest.raises(Invalid) as caught:
        pack(folder)
    assert caught.value.detail.isprintable()


def test_empty_and_missing_folders(folder: Path, tmp_path: Path) -> None:
    """Nothing to pack is an error that says so."""
    (folder / "sub").mkdir()
    with pytest.raises(Invalid, match="no file in it that is not ignored"):
        pack(folder)
    with pytest.raises(Invalid, match="no such folder"):
        pack_folder(tmp_path / "nowhere", tmp_path / "a", limit_mib=1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(folder: Path) -> None:
    """A file that may not be read is named."""
    write(folder, {"private.key": ""})
    (folder / "private.key").chmod(0)
    with pytest.raises(Invalid, match=r"cannot read 'private.key'"):
        pack(folder)


def test_too_large(folder: Path) -> None:
    """The refusal says what takes the room, and leaves nothing behind."""
    write(folder, {"app.py": "", "small/x": "x"})
    (folder / "data.bin").write_bytes(os.urandom(2 * 1024 * 1024))
    with pytest.raises(TooLarge, match=r"more than 1 MiB.*data\.bin \(2\.0 MiB\)"):
        pack(folder, limit_mib=1)
    assert not list(folder.parent.glob("packed*"))
