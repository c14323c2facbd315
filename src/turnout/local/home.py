"""The home folder as the local parts use it: where each file is, whether it can be used, and who holds it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from turnout.domain.errors import Conflict, Invalid

_NEEDED_MIB: Final = 100
_MIB: Final = 1024 * 1024


def run_folder(home: Path) -> Path:
    """What belongs to the running parts: logs, state, ports, tokens."""
    return home / "run"


def log_file(home: Path, part: str) -> Path:
    """Where a part's output goes."""
    return run_folder(home) / f"{part}.log"


def prepare(home: Path) -> None:
    """Make the home and see that it can be written to. Raises Invalid or Conflict with what to do."""
    other = "free it, or name another folder in TURNOUT_HOME"
    try:
        run_folder(home).mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = run_folder(home) / ".probe"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Conflict(f"cannot use {home}: there is no space left; {other}") from None
        reason = {
            errno.EEXIST: "it is not a folder",
            errno.ENOTDIR: "a part of the path is not a folder",
            errno.ENAMETOOLONG: "the path is too long",
            errno.EACCES: "you may not write there",
            errno.EROFS: "it is on a read-only file system",
        }.get(error.errno or 0, error.strerror or str(error))
        raise Invalid(f"cannot use {home}: {reason}; name another folder in TURNOUT_HOME") from None
    except ValueError as error:  # a NUL in the path
        raise Invalid(f"cannot use {str(home)!r}: {error}; name another folder in TURNOUT_HOME") from None
    free = shutil.disk_usage(home).free // _MIB
    if free < _NEEDED_MIB:
        raise Conflict(f"cannot use {home}: only {free} MiB are left there, {_NEEDED_MIB} are needed; {other}")


@contextmanager
def only_supervisor_of(home: Path) -> Iterator[bool]:
    """Hold the home for one supervisor; yields False when another one has it.

    The kernel lets go of it however the holder ends: nobody ever clears this lock.
    """
    path = run_folder(home) / "lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_held(home: Path) -> bool:
    """Whether a supervisor of this home lives."""
    if not (run_folder(home) / "lock").exists():
        return False
    with only_supervisor_of(home) as free:
        return not free


def write_private(path: Path, content: Any) -> None:
    """Replace `path` by this JSON, or by this text; only its owner may read it, and never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.new")
    with open(beside, "w", encoding="utf-8", opener=_private) as file:  # Path.open takes no opener
        file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
    beside.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The content of `path`; empty when there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
