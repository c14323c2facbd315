"""The last known good configuration on disk, for the day when the store is away as the gateway starts.

What is kept is what the store said (views of projects, and of certificates with their keys sealed), not what Envoy
was told, so that a newer version of the planner can read an older snapshot. The file is written beside itself,
synced and renamed: at any moment there is one whole snapshot, or none. A checksum in the first line tells a damaged
one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from turnout.domain.views import CertificateView, GatewayFeed, ProjectView
from turnout.gateway.feeds import decode_certificate, decode_project, encode_certificate, encode_project
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
        lines = body.splitlines()
        projects = len(lines) - header.get("certificates", 0)
        return GatewayFeed(
            change=header["change"],
            generation=header["generation"],
            projects=tuple(decode_project(line) for line in lines[:projects]),
            certificates=tuple(decode_certificate(line) for line in lines[projects:]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("cannot use the snapshot %s: %s", path, error)  # noqa: TRY400  # the message is enough
        return None


class SnapshotKeeper:
    """Keeps the file in step with the state: at most one write a second, and always a last one.

    A line is encoded again only when its project or certificate changed, so that thousands of them cost a copy
    of bytes per write and no more.
    """

    def __init__(self, path: Path, state: State) -> None:
        self._path = path
        self._state = state
        self._lines: _Lines[ProjectView] = _Lines(encode_project)
        self._certificate_lines: _Lines[CertificateView] = _Lines(encode_certificate)
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
        certificates = self._certificate_lines.of(self._state.certificates.views)
        body = b"".join(line + b"\n" for line in (*self._lines.of(self._state.views), *certificates))
        header = {
            "format": FORMAT,
            "change": self._state.change,
            "generation": self._state.generation,
            "certificates": len(certificates),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        return json.dumps(header).encode() + b"\n" + body


View = TypeVar("View")


class _Lines(Generic[View]):
    """The lines of views, as they were encoded last."""

    def __init__(self, encode: Callable[[View], bytes]) -> None:
        self._encode = encode
        self._kept: dict[str, tuple[View, bytes]] = {}

    def of(self, views: Mapping[str, View]) -> list[bytes]:
        """A line for each of these, and nothing kept of the others."""
        for gone in self._kept.keys() - views.keys():
            del self._kept[gone]
        for name, view in views.items():
            kept = self._kept.get(name)
            # Views are frozen and replaced whole: the very same object needs no second look.
            if kept is None or kept[0] is not view:
                self._kept[name] = (view, self._encode(view))
        return [line for _, line in self._kept.values()]


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
