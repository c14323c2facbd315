"""The master keys: one small file that only its owner reads, shared by all processes that seal and open.

    {"active": "mk_…", "keys": {"mk_…": {"key": "<256 bits, base 64>", "created_at": "…"}}}

The active key wraps; the others only unwrap. The file is read again whenever it has changed, so a rotation needs no
restart. A key that nothing is wrapped with any more may be taken out by hand.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turnout.domain.errors import Invalid, Undecryptable
from turnout.domain.ids import new_id
from turnout.vault.envelope import KEY_BYTES, new_key


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterKey:
    """A key that encrypts data keys."""

    id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    """The file as it was last read."""

    stamp: tuple[int, int, int]
    active: str
    keys: dict[str, MasterKey] = field(repr=False)


class MasterKeys:
    """The master keys of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._held: _Held | None = None

    def make_if_missing(self) -> bool:
        """Make the file with one key when there is none; whether it was made. Processes that race agree on one."""
        if self.file.exists():
            return False
        with self._alone():
            if self.file.exists():
                return False
            first = new_id("mk")
            self._write({"active": first, "keys": {first: _entry(new_key())}})
            return True

    def active(self) -> MasterKey:
        """The key that wraps. Raises Undecryptable without a file that can be used."""
        held = self._read()
        return held.keys[held.active]

    def get(self, master_key_id: str) -> MasterKey:
        """A key to unwrap with. Raises Undecryptable when the file does not have it."""
        key = self._read().keys.get(master_key_id)
        if key is None:
            raise Undecryptable(
                f"cannot open secrets: the master key {master_key_id} is not in {self.file}; "
                "put the file back that had it"
            )
        return key

    def rotate(self) -> MasterKey:
        """Make a new key and let it be the active one. The others stay, to read what they have wrapped."""
        with self._alone():
            content, fresh = self._content(), new_id("mk")
            content["keys"][fresh] = _entry(new_key())
            self._write(content | {"active": fresh})
        return self.active()

    # ------------------------------------------------------------------------------------------ the file

    def _read(self) -> _Held:
        try:
            found = self.file.stat()
        except OSError as error:
            raise self._absent(error) from None
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._held is None or self._held.stamp != stamp:
            if found.st_mode & 0o077:
                raise Undecryptable(f"cannot use {self.file}: others may read it; run `chmod 600 {self.file}`")
            self._held = self._parsed(stamp, self._content())
        return self._held

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._absent(error) from None
        except ValueError:
            raise self._broken() from None
        if not isinstance(content, dict) or not isinstance(content.get("keys"), dict):
            raise self._broken()
        return content

    def _parsed(self, stamp: tuple[int, int, int], content: dict[str, Any]) -> _Held:
        try:
            keys = {
                name: MasterKey(id=name, key=base64.b64decode(entry["key"], validate=True))
                for name, entry in content["keys"].items()
            }
            active = content["active"]
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise self._broken() from None
        if active not in keys or any(len(each.key) != KEY_BYTES for each in keys.values()):
            raise self._broken()
        return _Held(stamp=stamp, active=active, keys=keys)

    def _write(self, content: dict[str, Any]) -> None:
        beside = self.file.with_name(f".{self.file.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, so that it is 0600 at once
            os.fchmod(descriptor, 0o600)
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(descriptor)  # what is wrapped from now on must never be without its key
        beside.replace(self.file)
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time; the kernel lets go however it ends."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.file.with_name(f".{self.file.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Invalid(f"cannot write {self.file}: {error.strerror}") from None

    def _absent(self, error: OSError) -> Undecryptable:
        return Undecryptable(
            f"cannot read the master keys in {self.file}: {error.strerror}; put the file back, "
            "or name it in TURNOUT_VAULT_KEYS_FILE"
        )

    def _broken(self) -> Undecryptable:
        return Undecryptable(f"cannot use {self.file}: it is not a file of master keys; put the right one back")


def _entry(key: bytes) -> dict[str, str]:
    return {"key": base64.b64encode(key).decode(), "created_at": datetime.now(UTC).isoformat(timespec="seconds")}
