"""Which code this is: two short names, made of the files of this package as they are on the disk.

Whoever loaded the package earlier may run other code than these files hold: a process takes its own name when it
starts, and keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent
_LENGTH: Final = 12
_DURABLE: Final = ("builds/service.py", "domain", "workflows")
"""What the journals of operations are made of: the order of the steps, and the records that they return."""
_SDK: Final = "restate-sdk"


def code_revision(package: Path = PACKAGE) -> str:
    """The name of all code of the package. Another one: something of it has changed."""
    return _hashed(package, _sources(package))


def workflow_revision(package: Path = PACKAGE) -> str:
    """The name of the code that journals are replayed by.

    A journal that was begun by one revision is replayed by that one only. Code that no journal knows of may change
    without another one: an operation then goes on across the change.
    """
    return _hashed(package, (each for room in _DURABLE for each in _sources(package / room)), metadata.version(_SDK))


def _sources(folder: Path) -> Iterable[Path]:
    if folder.is_file():
        return (folder,)
    return (path for path in folder.rglob("*") if path.suffix in {".py", ".lua", ".mako"})


def _hashed(package: Path, files: Iterable[Path], *more: str) -> str:
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(package)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_LENGTH]
