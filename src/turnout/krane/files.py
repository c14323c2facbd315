"""Small files that survive a crash: written beside, then moved into place."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turnout.domain.errors import Conflict


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Replace `path`; a reader sees the old content or the new, never a part. Only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump(content, file)
    beside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of `path`; None when there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def instances_folder(home: Path) -> Path:
    """Where krane keeps a folder for each instance."""
    return home / "krane" / "instances"


@contextlib.contextmanager
def only_krane_of(home: Path) -> Iterator[None]:
    """Hold the home for one krane. The kernel lets go of it however krane ends: nobody ever clears this lock.

    Raises Conflict while another krane holds it: two would start and stop each other's instances.
    """
    path = home / "krane" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"cannot take {home}: a krane runs with it; stop that first, or use another home") from None
        yield
