"""Room on the disk, taken before the disk is full."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

_KEEP_SIZE: Final = 1
"""The file is not longer than before: what is reserved lies behind its end, where the next bytes are appended."""

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve(file: Path, position: int, length: int) -> bool:
    """Take the room from `position` on. False when the disk is full; a disk that knows no reserving is none of it."""
    if _fallocate is None:  # macOS
        return True
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if _fallocate(descriptor, _KEEP_SIZE, position, length) == 0:
            return True
        return ctypes.get_errno() not in (errno.ENOSPC, errno.EDQUOT)
    finally:
        os.close(descriptor)
