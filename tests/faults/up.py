"""`turnout up`, with the worker of the tests in its place. `python -m tests.faults.up <folder>`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace

from turnout.local.parts import Part
from turnout.local.record import Addresses
from turnout.local.start import document, up


def arrange(table: tuple[Part, ...]) -> tuple[Part, ...]:
    """The table of parts with our worker in it."""
    ours = (sys.executable, "-P", "-m", "tests.faults.worker", sys.argv[1])
    return tuple(replace(part, argv=ours) if part.name == "worker" else part for part in table)


def say(text: str) -> None:
    """What the supervisor says is for its log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def ready(addresses: Addresses) -> None:
    """What `turnout up --json` prints, on one line."""
    sys.stdout.write(json.dumps(document(addresses)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(up(os.environ, say=say, ready=ready, arrange=arrange))
