"""What instances printed, as krane ships it: one file an instance, limited in size, oldest lines dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from turnout.builds.times import TimeIndex
from turnout.domain.errors import Invalid, NotFound
from turnout.domain.ids import is_id

_LOOK_EVERY_SECONDS: Final = 0.1
_CHUNK: Final = 64 * 1024


class LogFiles:
    """The logs below one folder. Offsets count every byte ever written, also those dropped since."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes

    def append(self, *, deployment_id: str, instance_id: str, offset: int, data: bytes) -> int:
        """Add `data`, which begins at `offset`; returns how many bytes are there now.

        What is there already is not written twice. A gap (the start was lost at the sender) is bridged.
        """
        path = self._path(deployment_id, instance_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        base = _base(path)
        size = base + (path.stat().st_size if path.exists() else 0)
        if offset > size:
            _set_base(path, base + offset - size)
            size = offset
        fresh = data[size - offset :]
        if fresh:
            TimeIndex(_times(path)).note(datetime.now(UTC), size)
            with path.open("ab") as file:
                file.write(fresh)
        self._drop_oldest(path)
        return size + len(fresh)

    def instances(self, deployment_id: str) -> tuple[str, ...]:
        """The instances of a deployment that ever printed anything, oldest first."""
        _check("dep", deployment_id)
        return tuple(sorted(path.stem for path in (self._folder / deployment_id).glob("ins_*.log")))

    async def read(
        self, *, deployment_id: str, instance_id: str | None, follow: bool, since: datetime | None = None
    ) -> AsyncIterator[bytes]:
        """The output of one instance, or of all, each line as it was; with `follow`, what comes next too.

        `since` leaves out what was printed before. Raises NotFound for an instance that printed nothing.
        """
        if instance_id is not None and instance_id not in self.instances(deployment_id):
            raise NotFound(f"cannot read logs: {deployment_id} has no output of an instance {instance_id}")
        return self._read(deployment_id, instance_id, follow, self._starts(deployment_id, since))

    def _starts(self, deployment_id: str, since: datetime | None) -> dict[str, int]:
        """Where to begin in each log; those that are not named are read from their beginning."""
        if since is None:
            return {}
        starts: dict[str, int] = {}
        for each in self.instances(deployment_id):
            path = self._path(deployment_id, each)
            offset = TimeIndex(_times(path)).offset_since(since)
            starts[each] = _base(path) + path.stat().st_size if offset is None else offset
        return starts

    async def _read(
        self, deployment_id: str, instance_id: str | None, follow: bool, positions: dict[str, int]
    ) -> AsyncIterator[bytes]:
        while True:
            for each in (instance_id,) if instance_id else self.instances(deployment_id):
                path = self._path(deployment_id, each)
                base = _base(path)
                position = max(positions.get(each, 0), base)
                with path.open("rb") as file:
                    file.seek(position - base)
                    while chunk := file.read(_CHUNK):
                        position += len(chunk)
                        yield chunk
                positions[each] = position
            if not follow:
                return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _path(self, deployment_id: str, instance_id: str) -> Path:
        _check("dep", deployment_id)
        _check("ins", instance_id)
        return self._folder / deployment_id / f"{instance_id}.log"

    def _drop_oldest(self, path: Path) -> None:
        """Keep the newer half once the limit is reached, from the start of a line on."""
        size = path.stat().st_size if path.exists() else 0
        if size <= self._limit:
            return
        keep = path.read_bytes()[-self._limit // 2 :]
        keep = keep[keep.find(b"\n") + 1 :]
        shorter = path.with_suffix(".tmp")
        shorter.write_bytes(keep)
        _set_base(path, _base(path) + size - len(keep))
        shorter.replace(path)
        TimeIndex(_times(path)).drop_before(_base(path))


def _check(prefix: str, identifier: str) -> None:
    if not (is_id(identifier, "dep") if prefix == "dep" else is_id(identifier, "ins")):
        raise Invalid(f"cannot read logs: {identifier!r} is not an id of this kind: {prefix}_…")


def _times(path: Path) -> Path:
    return path.with_suffix(".times")


def _base(path: Path) -> int:
    try:
        return int(path.with_suffix(".base").read_text())
    except FileNotFoundError:
        return 0


def _set_base(path: Path, base: int) -> None:
    path.with_suffix(".base").write_text(str(base))
