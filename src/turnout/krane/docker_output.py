"""A container's output, followed into a file of ours: there it has byte positions, and outlives it.

The engine knows no positions, only times. Each of its messages carries one, so the last time written down
says where to go on after a broken connection or a new krane.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from turnout.krane.files import read_json, write_atomically
from turnout.krane.output import OutputFile

if TYPE_CHECKING:
    from aiodocker import Docker

_RETRY: Final = 1.0
_SETTLE: Final = 1.0
_NOTE_INTERVAL: Final = 1.0
_HEADER: Final = 8


class Follower:
    """Follows one container until closed, over its restarts.

    The last time is noted at most once a second, after the output it speaks of: a krane killed in between
    makes the next one write the messages since then a second time. Losing them would be worse.
    """

    def __init__(self, engine: Callable[[], Docker], name: str, folder: Path, file: OutputFile) -> None:
        self.file = file
        self._engine = engine
        self._name = name
        self._note = folder / "since.json"
        self._since = str((read_json(self._note) or {}).get("since", ""))
        self._idle = asyncio.Event()
        """Set while there is nothing to follow: the container has ended and all it printed is written."""
        self._task = asyncio.create_task(self._run(), name=f"output of {name}")

    async def settle(self) -> None:
        """Wait a moment until what an ended container printed is written down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                await self._idle.wait()

    async def close(self) -> None:
        """Follow no longer."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        from aiodocker import DockerError  # noqa: PLC0415
        from aiohttp import ClientError  # noqa: PLC0415

        while True:
            with contextlib.suppress(DockerError, ClientError, OSError, asyncio.IncompleteReadError):
                await self._follow()
            await asyncio.sleep(_RETRY)

    async def _follow(self) -> None:
        """Write messages until the stream ends, which it does when the container does."""
        from aiohttp import ClientTimeout  # noqa: PLC0415

        docker = self._engine()
        if docker.api_version == "auto":
            await docker.version()  # learns which version of the API both sides speak
        since = {"since": _seconds(self._since)} if self._since else {}
        response = await docker.session.get(
            f"{docker.docker_host}/{docker.api_version}/containers/{self._name}/logs",
            params={"stdout": "1", "stderr": "1", "follow": "1", "timestamps": "1", **since},
            timeout=ClientTimeout(total=None, sock_connect=_RETRY * 5),
        )
        async with response:
            if response.status != 200:
                return
            self._idle.clear()
            descriptor, noted = self.file.open(), time.monotonic()
            try:
                while header := await response.content.read(1):
                    header += await response.content.readexactly(_HEADER - 1)
                    message = await response.content.readexactly(int.from_bytes(header[4:], "big"))
                    self._write(descriptor, message)
                    if time.monotonic() - noted > _NOTE_INTERVAL:
                        noted = time.monotonic()
                        self._remember()
            finally:
                os.close(descriptor)
                self._remember()
                self._idle.set()

    def _write(self, descriptor: int, message: bytes) -> None:
        stamp, _, line = message.partition(b" ")
        moment = stamp.decode("ascii", errors="replace")
        if _order(moment) > _order(self._since):  # `since` includes the moment it names
            os.write(descriptor, line)
            self._since = moment

    def _remember(self) -> None:
        if self._since:
            with contextlib.suppress(OSError):
                write_atomically(self._note, {"since": self._since})


def _order(stamp: str) -> str:
    """A key that sorts the engine's times; it cuts trailing zeros of the nanoseconds."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}" if stamp else ""


def _seconds(stamp: str) -> str:
    """The time as the engine's `since` wants it: seconds since 1970 with nanoseconds."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{int(datetime.fromisoformat(f'{seconds}+00:00').timestamp())}.{fraction:0<9}"
