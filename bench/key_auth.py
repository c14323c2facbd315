# ruff: noqa: INP001, S101, T201  # a script that prints for a person, and would rather stop than measure a failure
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from key_auth_candidates import BODY, Authorisation, app, free_port, gateway, signed, signed_filter

from turnout.domain.keyspaces import NewKey, RateLimit, new_key
from turnout.domain.views import GuardView, KeyView, ProjectView, RouteView, TargetView
from turnout.gateway.bootstrap import BootstrapSettings, bootstrap
from turnout.gateway.launch import LaunchSettings, find_envoy, launch
from turnout.gateway.service import GatewayService
from turnout.gateway.testing import MemoryStore

KEYS = 1000
CONNECTIONS = 16
HOST = "bench.example"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to ask for keys, on a port of its own."""

    name: str
    headers: dict[str, str]
    view: ProjectView
    filters: list[dict[str, Any]] | None = None
    """In the place of the product's."""
    port: int = field(default_factory=free_port)


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


def candidates(address: str, authorisation: Authorisation, made: list[NewKey]) -> list[Candidate]:
    """Those that are compared; the first one is what all are compared with."""
    keys = tuple(KeyView(id=f"key_{n}", keyspace_id="ks_1", sha256=key.sha256) for n, key in enumerate(made))
    plenty = RateLimit(requests=1_000_000, seconds=1)
    plain = view(keyspace=None, keys=(), address=address)
    guarded = view(keyspace="ks_1", keys=keys, address=address)
    limited = replace(guarded, keys=tuple(replace(key, limit=plenty) for key in keys))
    bearer = {"Authorization": f"Bearer {made[KEYS // 2].secret}"}
    jwt = {"Authorization": f"Bearer {signed()}"}
    return [
        Candidate(name="open, without filters", headers={}, view=plain, filters=[]),
        Candidate(name="open, in this gateway", headers={}, view=plain),
        Candidate(name="Lua", headers=bearer, view=guarded),
        Candidate(name="Lua, with a limit", headers=bearer, view=limited),
        Candidate(name="ext_authz in Python", headers=bearer, view=plain, filters=[authorisation.filter()]),
        Candidate(name="signed, RS256", headers=jwt, view=plain, filters=[signed_filter(cached=False)]),
        Candidate(name="signed, RS256, cached", headers=jwt, view=plain, filters=[signed_filter(cached=True)]),
    ]


@contextmanager
def running(
    folder: Path, compared: list[Candidate], authorisation: Authorisation, app_port: int
) -> Iterator[list[int]]:
    """The app, the gateway and the helper; yields the processes whose time counts."""
    config = gateway([(each.port, each.view, each.filters) for each in compared], app_port, authorisation)
    processes: list[Any] = []
    try:
        for name, document, threads in (("app", app(app_port), 1), ("gateway", config, 2)):
            (folder / f"{name}.json").write_text(json.dumps(document))
            arguments = [find_envoy(os.environ), "-c", folder / f"{name}.json", "--disable-hot-restart", "-l", "error"]
            processes.append(subprocess.Popen([*arguments, "--concurrency", str(threads)]))
        processes.append(authorisation.start())
        time.sleep(3)
        yield [process.pid for process in processes[1:]]
    finally:
        for process in processes:
            process.terminate()


def compare(rounds: int, seconds: float) -> None:
    """All candidates by turns; medians over the rounds, each compared with the first of its own round."""
    made = [new_key() for _ in range(KEYS)]
    samples: dict[str, list[Sample]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as named:
        folder, app_port = Path(named), free_port()
        authorisation = Authorisation({key.sha256 for key in made}, folder)
        compared = candidates(f"127.0.0.1:{app_port}", authorisation, made)
        with running(folder, compared, authorisation, app_port) as pids:
            processes = [psutil.Process(pid) for pid in pids]
            for candidate in compared:
                load(candidate, 1)  # scripts are compiled, connections open
            for _ in range(rounds):
                for candidate in compared:
                    samples[candidate.name].append(take(candidate, seconds, processes))
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
