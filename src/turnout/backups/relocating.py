"""Releases that were built in one home and are to run in another one.

A virtual environment is not made to be moved: its scripts name the folder of their Python. Those lines are written
anew; what an app itself has written down about its place is the app's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_VENV: Final = ".venv"
_LIMIT: Final = 1024 * 1024
"""Scripts are small; what is larger is a program."""


def relocate(releases: Path, *, old: str, new: str) -> int:
    """Make the scripts of every release name `new` where they named `old`; returns how many releases there are."""
    found = sorted(path for path in releases.iterdir() if path.is_dir()) if releases.is_dir() else []
    if old and old != new:
        for release in found:
            for file in _scripts(release / _VENV):
                _rewrite(file, os.fsencode(f"{old}{os.sep}"), os.fsencode(f"{new}{os.sep}"))
    return len(found)


def _scripts(venv: Path) -> list[Path]:
    files = [*(venv / "bin").glob("*"), venv / "pyvenv.cfg"]
    return [file for file in files if file.is_file() and not file.is_symlink() and file.stat().st_size <= _LIMIT]


def _rewrite(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    is_text = content.startswith(b"#!") or b"\0" not in content
    if is_text and old in content:
        file.write_bytes(content.replace(old, new))
