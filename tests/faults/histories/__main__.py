"""`python -m tests.faults.histories --seed N --operations M`: histories from the command line; see `--help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.histories.generation import history
from tests.faults.histories.runner import Ran, run
from tests.faults.histories.world import open_world
from tests.workflows.lab import Restate
from turnout.local.restate_binary import ensure_restate_server
from turnout.local.start import cache_folder

LENGTH = 200
"""Operations of one history. More are made of several, with the seeds after the first one, so each can be had again."""


def main() -> int:
    """0 when everything held, else 1: then the history is printed, and how to have it again."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.histories", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--operations", type=int, default=LENGTH, help="in all; one history has 200 at the most")
    parser.add_argument("--show", action="store_true", help="print the history, and do nothing")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave stores and logs")
    asked = parser.parse_args()
    if asked.show:
        print(history(asked.seed, min(asked.operations, LENGTH)).told())  # noqa: T201
        return 0
    return asyncio.run(_soak(asked.seed, asked.operations, asked.keep))


async def _soak(seed: int, operations: int, keep: Path | None) -> int:
    binary = await ensure_restate_server(cache_folder(os.environ), say=_say)
    began, total, ends = time.monotonic(), Ran(), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="turnout-histories-") as scratch:
        folder = keep or Path(scratch)
        server = Restate(binary, Path(scratch) / "restate")
        server.start()
        try:
            while total.operations < operations:
                ran = await _one(server, folder, seed, min(LENGTH, operations - total.operations))
                total.operations += ran.operations
                total.faults += ran.faults
                ends += ran.ends
                if ran.broken:
                    return 1
                seed += 1
        finally:
            server.stop()
    seconds = time.monotonic() - began
    _say(f"{total.operations} operations and {total.faults} faults in {seconds:.0f} s: everything held")
    how = ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))
    _say(f"{total.operations / seconds:.1f} operations a second; {how}")
    return 0


async def _one(server: Restate, folder: Path, seed: int, operations: int) -> Ran:
    made = history(seed, operations)
    home = folder / f"seed-{seed}"
    home.mkdir(parents=True)
    async with open_world(server, home, warm=made.warm) as world:
        ran = await run(world, made)
    if ran.broken:
        _say("\n".join([made.told(), "", "what did not hold:", *(f"  {each}" for each in ran.broken)]))
    else:
        deaths = f"the worker died {world.worker.deaths} times"
        _say(f"seed {seed}: {ran.operations} operations, {ran.faults} faults, {ran.seconds:.1f} s; {deaths}")
    return ran


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
