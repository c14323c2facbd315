"""Small disks that can be filled to the last byte, and emptied again. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MIB: Final = 2**20


@contextmanager
def disk(folder: Path, *, mib: float) -> Iterator[None]:
    """A disk of that size in place of the folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(mib * MIB)}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(folder: Path, *, mib: float) -> None:
    """Make a disk larger or smaller."""
    subprocess.run(["mount", "-o", f"remount,size={int(mib * MIB)}", str(folder)], check=True)


@contextmanager
def full(folder: Path, *, afterwards: float) -> Iterator[None]:
    """The disk is as large as what is on it; `afterwards` it has so many MiB."""
    status = os.statvfs(folder)
    resize(folder, mib=(status.f_blocks - status.f_bfree) * status.f_frsize / MIB)
    try:
        yield
    finally:
        resize(folder, mib=afterwards)
