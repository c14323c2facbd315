# ruff: noqa: INP001, T201  # a script that prints for a person
"""What it costs to ask for keys: several ways beside each other, as ratios to the same route without.

    PYTHONPATH=src python bench/key_auth.py [rounds] [seconds]

One Envoy has the product's listener once for each candidate, on ports of their own, and a second Envoy is the app. The
candidates take turns, so that whatever else the machine does hits all of them. Load comes from `wrk` if it is there.
Beside rate and latency stands the processor time that the gateway (and its helper) took for a request: that number
is the same on a busy machine. In the end: what a switch costs with so many keys.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from key_auth_candidates import BODY, SIGNED, Authorisation, app, free_port, gateway, signed

from turnout.domain.keyspaces import RateLimit, new_key
from turnout.domain.views import GuardView, KeyView, ProjectView, RouteView, TargetView
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.launch import LaunchSettings, find_envoy, launch
from turnout.gateway.service import GatewayService
from turnout.gateway.testing import MemoryStore

KEYS = 1000
CONNECTIONS = 16
HOST = "bench.example"


@dataclass(frozen=True)
class Candidate:
    """One way to ask for keys."""

    name: str
    headers: dict[str, str]
    port: int
    status: int = 200


@dataclass(frozen=True)
class Sample:
    """What one turn of a candidate gave."""

    rate: float
    p50: float
    p99: float
    cpu: float
    """Microseconds for a request."""


def view(*, keyspace: str | None, keys: tuple[KeyView, ...], address: str) -> ProjectView:
    """A project with one domain."""
    return ProjectView(
        project_id="prj_1",
        routes=(RouteView(fqdn=HOST, deployment_id="dep_1", guard=GuardView(key_auth_id=keyspace)),),
        targets=(TargetView(deployment_id="dep_1", addresses=(address,)),),
        keys=keys,
    )


def load(candidate: Candidate, seconds: float) -> tuple[float, float, float]:
    """Requests per second, and the median and 99th percentile of latency in milliseconds."""
    url = f"http://127.0.0.1:{candidate.port}/"
    headers = {"Host": HOST, **candidate.headers}
    if (wrk := shutil.which("wrk")) is None:
        return asyncio.run(small_load(candidate.port, headers, seconds))
    arguments = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency"]
    arguments += [each for name, value in headers.items() for each in ("-H", f"{name}: {value}")]
    out = subprocess.run([*arguments, url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, f"{candidate.name}: {out}"
    percent = {
        int(p): float(n) * {"us": 0.001, "ms": 1, "s": 1000}[u]
        for p, n, u in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", out)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert rate is not None, out
    return float(rate[1]), percent[50], percent[99]


async def small_load(port: int, headers: dict[str, str], seconds: float) -> tuple[float, float, float]:
    """The same in Python, when there is nothing better: slower, so that differences look smaller than they are."""
    request = "GET / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(len(BODY))
            took.append((time.perf_counter() - began) * 1000)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    percentiles = statistics.quantiles(took, n=100)
    return len(took) / seconds, percentiles[49], percentiles[98]


def spent(processes: list[psutil.Process]) -> float:
    """Processor seconds so far."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def take(candidate: Candidate, seconds: float, processes: list[psutil.Process]) -> Sample:
    """One turn."""
    before = spent(processes)
    rate, p50, p99 = load(candidate, seconds)
    return Sample(rate=rate, p50=p50, p99=p99, cpu=(spent(processes) - before) / (rate * seconds) * 1e6)


def compare(rounds: int, seconds: float) -> None:
    """All candidates by turns; medians over the rounds, each compared with the first of its own round."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
    binary = find_envoy(os.environ)
    made = [new_key() for _ in range(KEYS)]
    keys = tuple(KeyView(id=f"key_{n}", keyspace_id="ks_1", sha256=key.sha256) for n, key in enumerate(made))
    bearer = {"Authorization": f"Bearer {made[KEYS // 2].secret}"}
    upstream = free_port()
    address = f"127.0.0.1:{upstream}"
    plain = view(keyspace=None, keys=(), address=address)
    guarded = view(keyspace="ks_1", keys=keys, address=address)
    unlimited = RateLimit(requests=1_000_000, seconds=1)
    limited = replace(guarded, keys=tuple(replace(key, limit=unlimited) for key in keys))
    authorisation = Authorisation({key.sha256 for key in made}, folder)
    jwt = {"Authorization": f"Bearer {signed()}"}
    candidates = [Candidate(name, headers, free_port()) for name, headers in (
        ("open, no filters", {}), ("open, in this gateway", {}), ("Lua", bearer), ("Lua, with a limit", bearer),
        ("ext_authz, Python", bearer), ("signed, RS256", jwt), ("signed, RS256, cached", jwt),
    )]  # fmt: skip
    ports = [each.port for each in candidates]
    config = gateway(folder, list(zip(
        ports,
        (plain, plain, guarded, limited, plain, plain, plain),
        ([], None, None, None, [authorisation.filter()], [SIGNED], [SIGNED | {"cached": True}]),
        strict=True,
    )), address, authorisation)  # fmt: skip
    running = []
    try:
        for name, document, threads in (("app", app(upstream), 1), ("gateway", config, 2)):
            (folder / f"{name}.json").write_text(json.dumps(document))
            arguments = [binary, "-c", folder / f"{name}.json", "--disable-hot-restart", "-l", "error"]
            running.append(subprocess.Popen([*arguments, "--concurrency", str(threads)]))
        helper = authorisation.start()
        running.append(helper)
        time.sleep(3)
        processes = [psutil.Process(running[1].pid), psutil.Process(helper.pid)]
        samples: dict[str, list[Sample]] = defaultdict(list)
        for candidate in candidates:
            load(candidate, 1)  # LuaJIT compiles, connections open
        for _ in range(rounds):
            for candidate in candidates:
                samples[candidate.name].append(take(candidate, seconds, processes))
    finally:
        for process in running:
            process.terminate()
        shutil.rmtree(folder, ignore_errors=True)
    report(samples)


def report(samples: dict[str, list[Sample]]) -> None:
    """A line for each candidate."""
    base, *_ = samples.values()

    def middle(values: Any) -> float:
        return statistics.median(values)

    print(f"{'':<24}{'req/s':>8}{'ratio':>7}{'p50 ms':>8}{'p99 ms':>8}{'p99 more':>9}{'CPU us':>8}{'ratio':>7}")
    for name, mine in samples.items():
        pairs = list(zip(mine, base, strict=True))
        print(
            f"{name:<24}{middle(s.rate for s in mine):>8.0f}{middle(s.rate / b.rate for s, b in pairs):>7.2f}"
            f"{middle(s.p50 for s in mine):>8.2f}{middle(s.p99 for s in mine):>8.2f}"
            f"{middle(s.p99 - b.p99 for s, b in pairs):>9.2f}{middle(s.cpu for s in mine):>8.1f}"
            f"{middle(b.cpu / s.cpu for s, b in pairs):>7.2f}"
        )


async def switches(count: int) -> None:
    """What a switch of a project costs whose keyspace has so many keys."""
    folder = Path(tempfile.mkdtemp(prefix="turnout-bench-"))
    keys = tuple(KeyView(id=f"key_{n}", keyspace_id="ks_1", sha256=new_key().sha256) for n in range(count))
    store = MemoryStore()
    turns = [view(keyspace="ks_1", keys=keys, address=f"127.0.0.1:{port}") for port in (8, 9)]
    turns = [
        replace(each, routes=(*each.routes, RouteView(fqdn=f"{n}.example", deployment_id="dep_1")))
        for n, each in enumerate(turns)
    ]
    await store.put(turns[0])
    settings = BootstrapSettings(
        gateway_id="bench", region="here", ads=f"unix:{folder}/ads", admin=f"{folder}/admin", port=free_port()
    )
    launching = LaunchSettings(binary=find_envoy(os.environ), folder=folder, admin=settings.admin)
    async with GatewayService(source=store, journal=store, home=folder, listen=settings.ads):
        envoy = await launch(launching, bootstrap(settings))
        try:
            await store.until_acknowledged(1, by="bench", timeout=60)
            durations = []
            for turn in range(1, 41):
                began = time.perf_counter()
                generation = await store.put(turns[turn % 2])
                await store.until_acknowledged(generation, by="bench", timeout=60)
                durations.append((time.perf_counter() - began) * 1000)
            memory = await envoy.admin.statistic("server.memory_allocated") / 2**20
        finally:
            await envoy.stop(grace=0)
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{count:>6} keys: switch {statistics.median(durations):.1f} ms median, Envoy {memory:.0f} MiB")


if __name__ == "__main__":
    numbers = [float(argument) for argument in sys.argv[1:]]
    compare(int(numbers[0]) if numbers else 5, numbers[1] if len(numbers) > 1 else 3)
    for keys_there in (0, 100, 1000, 10_000):
        asyncio.run(switches(keys_there))
