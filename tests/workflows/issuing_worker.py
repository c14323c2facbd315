"""A worker in a process of its own that kills itself, once at each step: the effect is done, the journal lacks it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.workflows.lab import LIMITS
from turnout.acme import AcmeClient
from turnout.settings import RestateSettings
from turnout.store import open_store
from turnout.vault import Boxes, MasterKeys
from turnout.workflows import Config, Workflow
from turnout.workflows.config import IssuingParts
from turnout.workflows.serving import serve

_PROCESSES: Final = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.workflows.issuing_worker"])  # so that each of them starts at once


@dataclass(frozen=True)
class Doomed:
    """What such a worker works with."""

    folder: Path
    """Where the store and the master keys are, and where it is written down which steps it was killed at."""
    directory: str
    ca_file: Path

    @property
    def deaths(self) -> set[str]:
        """The steps at which it was killed."""
        return {each.name.removeprefix("killed after ") for each in self.folder.glob("killed after *")}


def resurrecting(doomed: Doomed) -> Callable[[int], Awaitable[None]]:
    """Keeps a worker running at a port, whatever becomes of it, until cancelled."""

    async def keep(port: int) -> None:
        while True:
            process = _PROCESSES.Process(target=_work, args=(doomed, port), daemon=True)
            process.start()
            try:
                while process.is_alive():
                    await asyncio.sleep(0.02)
            finally:
                process.kill()
                process.join()

    return keep


def _work(doomed: Doomed, port: int) -> None:
    asyncio.run(_serve(doomed, port))


async def _serve(doomed: Doomed, port: int) -> None:
    async def die(step: str, moment: str) -> None:
        mark = doomed.folder / f"killed after {step}"
        if moment == "after" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    issuing = IssuingParts(
        acme=AcmeClient(doomed.directory, contact="ops@example.com", ca_file=doomed.ca_file),
        boxes=Boxes(MasterKeys(doomed.folder / "keys.json")),
    )
    async with open_store(f"sqlite+aiosqlite:///{doomed.folder / 'store.db'}") as store:
        workflow = Workflow(Config(db=store, limits=LIMITS, issuing=issuing), hook=die)
        await serve(workflow, RestateSettings(worker_port=port, worker_grace_seconds=0.2))
