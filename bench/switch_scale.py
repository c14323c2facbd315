# ruff: noqa: INP001, T201  # a script that prints for a person
"""How long a switch takes with few projects and with many: the ratio is the promise.

    PYTHONPATH=src python bench/switch_scale.py [few] [many]

Starts the gateway service with an in-memory store and a real Envoy, for each number of projects, and times
200 switches of one project, from the commit to the acknowledgement in the journal.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from turnout.domain.views import ProjectView
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.launch import LaunchSettings, find_envoy, launch
from turnout.gateway.service import GatewayService
from turnout.gateway.testing import MemoryStore, project

SWITCHES = 200


def one(number: int, version: int) -> ProjectView:
    """A project with three domains and two deployments; its live domain leads to one of them."""
    deployments = [f"dep_{number}_{n}" for n in range(2)]
    routes = {
        f"p{number}.example": deployments[version % 2],
        **{f"p{number}-git-{n}.example": deployment for n, deployment in enumerate(deployments)},
    }
    return project(f"prj_{number}", routes, {each: ["127.0.0.1:9"] for each in deployments})


async def measure(projects: int) -> float:
    """Print what it took, and return the median of a switch in milliseconds."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = MemoryStore()
    await store.put(*(one(number, 0) for number in range(projects)))
    settings = BootstrapSettings(
        gateway_id="bench", region="here", ads=f"unix:{folder}/ads", admin=f"{folder}/admin", port=port
    )
    launching = LaunchSettings(binary=find_envoy(os.environ), folder=folder, admin=settings.admin)
    async with GatewayService(source=store, journal=store, home=folder, listen=settings.ads) as service:
        began = time.perf_counter()
        envoy = await launch(launching, bootstrap(settings))
        try:
            await store.until_acknowledged(1, by="bench", timeout=60)
            synchronised = time.perf_counter() - began
            sent = service.ads.sent
            durations = []
            for turn in range(1, SWITCHES + 1):
                began = time.perf_counter()
                generation = await store.put(one(projects // 2, turn))
                await store.until_acknowledged(generation, by="bench")
                durations.append((time.perf_counter() - began) * 1000)
            memory = await envoy.admin.statistic("server.memory_allocated") / 2**20
            each = (service.ads.sent - sent) / SWITCHES
        finally:
            await envoy.stop(grace=0)
    shutil.rmtree(folder)
    median = statistics.median(durations)
    slowest = statistics.quantiles(durations, n=100)[98]
    print(
        f"{projects:>6} projects: synchronised in {synchronised:.2f} s, switch {median:.2f} ms median, "
        f"{slowest:.2f} ms p99, {each:.0f} resource sent per switch, Envoy {memory:.0f} MiB"
    )
    return median


async def main(few: int, many: int) -> None:
    """Measure both and print the ratio."""
    small = await measure(few)
    large = await measure(many)
    print(f"ratio {large / small:.2f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]] or [100, 5000]
    asyncio.run(main(*numbers))
