"""Ends this process when one check takes too long.

A document may be written, or a body made, so that a check takes for ever, and nothing inside of the process could stop
it. So the kernel does: a timer of processor time runs during each check, and when it goes off the process ends. Which
document it was stands in a file that is mapped into memory; whoever starts the next process reads it there.
"""

from __future__ import annotations

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CPU_SECONDS: Final = 3.0
CHECKING: Final = "checking"
"""The file, in the folder of the documents."""
ASIDE_SECONDS: Final = 60.0
"""How long a document is set aside whose check has taken too long."""
_ID_BYTES: Final = 64


class Watchdog:
    """Watches one check at a time."""

    def __init__(self, file: Path, *, cpu_seconds: float = CPU_SECONDS) -> None:
        self._seconds = cpu_seconds
        file.write_bytes(b"\0" * _ID_BYTES)
        with file.open("r+b") as opened:
            self._during = mmap.mmap(opened.fileno(), _ID_BYTES)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    @contextmanager
    def watching(self, spec_id: str) -> Iterator[None]:
        """The block is a check against that document."""
        self._during[:] = spec_id.encode()[:_ID_BYTES].ljust(_ID_BYTES, b"\0")
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._during[:] = b"\0" * _ID_BYTES


def interrupted(file: Path) -> str | None:
    """The document whose check was under way when the process ended; None when there was none."""
    try:
        return file.read_bytes().rstrip(b"\0").decode("ascii") or None
    except (OSError, UnicodeDecodeError):
        return None
