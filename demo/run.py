"""The story of Turnout in half a minute, on this machine, with a real app and real requests.

Deploys v1 and v2 of examples/hello-python, rolls back, deploys v3 meanwhile, promotes it, and counts every
request. Ends with exit code 0 only if not one of them failed. Nothing of it stays on the machine.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from traffic import Traffic, version_at

ROOT = Path(__file__).resolve().parent.parent
TURNOUT = Path(sys.executable).with_name("turnout")
LIVE = "hello-default.localhost"


async def main() -> int:
    """Tell the story; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as folder:
        demo = Demo(Path(folder))
        say("Starting Restate, Envoy, the API, a worker and krane on free ports of this machine")
        async with demo.started():
            return await story(demo)


async def story(demo: "Demo") -> int:
    """Deploy, deploy, roll back, deploy, promote."""
    say("Deploying v1: the first version takes every domain")
    first = await demo.deploy("v1")
    for domain in first["domains"]:
        tell(f"{domain['sticky']:<12} {domain['url']:<62} {await version_at(demo.gateway_url, domain['fqdn'])}")

    async with Traffic(demo.gateway_url, LIVE) as traffic:
        say(f"Deploying v2 while four clients ask {LIVE} without a pause")
        second = await demo.deploy("v2")
        await demo.shows(LIVE)
        tell(f"requests so far: {traffic.sent}, failed: {len(traffic.failures)}")

        say("Rolling back: v1 is still warm, so this is one transaction")
        await demo.switch("rollback")
        await demo.shows(LIVE)

        say("Deploying v3 while rolled back: it gets its own address, and leaves the live domains alone")
        third = await demo.deploy("v3")
        tell(f"live: {third['live']}: {third['reason']}")
        await demo.shows(LIVE)
        await demo.shows(third["domains"][0]["fqdn"])

        say("Promoting v3: the rolled-back mark is cleared")
        await demo.switch("promote", third["deployment_id"])
        await demo.shows(LIVE)

    say("What every client saw")
    tell(
        f"requests: {traffic.sent}   failed: {len(traffic.failures)}   "
        f"answered by: {dict(sorted(traffic.answers.items()))}"
    )
    for name, milliseconds in demo.propagation:
        tell(f"{name:<12} reached the gateway {milliseconds:.1f} ms after its commit")
    tell(f"memory of everything Turnout runs: {await demo.memory()} MiB")
    expected = {"v1", "v2", "v3"} <= set(traffic.answers) and second["live"] and not third["live"]
    if traffic.failures or not expected:
        tell(f"something went wrong: {traffic.failures[:5]}")
        return 1
    say("Done: three versions, five switches, not one failed request")
    return 0


class Demo:
    """A Turnout of its own in a temporary home, and the app that is deployed."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.app = folder / "hello"
        self.gateway_url = ""
        self.propagation: list[tuple[str, float]] = []
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")} | {
            "TURNOUT_HOME": str(self.home),
            "TURNOUT_GATEWAY_PORT": "0",
        }
        for kept in ("TURNOUT_RESTATE_SERVER", "TURNOUT_CACHE"):
            if kept in os.environ:
                self._environment[kept] = os.environ[kept]
        shutil.copytree(ROOT / "examples" / "hello-python", self.app, ignore=shutil.ignore_patterns("__pycache__"))

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Up at the beginning, down at the end, whatever happens between."""
        began = time.monotonic()
        try:
            up = await self.turnout("up", "--detach", "--backend", "process")
            self.gateway_url = up["gateway_url"]
            tell(f"up after {time.monotonic() - began:.1f} s; gateway {up['gateway_url']}, API {up['api_url']}")
            yield
        finally:
            say("Stopping everything")
            await self.turnout("down")

    async def deploy(self, version: str) -> Any:
        """Change the app's version and deploy its folder."""
        (self.app / "VERSION").write_text(version + "\n")
        commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
        result = await self.turnout(
            "deploy", str(self.app), "--project", "hello", "--branch", "main", "--commit", commit
        )
        steps = " → ".join(step["name"] for step in result["steps"] if step["status"] != "skipped")
        self.propagation.append((f"deploy {version}", result["propagation_ms"]))
        tell(f"{result['deployment_id']} {result['status']} after {result['duration_ms'] / 1000:.2f} s: {steps}")
        operation = await self.turnout("ls", "--project", "hello")
        tell(f"live: {operation['live_deployment_id']}, rolled back: {operation['rolled_back']}")
        return result

    async def switch(self, verb: str, *target: str) -> None:
        """Roll back or promote."""
        result = await self.turnout(verb, *target, "--project", "hello")
        self.propagation.append((verb, result["propagation_ms"]))
        tell(f"{result['previous_deployment_id']} → {result['live_deployment_id']}, generation {result['generation']}")

    async def shows(self, host: str) -> None:
        """Tell what answers at a domain now."""
        tell(f"{host}: {await version_at(self.gateway_url, host)}")

    async def memory(self) -> int:
        """Resident memory of all parts, in MiB."""
        return round((await self.turnout("status"))["memory_mib"])

    async def turnout(self, *arguments: str) -> Any:
        """Run the command line, as a person would, and read its JSON. Its progress goes to the terminal."""
        process = await asyncio.create_subprocess_exec(
            str(TURNOUT), *arguments, "--json", env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        document = json.loads(output)
        if process.returncode != 0:
            raise SystemExit(f"turnout {' '.join(arguments)} ended with {process.returncode}: {document}")
        return document


def say(text: str) -> None:
    """A chapter."""
    print(f"\n== {text}", flush=True)


def tell(text: str) -> None:
    """A line of it."""
    print(f"   {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
