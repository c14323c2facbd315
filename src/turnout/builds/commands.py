"""Runs the programs of a build: argument lists, never a shell; and none of them outlives its turn."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from turnout.builds.log import BuildLog, clean, failure
from turnout.domain.errors import DeploymentFailed

_DRAIN_SECONDS = 2.0


async def run_command(
    arguments: Sequence[str],
    *,
    what: str,
    folder: Path,
    environment: Mapping[str, str],
    log: BuildLog,
    stdin: int | BinaryIO = asyncio.subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> None:
    """Run a program to its end, its output into the log. Raises DeploymentFailed with its last lines.

    It is the first of a process group; when it ends, or we are cancelled, the whole group is killed.
    """
    shown = log.masked(clean(shlex.join(arguments)))[:200]
    log.say(f"{what}: {shown}")
    # A pipe of our own: with asyncio's, waiting for the program is waiting for everybody who holds the pipe.
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=folder,
            env=dict(environment),
            stdin=stdin,
            stdout=writing,
            stderr=asyncio.subprocess.STDOUT,
            process_group=0,
            pass_fds=pass_fds,
        )
    except OSError as error:
        os.close(reading)
        raise DeploymentFailed(f"{what} cannot be started: `{shown}`: {_why(arguments[0], error)}") from error
    finally:
        os.close(writing)
    pump = asyncio.create_task(_pump(reading, log))
    try:
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):  # macOS says "permission" of a group of zombies
            os.killpg(process.pid, signal.SIGKILL)
        # Somebody who left the group may still hold the pipe: do not wait for them.
        await asyncio.wait([pump], timeout=_DRAIN_SECONDS)
        pump.cancel()
        log.end_line()
    if code != 0:
        ended = f"exited with {code}" if code > 0 else f"was ended by {_signal_name(-code)}"
        raise DeploymentFailed(failure(f"{what} {ended}: `{shown}`", log.last_lines()))


async def _pump(reading: int, log: BuildLog) -> None:
    """Copy what comes out of a pipe into the log, and close it."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        while output := await reader.read(64 * 1024):
            log.feed(output)
    finally:
        transport.close()


def _why(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {program!r} on this machine; install it, or change the build command"
    return error.strerror or str(error)


def _signal_name(number: int) -> str:
    hint = " (is there too little memory?)" if number == signal.SIGKILL else ""
    return f"{signal.Signals(number).name}{hint}"
