"""What several tests need: waiting for something to become so, and saying what a test cannot do without."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
import tarfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

import pytest

PATIENCE = 4
"""What every deadline of a test is multiplied by. It ends a hang and measures nothing, so it may be far away."""

CERTIFICATES: Final = ssl.create_default_context()
"""For every client that can do with them: loading them anew takes longer than the request."""

_BUSYBOX = Path(shutil.which("busybox") or "/bin/busybox")


def require(part: str) -> None:
    """Skip the test when a part is not on this machine; fail it when TURNOUT_TEST_REQUIRE names the part.

    So a laptop without an engine still runs all it can, and CI cannot pass by skipping.
    """
    missing = _missing(part)
    if missing is None:
        return
    if part in os.environ.get("TURNOUT_TEST_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"{part} is required here, and {missing}")
    pytest.skip(missing)


@cache
def _missing(part: str) -> str | None:
    """Why a part cannot be used; None when it can."""
    if part == "docker":
        from turnout.krane.detect import docker_address, docker_answers

        with ThreadPoolExecutor(1) as thread:  # the caller's own event loop may be running
            answers = thread.submit(asyncio.run, docker_answers(docker_address())).result()
        return None if answers else "no Docker Engine answers"
    if part == "docker-registry":
        return None if shutil.which("docker-registry") else "there is no docker-registry on this machine"
    if part == "pebble":
        return None if shutil.which("pebble") else "there is no pebble, an ACME server, on this machine"
    if part == "busybox":
        return None if _BUSYBOX.exists() else f"there is no static busybox at {_BUSYBOX}"
    if part == "postgres":
        return None if os.environ.get("TURNOUT_TEST_POSTGRES_URL") else "TURNOUT_TEST_POSTGRES_URL is not set"
    if part == "root":
        return None if os.geteuid() == 0 else "the tests do not run as root"
    raise ValueError(f"nobody knows how to look for {part}")


async def eventually(true: Callable[[], bool | Awaitable[bool]], *, within: float = 5.0, what: str = "") -> None:
    """Wait until something is so. Fails the test when it does not become so in time; see `next_pause`."""
    began = time.monotonic()
    while True:
        answer = true()
        if not isinstance(answer, bool):
            answer = await answer
        if answer:
            return
        waited = time.monotonic() - began
        if waited > within * PATIENCE:
            pytest.fail(f"after {within * PATIENCE:g} s still not so: {what or true}")
        await asyncio.sleep(next_pause(waited, 0.02))


def next_pause(waited: float, least: float) -> float:
    """Seconds until the next look at something: looking is load, so what takes long is looked at less.

    A twentieth of what was waited is never missed, and half a second neither.
    """
    return max(least, min(waited / 20, 0.5))


def patiently(seconds: float) -> asyncio.Timeout:
    """A deadline for a block that awaits an event; see PATIENCE."""
    return asyncio.timeout(seconds * PATIENCE)


def make_release(releases: Path, files: dict[str, str]) -> str:
    """A complete release with these files, as a builder leaves it; returns its image name."""
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    app = releases / digest / "app"
    app.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (app / name).write_text(text)
    (releases / digest / "release.json").write_text("{}")
    return f"release:{digest}"


@cache
def busybox_image() -> str:
    """An image with nothing but a static busybox, made on this machine: no registry takes part."""
    require("docker")
    name = "turnout-test/busybox:2"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        require("busybox")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as root:
            root.add(_BUSYBOX.resolve(), "bin/busybox")
            for program in ("sh", "cat", "echo", "httpd", "id", "sleep", "tail", "touch"):
                link = tarfile.TarInfo(f"bin/{program}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                root.addfile(link)
            page = tarfile.TarInfo("www/index.html")
            root.addfile(page)
            place = tarfile.TarInfo("tmp")
            place.type, place.mode = tarfile.DIRTYPE, 0o1777
            root.addfile(place)
        importing = ["docker", "import", "--change", "ENV PATH=/bin", "-", name]
        subprocess.run(importing, input=archive.getvalue(), check=True, capture_output=True)
    return name
