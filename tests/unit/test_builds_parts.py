"""The small parts of a build: what is run, what it sees, what is kept of its output, and where uploads go."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import io
import os
import re
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from turnout.builds import sources as sources_module
from turnout.builds.context import context_files, dockerignore_patterns
from turnout.builds.disk import read_json, write_json
from turnout.builds.environment import command_environment
from turnout.builds.layout import BuildFolder, image_tag, release_id
from turnout.builds.locks import lock, try_lock
from turnout.builds.log import BuildLog, clean, failure
from turnout.builds.release import plan_commands
from turnout.builds.service import BuildRequest
from turnout.builds.sources import SourceStore
from turnout.domain.errors import Invalid, NotFound, TooLarge, Unavailable
from turnout.domain.records import Backend, BuildOptions

VENV = Path("/r/.venv")


def planned(files: set[str], *command: str) -> list[str]:
    return [" ".join(each.arguments) for each in plan_commands(files, command, python="py", venv=VENV)]


def test_what_is_run() -> None:
    """Requirements are installed unasked; anything else only when there is a build command."""
    make, install = "py -m venv /r/.venv", "/r/.venv/bin/python -m pip install -r requirements.txt"
    assert planned({"app.py"}) == []
    assert planned({"requirements.txt"}) == [make, install]
    assert planned({"requirements.txt"}, "make", "all") == [make, install, "make all"]
    assert planned({"pyproject.toml"}) == []
    assert planned({"pyproject.toml"}, "pip", "install", ".") == [make, "pip install ."]
    assert planned({"app.py"}, "pip3.11", "install", "flask") == [make, "pip3.11 install flask"]
    assert planned({"package.json"}, "npm", "ci") == ["npm ci"]


def environment(environ: dict[str, str], *, venv: Path | None = None, platform: str = "linux") -> dict[str, str]:
    return command_environment(environ, home=Path("/h"), temporary=Path("/t"), venv=venv, platform=platform)


def test_environment_has_no_secrets() -> None:
    """Only what is listed is handed on; a new secret need not be known to be kept back."""
    secret = {"TURNOUT_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "DATABASE_URL": "x", "SSH_AUTH_SOCK": "x"}
    seen = environment({**secret, "PATH": "/bin", "LANG": "C.UTF-8", "HOME": "/nobody"})
    assert not secret.keys() & seen.keys()
    assert (seen["PATH"], seen["LANG"], seen["HOME"], seen["TMPDIR"]) == ("/bin", "C.UTF-8", "/h", "/t")
    assert environment({"PATH": "/bin", "HOME": "/nobody"}, venv=VENV)["PATH"] == "/r/.venv/bin:/bin"


def test_environment_keeps_the_persons_package_index(tmp_path: Path) -> None:
    """Variables, proxies, certificates, configuration, cache and credentials of pip and npm still work."""
    (tmp_path / ".config/pip").mkdir(parents=True)
    for name in (".config/pip/pip.conf", ".npmrc", ".netrc"):
        (tmp_path / name).write_text("")
    given = {"HOME": str(tmp_path), "PIP_INDEX_URL": "https://i", "HTTPS_PROXY": "p", "no_proxy": "n"}
    seen = environment({**given, "SSL_CERT_FILE": "c"})
    assert seen.items() >= {("PIP_INDEX_URL", "https://i"), ("HTTPS_PROXY", "p"), ("no_proxy", "n")}
    assert seen["SSL_CERT_FILE"] == "c"
    assert seen["PIP_CONFIG_FILE"] == str(tmp_path / ".config/pip/pip.conf")
    assert seen["PIP_CACHE_DIR"] == str(tmp_path / ".cache/pip")
    assert seen["NPM_CONFIG_USERCONFIG"] == str(tmp_path / ".npmrc")
    assert seen["NETRC"] == str(tmp_path / ".netrc")
    assert environment({**given, "PIP_CONFIG_FILE": "/mine"})["PIP_CONFIG_FILE"] == "/mine"
    assert environment(given, platform="darwin")["PIP_CACHE_DIR"] == str(tmp_path / "Library/Caches/pip")


def test_release_id() -> None:
    """Same source and command, same release; words cannot be moved over their borders."""
    assert release_id("s", ["a", "b"]) == release_id("s", ("a", "b"))
    assert len({release_id("s", ["a b"]), release_id("s", ["a", "b"]), release_id("t", ["a b"])}) == 3
    assert release_id("s", ["a"], workspace="one") != release_id("s", ["a"], workspace="two")
    assert len({release_id("s", ["a"], secrets_mark=mark) for mark in ("", "1", "2")}) == 3


def test_image_tag() -> None:
    """Whatever goes into an image is in its name; the deployment, and the order of arguments, are not."""
    request = BuildRequest(
        deployment_id="dep_1",
        workspace="acme",
        source_id="0" * 64,
        backend=Backend.DOCKER,
        options=BuildOptions(args={"A": "1", "B": "2"}),
    )
    tag = image_tag(request)
    assert re.fullmatch(r"turnout/acme:[0-9a-f]{32}", tag)
    assert image_tag(request, "registry.example:5000/apps") == tag.replace("turnout/", "registry.example:5000/apps/")
    same = replace(request, deployment_id="dep_2", options=BuildOptions(args={"B": "2", "A": "1"}))
    assert image_tag(same) == tag
    others = (
        replace(request, workspace="other"),
        replace(request, source_id="1" * 64),
        replace(request, build_command=("make",)),
        replace(request, run_command=("serve",)),
        replace(request, options=BuildOptions(args={"A": "1"})),
        replace(request, options=BuildOptions(target="web")),
        replace(request, options=BuildOptions(dockerfile="web.Dockerfile")),
        replace(request, options=BuildOptions(base="python:3")),
        replace(request, options=BuildOptions(secrets=("KEY",)), secrets_mark="1"),
        replace(request, options=BuildOptions(secrets=("KEY",)), secrets_mark="2"),
        replace(request, options=BuildOptions(secrets=("OTHER",)), secrets_mark="2"),
    )
    assert len({image_tag(other) for other in others} | {tag}) == len(others) + 1


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".locks", "a" * 65, "a\n"])
def test_deployment_id_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """An id is part of a path: what could lead elsewhere is refused."""
    with pytest.raises(Invalid):
        BuildFolder.of(tmp_path, name)


# ------------------------------------------------------------------------------------------------- the log


def test_log_lines(tmp_path: Path) -> None:
    """However output is cut into pieces, lines come out whole, clean, and as a person would have seen them."""
    with BuildLog(tmp_path / "log") as log:
        log.say("step")
        for byte in "grün \x1b[32mok\x1b[0m\r\n10%\r100%\r\n\n\x07bell\x00\u202e".encode():
            log.feed(bytes([byte]))
        log.end_line()
        assert log.last_lines() == ("grün ok", "100%", "bell")
    assert (tmp_path / "log").read_text() == "==> step\ngrün ok\n100%\n\nbell\n"


def test_log_without_secrets(tmp_path: Path) -> None:
    """However output is cut into pieces, coloured or long: no line of a secret comes out, nor is it quoted."""
    secrets = ("hunter22", "first line\nsecond line\n", "abc", "")
    with BuildLog(tmp_path / "log", secrets=secrets) as log:
        log.say("about hunter22")
        for byte in b"a hunter22 b\n#5 0.1 first line\n#5 0.2 second line\nhun\x1b[0mter22 abc\n":
            log.feed(bytes([byte]))
        log.feed(b"x" * 1996 + b"hunt")
        log.feed(b"er22" + b"y" * 4000 + b"hunter22")
        log.end_line()
        assert not any("hunter" in line or "er22" in line for line in log.last_lines())
        assert log.masked("no hunter22, first line") == "no ****, ****"
    text = (tmp_path / "log").read_text()
    assert text.startswith("==> about ****\na **** b\n#5 0.1 ****\n#5 0.2 ****\n**** abc\n")
    assert text.count("****") == 7
    assert "hunt" not in text.replace("\n", "")
    assert "er22" not in text


def test_log_limit(tmp_path: Path) -> None:
    """A program that prints for ever fills the log, not the disk: its beginning is kept, and its last lines."""
    with BuildLog(tmp_path / "log", limit_bytes=1000) as log:
        for number in range(1000):
            log.feed(f"line {number}\n".encode())
        assert log.last_lines()[-1] == "line 999"
        assert len(log.last_lines()) == 20
    kept = (tmp_path / "log").read_text().splitlines()
    assert sum(len(line) + 1 for line in kept) < 1400
    assert kept[0] == "line 0"
    assert kept[-20:] == [f"line {number}" for number in range(980, 1000)]
    assert [line for line in kept if "limit" in line] == [kept[-22]]


def test_line_without_an_end(tmp_path: Path) -> None:
    """A megabyte without a line's end is broken into lines instead of being kept in memory."""
    with BuildLog(tmp_path / "log") as log:
        log.feed(b"x" * 1_000_000)
        assert len(log.last_lines()[-1]) == 2000


def test_clean() -> None:
    """No escape sequence, no invisible character, no password inside of a URL."""
    assert clean("\x1b]0;title\x07a\x1b[2Jb\x9b\u202ec\td") == "abc\td"
    assert clean("https://user:pass@host/x https://token@host git+ssh://h") == (
        "https://****@host/x https://****@host git+ssh://h"
    )


def test_failure_is_short() -> None:
    """4,000 characters at most; the newest lines are kept."""
    text = failure("it broke", [f"{n} " + "x" * 1000 for n in range(50)])
    assert len(text) <= 4000
    assert text.startswith("it broke; its last lines:\n")
    assert text.splitlines()[-1].startswith("49 ")
    assert failure("it broke", []) == "it broke"
    assert len(failure("x" * 9000, ["y"])) <= 4000


# -------------------------------------------------------------------------------------------- Docker's context


def test_dockerignore(tmp_path: Path) -> None:
    """Patterns start at the top, the last one that matches decides, and the Dockerfile is always sent."""
    for name in ("Dockerfile", "a.md", "sub/a.md", "node_modules/x/y", "keep/a.tmp", "keep/b.tmp", "z/deep/c.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".dockerignore").write_text(
        "# comment\n*.md\n/node_modules/\nkeep\n!keep/b.tmp\n**/*.log\nDockerfile\n.dockerignore\n\n"
    )
    assert context_files(tmp_path) == [".dockerignore", "Dockerfile", "keep/b.tmp", "sub/a.md"]


def test_dockerignore_patterns() -> None:
    """Docker's anchored patterns in Git's words."""
    lines = ["foo", "/bar/", "! ./baz", "", "#x", ".", "**/q"]
    assert dockerignore_patterns(lines) == ["/foo", "/bar", "!/baz", "/**/q"]


# ------------------------------------------------------------------------------------------------ the sources


def archive(text: bytes = b"print(1)") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        info = tarfile.TarInfo("app.py")
        info.size = len(text)
        file.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100):
        yield data[start : start + 100]


@pytest.fixture
def store(tmp_path: Path) -> SourceStore:
    return SourceStore(tmp_path, upload_mib=1, unpacked_mib=2)


async def test_saved_under_its_hash(store: SourceStore, tmp_path: Path) -> None:
    """What was uploaded is found by its SHA-256, once, however often and at once it came."""
    data = archive()
    saved = await asyncio.gather(*(store.save(pieces(data)) for _ in range(5)))
    assert {each.source_id for each in saved} == {hashlib.sha256(data).hexdigest()}
    assert store.path(saved[0].source_id).read_bytes() == data
    assert len(list((tmp_path / "sources").iterdir())) == 1


@pytest.mark.parametrize("source_id", ["0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 64 + "\n"])
def test_unknown_source(store: SourceStore, source_id: str) -> None:
    """An id that is not there, or is no id."""
    with pytest.raises(NotFound):
        store.path(source_id)


@pytest.mark.parametrize(
    ("data", "expected_id", "error"),
    [
        (os.urandom(1024 * 1024 + 1), None, TooLarge),
        (b"no archive", None, Invalid),
        (archive(bytes(3 * 1024 * 1024)), None, TooLarge),
        (archive(), "0" * 64, Invalid),
        (archive()[:-20], None, Invalid),
        (gzip.compress(bytes(1024)), None, Invalid),
    ],
    ids=["too large", "no archive", "bomb", "another hash", "cut", "empty"],
)
async def test_refused_upload(
    store: SourceStore, tmp_path: Path, data: bytes, expected_id: str | None, error: type[Exception]
) -> None:
    """Nothing of a refused upload stays."""
    with pytest.raises(error):
        await store.save(pieces(data), expected_id=expected_id)
    assert list((tmp_path / "sources").iterdir()) == []


async def test_upload_that_breaks_off(store: SourceStore, tmp_path: Path) -> None:
    """The client goes away: nothing stays. We are killed instead: the next upload clears up after a while."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(Unavailable):
        await store.save(broken())
    assert list((tmp_path / "sources").iterdir()) == []
    old, new = tmp_path / "sources/.old.part", tmp_path / "sources/.new.part"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    await store.save(pieces(archive()))
    assert not old.exists()
    assert new.exists()


async def test_full_disk(store: SourceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a plain error that may be tried again, and what was written is removed."""

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sources_module, "_flush", full)
    with pytest.raises(Unavailable, match="is full; make room"):
        await store.save(pieces(archive()))
    assert list((tmp_path / "sources").iterdir()) == []


# ----------------------------------------------------------------------------------------- locks and files


async def test_lock_is_held_by_one(tmp_path: Path) -> None:
    """Many wait, one at a time gets it, and its file is gone in the end."""
    inside = most = 0

    async def use() -> None:
        nonlocal inside, most
        async with lock(tmp_path / "l"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(use() for _ in range(5)))
    assert most == 1
    assert not (tmp_path / "l").exists()


def test_lock_of_a_removed_file_is_none(tmp_path: Path) -> None:
    """Whoever has opened the file before its holder removed it must not believe to hold the lock."""
    with try_lock(tmp_path / "l") as first:
        assert first is not None
        with try_lock(tmp_path / "l") as second:
            assert second is None
        (tmp_path / "l").unlink()
        with try_lock(tmp_path / "l") as third:
            assert third is not None, "a new file, a new lock"


def test_json_is_whole_or_not_there(tmp_path: Path) -> None:
    """Neither a missing nor a damaged file is an error; nothing temporary stays."""
    assert read_json(tmp_path / "none.json") is None
    (tmp_path / "half.json").write_text('{"a":')
    assert read_json(tmp_path / "half.json") is None
    write_json(tmp_path / "half.json", {"a": 1})
    assert read_json(tmp_path / "half.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["half.json"]
