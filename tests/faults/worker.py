"""The worker of the tests of faults: the product's own, with a hook. `python -m tests.faults.worker <folder>`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.faults.breaking import Breaker
from turnout.bootstrap.worker import run_worker
from turnout.settings import load_settings

if __name__ == "__main__":
    asyncio.run(run_worker(load_settings(), hook=Breaker(Path(sys.argv[1])).around))
