"""I6: where a secret must not be found. It is looked for as it is, and in the spellings that tools give it."""

from __future__ import annotations

import base64
import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.faults.seen_gateway import dump_envoy
from tests.faults.world import ask_restate, read_tables
from tests.kit import Turnout

_SEALED: Final = ("vault", "releases", "sources", "restate")
"""Folders that are not searched: the keys themselves, what a person uploaded, and Restate's own files, whose tables
are asked instead."""
_OF_THE_APP: Final = ("krane/instances", "logs")
"""What an app prints of its own variables is the app's."""


def leaks_of(turnout: Turnout, secrets: tuple[str, ...]) -> Iterator[str]:
    """Every place that has one of the secrets: tables, journals, Envoy's configuration, and the files of the home."""
    if not secrets:
        return
    forms = [form for secret in secrets for form in _forms(secret)]
    for name, rows in read_tables(turnout).items():
        if _has(repr(rows), forms):
            yield f"the table {name}"
    for table in ("sys_journal", "sys_invocation", "sys_journal_events", "state"):
        if _has(json.dumps(ask_restate(turnout, f"SELECT * FROM {table}")), forms):
            yield f"Restate's {table}"
    if _has(json.dumps(dump_envoy(turnout)), forms):
        yield "Envoy's configuration"
    for path in sorted(turnout.home.rglob("*")):
        inside = path.relative_to(turnout.home).as_posix()
        if inside.split("/")[0] in _SEALED or inside.startswith(_OF_THE_APP) or not _is_file(path):
            continue
        if _file_has(path, forms):
            yield inside


def _forms(secret: str) -> Iterator[str]:
    """As it is, in hexadecimal, in Base64 wherever it begins, and as Restate's JSON shows bytes."""
    raw = secret.encode()
    yield secret
    yield raw.hex()
    yield ",".join(str(byte) for byte in raw)
    yield ", ".join(str(byte) for byte in raw)
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        # Only the characters that depend on the secret alone: the first and last ones hold its neighbours too.
        yield encoded[4 if shift else 0 : -4]


def _has(text: str, forms: list[str]) -> bool:
    return any(form in text for form in forms)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _file_has(path: Path, forms: list[str]) -> bool:
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(form.encode()) >= 0 for form in forms)
    except (FileNotFoundError, ValueError):  # it is gone, or was emptied meanwhile
        return False
