"""Ending everything of a home when its krane is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from turnout.krane.files import only_krane_of
from turnout.krane.ledger import Ledger
from turnout.krane.ports import BackendPort
from turnout.krane.process import ProcessBackend


async def stop_everything(home: Path, *, grace: float = 10.0, others: Sequence[BackendPort] = ()) -> tuple[str, ...]:
    """End every instance of `home` and remove its traces; return the ids of those there were.

    Process instances always; with `others`, those of further backends. Raises Conflict while a krane lives:
    it would start them again, and it has `stop_all` for this. Raises Unavailable when an engine is away.
    """
    with only_krane_of(home):
        backends: list[BackendPort] = [ProcessBackend(home=home, releases=home / "releases"), *others]
        ended: set[str] = set()
        for backend in backends:
            ids = [found.instance_id for found in await backend.found()]
            await asyncio.gather(*(backend.stop(instance_id, grace=grace) for instance_id in ids))
            await asyncio.gather(*(backend.remove(instance_id) for instance_id in ids))
            ended.update(ids)
        ledger = Ledger(home)
        for entry in ledger.entries():
            if entry.instance_id in ended or not entry.touched:
                ledger.forget(entry.instance_id)
        return tuple(sorted(ended))
