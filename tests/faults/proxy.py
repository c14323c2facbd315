"""A socket in front of another one that can vanish, hang and be slow, while whoever is behind it knows nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_LOST: Final = (OSError, asyncio.IncompleteReadError)


class Proxy:
    """Runs in a thread of its own, from `with` to its end. Each verb takes effect at once."""

    def __init__(self, listen: Path | int, target: Path | tuple[str, int]) -> None:
        """`listen` is a path, or a port of this machine."""
        self._listen, self._target = listen, target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flows = asyncio.Event()
        self._delay = 0.0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def to_port(cls, host: str, port: int) -> Self:
        """In front of a TCP port, on a free one."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            return cls(free.getsockname()[1], (host, port))

    @property
    def port(self) -> int:
        """Where it listens."""
        assert isinstance(self._listen, int)
        return self._listen

    @property
    def path(self) -> Path:
        """Where it listens."""
        assert isinstance(self._listen, Path)
        return self._listen

    def __enter__(self) -> Self:
        self._thread.start()
        self.recover()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._vanish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def vanish(self) -> None:
        """Nobody listens any more, and what was connected is cut off."""
        self._do(self._vanish())

    def hang(self) -> None:
        """Connections are taken and kept, and nothing is passed on."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def cut(self) -> None:
        """What is connected is cut off; who comes back is served."""
        self._do(self._cut())

    def slow_down(self, seconds: float) -> None:
        """Every piece is passed on so much later."""
        self._delay = seconds

    def recover(self) -> None:
        """As if nothing had been; what was held back while it hung arrives now."""
        self._delay = 0.0
        self._do(self._recover())

    async def _recover(self) -> None:
        self._flows.set()
        if self._server is not None:
            return
        if isinstance(self._listen, int):
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._listen)
        else:
            self._listen.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._pass, str(self._listen))

    async def _vanish(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            if isinstance(self._listen, Path):
                self._listen.unlink(missing_ok=True)
        await self._cut()

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            inner_reader, inner_writer = await self._open()
        except OSError:
            writer.close()
            return
        self._writers.add(inner_writer)
        for one, other in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.ensure_future(self._pump(one, other))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self) -> Streams:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection(*self._target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*_LOST):
            while data := await reader.read(65536):
                await self._flows.wait()
                await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            return
        writer.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
