"""When which part of a log was written, and what BuildKit tells."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

from turnout.api.logs import LogFiles
from turnout.builds.buildkit import Narrator
from turnout.builds.log import BuildLog
from turnout.builds.times import TimeIndex

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_times(tmp_path: Path) -> None:
    """What was written at a moment or later; a new reader finds the same."""
    index = TimeIndex(tmp_path / "times")
    for seconds, offset in ((0, 0), (10, 100), (10.1, 110), (20, 200)):
        index.note(at(seconds), offset)
    for reader in (index, TimeIndex(tmp_path / "times")):
        assert reader.offset_since(at(-5)) == 0
        assert reader.offset_since(at(5)) == 100
        assert reader.offset_since(at(10.15)) == 100  # rather a line too many than one too few
        assert reader.offset_since(at(15)) == 200
        assert reader.offset_since(at(25)) is None


def test_times_of_what_is_gone(tmp_path: Path) -> None:
    """The index is shortened with its log, and a half line of it, left by a crash, is no trouble."""
    file = tmp_path / "times"
    index = TimeIndex(file)
    for seconds in range(5):
        index.note(at(seconds), seconds * 100)
    index.drop_before(250)
    with file.open("a") as broken:
        broken.write("189345")
    assert TimeIndex(file).offset_since(at(0)) == 300


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """What is written after it is not hidden."""
    index = TimeIndex(tmp_path / "times")
    index.note(at(100), 0)
    index.note(at(0), 50)
    assert index.offset_since(at(100)) in (0, 50)


async def test_since_of_instances(tmp_path: Path) -> None:
    """Only what came since then; nothing at all is fine; positions survive the loss of the oldest lines."""
    logs = LogFiles(tmp_path, limit_bytes=1000)
    names = {"deployment_id": f"dep_{'0' * 26}", "instance_id": f"ins_{'0' * 26}"}
    logs.append(**names, offset=0, data=b"old\n" * 300)
    folder = tmp_path / names["deployment_id"]
    times = folder / f"{names['instance_id']}.times"
    index = TimeIndex(times)
    index.note(datetime.now(UTC) + timedelta(seconds=60), 1200)
    logs.append(**names, offset=1200, data=b"new\n")

    async def read(since: datetime) -> bytes:
        chunks = await logs.read(**names, follow=False, since=since)
        return b"".join([chunk async for chunk in chunks])

    assert await read(datetime.now(UTC) + timedelta(seconds=30)) == b"new\n"
    assert await read(datetime.now(UTC) + timedelta(seconds=90)) == b""
    assert (await read(datetime.now(UTC) - timedelta(hours=1))).endswith(b"new\n")


def test_buildkit(tmp_path: Path) -> None:
    """Steps once, output as it is, and nonsense is no trouble."""

    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    vertex = field(1, field(1, b"sha256:1") + field(3, b"[1/2] RUN make") + field(5, b"\x08\x01"))
    hidden = field(1, field(1, b"sha256:2") + field(3, b"[internal] load") + field(5, b"\x08\x01"))
    line = field(3, field(1, b"sha256:1") + field(4, b"made\n"))
    with BuildLog(tmp_path / "log") as log:
        narrator = Narrator(log)
        for message in (vertex + hidden, vertex, line):
            narrator.take(base64.b64encode(message).decode())
        for nonsense in ("%%%", None, {"a": 1}, base64.b64encode(b"\x0a\xff").decode()):
            narrator.take(nonsense)
    assert (tmp_path / "log").read_text() == "==> [1/2] RUN make\nmade\n"
