"""Processes that outlive whoever started them, as another one finds them again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


def started(pid: int) -> str | None:
    """When a process started, in the kernel's ticks: a pid that was given away again has another one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


async def wait_for_stranger(pid: int) -> None:
    """Return when a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
