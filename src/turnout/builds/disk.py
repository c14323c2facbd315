"""Small truths about disks: a full one is told plainly, and a file is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from turnout.domain.errors import Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def disk_errors(purpose: str) -> Iterator[None]:
    """Turn what a disk says no to into Unavailable, with a sentence; `purpose` is what could not be done."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(f"cannot {purpose}: the disk that holds Turnout's home is full; make room") from error
        raise Unavailable(f"cannot {purpose}: {error.strerror or error}") from error


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file so that every reader sees the old one or the new one, even after a power cut."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """The document in a JSON file; None when there is no such file, or no whole document in it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return document if isinstance(document, dict) else None
