"""The archive of a backup, without a Turnout: what is written, and what is not believed."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import Row
from turnout.backups.archive import ArchiveWriter
from turnout.backups.contents import Entry
from turnout.backups.relocating import relocate
from turnout.backups.restoring import restore_backup
from turnout.backups.unpacking import unpack_backup
from turnout.domain.errors import Conflict, Invalid, NotFound

ABOUT = {"format": 1, "version": "0.1.0", "home": "/old", "has_store": False, "has_keys": False}


def written(folder: Path, *names: str, about: dict[str, Any] = ABOUT) -> bytes:
    """An archive of these things in a folder."""
    out = io.BytesIO()
    archive = ArchiveWriter(out)
    archive.about(about)
    for name in names:
        archive.add(Entry(name=name, path=folder / name))
    archive.close()
    return out.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one release."""
    release = tmp_path / "old" / "releases" / "abc"
    (release / "app").mkdir(parents=True)
    (release / "app" / "run").write_text("#!/bin/sh\n")
    (release / "app" / "run").chmod(0o755)
    (release / "app" / "notes").write_text("x" * 100_000)
    (release / "link").symlink_to("/usr/bin/env")
    return tmp_path / "old"


NAMES = ("releases/abc", "releases/abc/app", "releases/abc/app/run", "releases/abc/app/notes", "releases/abc/link")


def test_what_was_packed_is_there_again(home: Path, tmp_path: Path) -> None:
    """Contents, links and who may run what; nothing else."""
    new = tmp_path / "new"
    new.mkdir()
    about = unpack_backup(io.BytesIO(written(home, *NAMES)), new, name="it")
    assert about == ABOUT
    assert sorted(path.relative_to(new).as_posix() for path in new.rglob("*")) == sorted(("releases", *NAMES))
    assert (new / "releases/abc/app/notes").read_text() == "x" * 100_000
    assert (new / "releases/abc/app/run").stat().st_mode & 0o111
    assert (new / "releases/abc/link").readlink() == Path("/usr/bin/env")


def test_a_file_that_shrinks_or_vanishes_does_not_break_the_archive(home: Path, tmp_path: Path) -> None:
    """It keeps the size it had, or is left out."""
    shrinking = home / "releases/abc/app/notes"

    class Shrunk(type(shrinking)):  # type: ignore[misc]
        def open(self, *arguments: Any, **options: Any) -> Any:
            Path(self).write_text("short")
            return Path(self).open(*arguments, **options)

    out = io.BytesIO()
    archive = ArchiveWriter(out)
    archive.about(ABOUT)
    archive.add(Entry(name=NAMES[3], path=Shrunk(shrinking)))
    archive.add(Entry(name="releases/abc/gone", path=home / "releases/abc/gone"))
    archive.close()
    (tmp_path / "new").mkdir()
    unpack_backup(io.BytesIO(out.getvalue()), tmp_path / "new", name="it")
    assert (tmp_path / "new" / NAMES[3]).read_bytes() == b"short".ljust(100_000, b"\0")


def _member(name: str, **fields: Any) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        content = fields.pop("content", b"")
        info.size = len(content)
        for field, value in fields.items():
            setattr(info, field, value)
        tar.addfile(info, io.BytesIO(content))

    return add


HOSTILE = {
    "a path out of the home": [_member("releases/../../evil")],
    "an absolute path": [_member("/etc/evil")],
    "another place in the home": [_member("run/tokens.json", content=b"[]")],
    "a dot in the path": [_member("releases/./abc")],
    "a hard link": [_member("releases/a", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "a device": [_member("releases/a", type=tarfile.CHRTYPE)],
    "a pipe": [_member("releases/a", type=tarfile.FIFOTYPE)],
    "a name twice": [_member("releases/a"), _member("releases/a")],
    "a file behind a link": [
        _member("releases/a", type=tarfile.SYMTYPE, linkname="/tmp"),
        _member("releases/a/evil", content=b"x"),
    ],
    "a file that is a folder": [_member("releases/a", content=b"x"), _member("releases/a/b", content=b"x")],
    "a file without a checksum": [_member("releases/a", content=b"x")],
    "what it is, twice": [_member("backup.json", content=b"{}")],
}


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(what: str, tmp_path: Path) -> None:
    """In one sentence; neither the home nor anything beside it is there afterwards."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        _member("backup.json", content=json.dumps(ABOUT).encode())(tar)
        for add in HOSTILE[what]:
            add(tar)
        _member("checksums.json", content=b"{}")(tar)
    (tmp_path / "place").mkdir()
    (tmp_path / "file").write_bytes(gzip.compress(raw.getvalue()))
    with pytest.raises(Invalid, match=r"^cannot restore"):
        restore_backup(tmp_path / "file", tmp_path / "place" / "home")
    assert list((tmp_path / "place").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "place"]


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (ABOUT | {"format": 2, "version": "7.0"}, "made by Turnout 7.0, which is newer"),
        (ABOUT | {"format": None}, "no backup of Turnout"),
        (ABOUT | {"has_keys": True}, "does not hold what it says"),
    ],
)
def test_what_it_says_of_itself_is_checked(about: dict[str, Any], said: str, home: Path, tmp_path: Path) -> None:
    """A later version's is refused, before anything is unpacked."""
    (tmp_path / "file").write_bytes(written(home, *NAMES, about=about))
    with pytest.raises(Invalid, match=said):
        restore_backup(tmp_path / "file", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_store_and_one_of_a_later_version_are_refused(home: Path, tmp_path: Path) -> None:
    """Both are found before there is a home."""
    import sqlite3

    for number, content in enumerate(("damaged", "9999")):
        (home / "store.db").unlink(missing_ok=True)
        if content == "damaged":
            (home / "store.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
        else:
            with sqlite3.connect(home / "store.db") as connection:
                connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
                connection.execute("INSERT INTO alembic_version VALUES (?)", (content,))
            connection.close()
        file = tmp_path / f"file{number}"
        file.write_bytes(written(home, "store.db", about=ABOUT | {"has_store": True}))
        with pytest.raises(Invalid, match="the store in it cannot be read" if not number else "newer version"):
            restore_backup(file, tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_a_home_that_is_used_is_left_alone(home: Path, tmp_path: Path) -> None:
    """Nor is a file or a link taken for a folder; an empty folder will do."""
    (tmp_path / "file").write_bytes(written(home, *NAMES))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for used in (home, tmp_path / "file", tmp_path / "link"):
        with pytest.raises(Conflict, match="something is there already"):
            restore_backup(tmp_path / "file", used)
    with pytest.raises(NotFound, match="No such file"):
        restore_backup(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    assert restore_backup(tmp_path / "file", tmp_path / "empty").releases == 1


def test_scripts_of_a_release_name_their_new_place(tmp_path: Path) -> None:
    """In its virtual environment only; programs and links are left alone."""
    venv = tmp_path / "releases" / "abc" / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "serve").write_text("#!/old/home/releases/abc/.venv/bin/python\nimport app\n")
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    (venv / "bin" / "tool").write_bytes(b"\x7fELF\0/old/home/releases/abc")
    (venv / "pyvenv.cfg").write_text("command = python -m venv /old/home/releases/abc/.venv\n")
    assert relocate(tmp_path / "releases", old="/old/home", new="/new") == 1
    assert (venv / "bin" / "serve").read_text() == "#!/new/releases/abc/.venv/bin/python\nimport app\n"
    assert (venv / "bin" / "tool").read_bytes() == b"\x7fELF\0/old/home/releases/abc"
    assert (venv / "pyvenv.cfg").read_text() == "command = python -m venv /new/releases/abc/.venv\n"
