"""File names: which ones may travel in an archive, and how a hostile one is shown to a person."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

MAX_FILES: Final = 100_000
"""Files and folders in one archive."""
MAX_PATH_BYTES: Final = 1024
MAX_PART_BYTES: Final = 255
"""What Linux and macOS allow for one part of a path."""
MAX_DEPTH: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveLimits:
    """How much an archive may hold."""

    unpacked_bytes: int
    """Sum of the sizes of its files."""
    files: int = MAX_FILES


def name_problem(name: str) -> str | None:
    """Why `name` may not be the path of a file or folder in an archive; None when it may."""
    parts = name.split("/")
    rules = (
        (not name, "is empty"),
        (name.startswith("/"), "is an absolute path"),
        ("\\" in name, "has a backslash in it"),
        (not _is_text(name), "has a control character, or bytes that are not UTF-8, in it"),
        (".." in parts, "leads out of the folder with `..`"),
        ("." in parts or "" in parts, "has an empty part or a `.` in it"),
        (_is_long(parts), f"is longer than {MAX_PATH_BYTES} bytes, or than {MAX_PART_BYTES} between slashes"),
        (len(parts) > MAX_DEPTH, f"is nested more than {MAX_DEPTH} folders deep"),
    )
    return next((problem for broken, problem in rules if broken), None)


def _is_text(name: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)


def _is_long(parts: list[str]) -> bool:
    sizes = [len(part.encode(errors="surrogatepass")) for part in parts]
    return sum(sizes) + len(parts) - 1 > MAX_PATH_BYTES or max(sizes) > MAX_PART_BYTES


def escaped(name: str) -> str:
    """`name` in quotes, safe to print: no control character survives, and it is cut to a readable length."""
    shown = ascii(name) if not name.isprintable() else repr(name)
    return shown if len(shown) <= 120 else f"{shown[:100]}…{shown[-16:]}"
