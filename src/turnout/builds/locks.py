"""Locks that a crash cannot leave behind: the kernel lets go of them with the last process that holds them."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

_POLL_SECONDS = 0.1


def collecting_lock(home: Path) -> Path:
    """Held by whoever collects garbage in a home, and by whoever needs that nothing is collected."""
    return home / "run" / "collecting.lock"


@contextmanager
def try_lock(path: Path) -> Iterator[int | None]:
    """Hold the lock of this file within the block, or get None when somebody else does.

    The number is the open file. A child process that inherits it goes on holding the lock after the block.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor if _take(descriptor) and _is_still(path, descriptor) else None
    finally:
        os.close(descriptor)


@asynccontextmanager
async def lock(path: Path) -> AsyncIterator[None]:
    """Wait for the lock of this file and hold it within the block; the file is removed at its end.

    Waiting has no end of its own: give it one with `asyncio.timeout`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with try_lock(path) as descriptor:
            if descriptor is not None:
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return
        await asyncio.sleep(_POLL_SECONDS)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file we locked is the one that everybody else finds: its last holder may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
