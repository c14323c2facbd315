"""The last known good configuration on disk, for the day when the store is away as the gateway starts.

What is kept is what the store said (project views), not what Envoy was told, so that a newer version of the
planner can read an older snapshot. The file is written beside itself, synced and renamed: at any moment there
is one whole snapshot, or none. A checksum in the first line tells a damaged one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Final

from turnout.domain.views import GatewayFeed, ProjectView
from turnout.gateway.feeds import decode_project, encode_project
from turnout.gateway.state import State

log = logging.getLogger(__name__)

FORMAT: Final = 1
_PAUSE: Final = 1.0
"""Seconds between two writes, at least. Also the pause after one that failed, a full disk say."""


def load_snapshot(path: Path) -> GatewayFeed | None:
    """Everything that was last known, as one feed; None when there is no usable snapshot."""
    try:
        header_line, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(header_line)
        if header["format"] != FORMAT or header["sha256"] != hashlib.sha256(body).hexdigest():
            raise ValueError("its checksum or format is not the expected one")
        projects = tuple(decode_project(line) for line in body.splitlines())
        return GatewayFeed(change=header["change"], generation=header["generation"], projects=projects)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("cannot use the snapshot %s: %s", path, error)  # noqa: TRY400  # the message is enough
        return None


class SnapshotKeeper:
    """Keeps the file in step with the state: at most one write a second, and always a last one.

    A line is encoded again only when its project changed, so that thousands of projects cost a copy of
    bytes per write and no more.
    """

    def __init__(self, path: Path, state: State) -> None:
        self._path = path
        self._state = state
        self._lines: dict[str, tuple[ProjectView, bytes]] = {}
        self._changed = asyncio.Event()
        self._written: tuple[int, int] | None = None

    def changed(self) -> None:
        """The state is newer than the file now."""
        self._changed.set()

    async def run(self) -> None:
        """Write whenever something changed, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self.flush():
                self._changed.set()
            await asyncio.sleep(_PAUSE)

    async def flush(self) -> bool:
        """Write now what is new. False, and a line in the log, when the disk does not take it."""
        position = (self._state.change, self._state.generation)
        if not self._state.loaded or position == self._written:
            return True
        content = self._content()
        try:
            await asyncio.to_thread(write_atomically, self._path, content)
        except OSError as error:
            message = "cannot write the snapshot %s, the one before stays: %s"
            log.error(message, self._path, error)  # noqa: TRY400  # the message is enough
            return False
        self._written = position
        return True

    def _content(self) -> bytes:
        views = self._state.views
        for gone in self._lines.keys() - views.keys():
            del self._lines[gone]
        for project_id, view in views.items():
            kept = self._lines.get(project_id)
            # Views are frozen and replaced whole: the very same object needs no second look.
            if kept is None or kept[0] is not view:
                self._lines[project_id] = (view, encode_project(view))
        body = b"".join(line + b"\n" for _, line in self._lines.values())
        header = {
            "format": FORMAT,
            "change": self._state.change,
            "generation": self._state.generation,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return json.dumps(header).encode() + b"\n" + body


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file's content as a whole, or not at all. Only the owner may read it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    # The rename itself must survive a power cut too.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
