"""What krane must remember of each instance, one small file each, so that the next krane goes on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from turnout.domain.records import RunSpec
from turnout.krane.files import instances_folder, read_json, write_atomically
from turnout.krane.instance import Life, Phase


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One instance: the slot it fills, and how far it got."""

    instance_id: str
    slot: int
    spec: RunSpec
    phase: Phase = Phase.PENDING
    ever_ready: bool = False
    restarts: int = 0
    address: str | None = None
    relayed: bool = False
    reason: str | None = None
    touched: bool = False
    """Whether a backend was ever asked to start it: only then can anything be left of it."""

    def life(self, now: float) -> Life:
        """The life a new krane goes on with.

        One that was running counts as running until a check says otherwise: a krane that comes back must not
        take traffic away from anything. All others that are not at their end are started, which leaves alone
        what is alive.
        """
        phase = self.phase if self.phase in (Phase.RUNNING, Phase.FAILED) else Phase.PENDING
        return Life(phase=phase, ever_ready=self.ever_ready, restarts=self.restarts, since=now, reason=self.reason)

    def after(self, life: Life) -> Entry:
        """The entry of an instance that has come to `life`."""
        return replace(self, phase=life.phase, ever_ready=life.ever_ready, restarts=life.restarts, reason=life.reason)


_ADAPTER = TypeAdapter(Entry)


class Ledger:
    """The entries of one home."""

    def __init__(self, home: Path) -> None:
        self._folder = instances_folder(home)

    def entries(self) -> list[Entry]:
        """Every entry that can be read, oldest first. What cannot be read is nobody's, and swept away."""
        found: list[Entry] = []
        for path in sorted(self._folder.glob("*/instance.json")):
            content = read_json(path)
            try:
                entry = _ADAPTER.validate_python(content)
            except ValidationError:
                continue
            if entry.instance_id == path.parent.name:
                found.append(entry)
        return found

    def write(self, entry: Entry) -> None:
        """Remember. Raises OSError when the disk does not."""
        write_atomically(self._folder / entry.instance_id / "instance.json", _ADAPTER.dump_python(entry, mode="json"))

    def forget(self, instance_id: str) -> None:
        """Remove the entry and its folder."""
        shutil.rmtree(self._folder / instance_id, ignore_errors=True)
