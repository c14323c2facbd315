"""`turnout up`, with the worker of the tests in its place. `python -m tests.faults.up <folder>`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace

from turnout.local.parts import Part
from turnout.local.start import document, up


def arrange(table: tuple[Part, ...]) -> tuple[Part, ...]:
    """The table of parts with our worker in it."""
    ours = (sys.executable, "-P", "-m", "tests.faults.worker", sys.argv[1])
    return tuple(replace(part, argv=ours) if part.name == "worker" else part for part in table)


if __name__ == "__main__":
    asyncio.run(
        up(
            os.environ,
            say=lambda text: print(text, file=sys.stderr, flush=True),
            ready=lambda addresses: print(json.dumps(document(addresses)), flush=True),
            arrange=arrange,
        )
    )
