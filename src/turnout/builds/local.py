"""Builds on this machine: each in a detached process with a folder that says all there is to know of it.

The folder is the only state. So any number of processes may start, look and cancel, any of them may be
killed at any moment, and the build goes on or is found dead by the next look. The lock of the folder is held
by the builder as long as it lives, and by whoever starts or ends one.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from turnout.builds import processes
from turnout.builds.attempts import attempts, count_attempt, seconds_left
from turnout.builds.disk import disk_errors, read_json, write_json
from turnout.builds.layout import RELEASE_PREFIX, BuildFolder, ReleaseFolder, release_id_of
from turnout.builds.locks import try_lock
from turnout.builds.log import failure, lines_at_end
from turnout.builds.release import clear_half_release
from turnout.builds.results import failed, late_reason, state_of
from turnout.builds.runner import request_from
from turnout.builds.service import BuildRequest, BuildState, BuildStatus, Secrets
from turnout.builds.sources import stored_source
from turnout.domain.errors import NotFound, Unavailable
from turnout.domain.records import Backend
from turnout.settings import ApiSettings, BuildSettings

_MIB: Final = 1024 * 1024
_UNPACKED_MIB: Final = ApiSettings().unpacked_mib
_MAX_ATTEMPTS: Final = 3
_LATE_GRACE_SECONDS: Final = 15.0
"""The builder ends a late build by itself; only one that does not is ended from outside."""
_CANCEL_SECONDS: Final = 10.0
_SECRETS_SECONDS: Final = 20.0
_CANCELLED: Final = "the build was cancelled"
_LOST: Final = f"the build's process was lost {_MAX_ATTEMPTS} times; the machine may lack memory"


class LocalBuilds:
    """The BuildClient of one machine. Its methods wait for disks and processes in threads."""

    def __init__(
        self,
        home: Path,
        *,
        unpacked_mib: int = _UNPACKED_MIB,
        environ: Mapping[str, str] | None = None,
        docker: BuildSettings | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._home = home.absolute()
        self._unpacked_mib = unpacked_mib
        self._environ = os.environ if environ is None else environ
        self._docker = docker or BuildSettings()
        self._secrets = secrets

    async def find(self, request: BuildRequest) -> str | None:
        """See BuildClient."""
        if request.backend is Backend.DOCKER:
            # Only here: a machine that builds releases only need not load it.
            from turnout.builds.docker import find_image  # noqa: PLC0415

            return await find_image(request, registry=self._docker.registry)
        release = self._release(request)
        return RELEASE_PREFIX + release.path.name if release.record.exists() else None

    async def start(self, request: BuildRequest) -> None:
        """See BuildClient."""
        await asyncio.to_thread(self._start, request, asyncio.get_running_loop())

    async def look(self, deployment_id: str) -> BuildState:
        """See BuildClient."""
        return await asyncio.to_thread(self._look, self._known(deployment_id), asyncio.get_running_loop())

    async def cancel(self, deployment_id: str) -> None:
        """See BuildClient. Raises Unavailable when a process of it cannot be ended."""
        await asyncio.to_thread(self._cancel, BuildFolder.of(self._home, deployment_id))

    async def forget(self, deployment_id: str) -> None:
        """See BuildClient."""
        folder = BuildFolder.of(self._home, deployment_id)
        await asyncio.to_thread(self._cancel, folder)
        await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)

    def log_path(self, deployment_id: str) -> Path:
        """The file that the build's output goes to; it may not exist yet. Raises NotFound."""
        return self._known(deployment_id).log

    def release_folder(self, image: str) -> Path:
        """The folder of a release's image, `release:<hash>`."""
        return ReleaseFolder.of(self._home, image.partition(":")[2]).path

    # ------------------------------------------------------------------------------------- the verbs

    def _start(self, request: BuildRequest, loop: asyncio.AbstractEventLoop) -> None:
        folder = BuildFolder.of(self._home, request.deployment_id)
        with disk_errors("start the build"):
            # Once more when another process holds the lock: it may be killed before it has written anything.
            while not folder.request.exists():
                document = {
                    **asdict(request),
                    "archive": str(stored_source(self._home, request.source_id)),
                    "unpacked_bytes": self._unpacked_mib * _MIB,
                    "docker": asdict(self._docker),
                }
                folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                with try_lock(folder.lock) as locked:
                    if locked is not None and not folder.request.exists():
                        write_json(folder.request, document)
            self._go_on(folder, loop)

    def _look(self, folder: BuildFolder, loop: asyncio.AbstractEventLoop) -> BuildState:
        with disk_errors("look at the build"):
            if (result := read_json(folder.result)) is not None:
                return state_of(result)
            return self._go_on(folder, loop)

    def _cancel(self, folder: BuildFolder) -> None:
        if not folder.path.exists():
            return
        with disk_errors("cancel the build"):
            if read_json(folder.result) is not None:
                return
            folder.cancelled.touch()  # from here on nobody starts a builder
            give_up = time.monotonic() + _CANCEL_SECONDS
            while time.monotonic() < give_up:
                self._kill(folder)
                with try_lock(folder.lock) as locked:
                    if locked is not None:
                        self._end(folder, _CANCELLED)
                        return
                time.sleep(0.02)
        raise Unavailable(f"cannot cancel the build {folder.path.name}: a process of it does not end")

    def _release(self, request: BuildRequest) -> ReleaseFolder:
        identifier = release_id_of(request)
        return ReleaseFolder.of(self._home, identifier)

    def _known(self, deployment_id: str) -> BuildFolder:
        folder = BuildFolder.of(self._home, deployment_id)
        if not folder.request.exists():
            raise NotFound(f"there is no build of {deployment_id}")
        return folder

    # --------------------------------------------------------------------------- one step of a build

    def _go_on(self, folder: BuildFolder, loop: asyncio.AbstractEventLoop) -> BuildState:
        """Do what the build needs next, if that is anything, and say where it stands."""
        document = read_json(folder.request)
        if document is None:
            raise NotFound(f"there is no build of {folder.path.name}")
        left = seconds_left(folder, float(document["deadline_seconds"]))
        if left < -_LATE_GRACE_SECONDS:
            self._kill(folder)
        with try_lock(folder.lock) as locked:
            if locked is None:
                return _running(folder)
            if (
                over := self._over(folder, late_reason(document["deadline_seconds"]) if left < 0 else None)
            ) is not None:
                return over
            self._start_builder(folder, locked, self._told(request_from(document), loop))
            return BuildState(status=BuildStatus.PENDING)

    def _over(self, folder: BuildFolder, late: str | None) -> BuildState | None:
        """There is no builder, and we hold its lock: how the build ended; None when one has to be started."""
        if (result := read_json(folder.result)) is not None:
            return state_of(result)
        if folder.cancelled.exists():
            return self._end(folder, _CANCELLED)
        if late is not None:
            return self._end(folder, late, quote=True)
        if attempts(folder) >= _MAX_ATTEMPTS:
            return self._end(folder, _LOST, quote=True)
        return None

    def _told(self, request: BuildRequest, loop: asyncio.AbstractEventLoop) -> bytes:
        """The secrets for a builder's standard input. They are asked for in the loop that we were called from."""
        if not request.options.secrets:
            return b""
        if self._secrets is None:
            raise Unavailable("cannot start the build: nobody here can read the secrets that it names")
        asked = asyncio.run_coroutine_threadsafe(_awaited(self._secrets, request), loop)
        try:
            values = asked.result(_SECRETS_SECONDS)
        except TimeoutError:
            asked.cancel()
            raise Unavailable("cannot start the build: its secrets could not be read in time") from None
        return json.dumps(dict(values)).encode()

    def _start_builder(self, folder: BuildFolder, locked: int, told: bytes) -> None:
        """Start a builder that takes over the lock and is told the secrets. What an earlier one left is ended first."""
        if attempts(folder):
            self._kill(folder)
            folder.builder.unlink(missing_ok=True)
            with folder.log.open("ab") as log:
                log.write(b"==> the build's process was lost; starting again\n")
        count_attempt(folder)
        own = {name: value for name, value in self._environ.items() if not name.startswith("TURNOUT_")}
        processes.start_detached(
            [sys.executable, "-P", "-m", "turnout.builds.runner", str(folder.path)],
            environment={**own, processes.MARK: str(folder.path)},
            output=folder.builder_output,
            keep_open=locked,
            told=told,
        )

    def _kill(self, folder: BuildFolder) -> None:
        builder = read_json(folder.builder)
        leader = (int(builder["pid"]), str(builder["started"])) if builder is not None else None
        processes.kill_build(folder.path, leader=leader)

    def _end(self, folder: BuildFolder, reason: str, *, quote: bool = False) -> BuildState:
        """Write down that the build has failed, and clear what it left. For the holder of the lock."""
        self._kill(folder)
        shutil.rmtree(folder.scratch, ignore_errors=True)
        self._clear_release(read_json(folder.request))
        last_lines = (*lines_at_end(folder.log), *lines_at_end(folder.builder_output)) if quote else ()
        result = failed(failure(reason, last_lines))
        # On a full disk the answer is the same next time; not to give it would help nobody.
        with suppress(OSError):
            write_json(folder.result, result)
        return state_of(result)

    def _clear_release(self, document: dict[str, Any] | None) -> None:
        """Remove the half release of a build that was killed, unless another build has taken it over."""
        if document is None or document["backend"] != Backend.PROCESS:
            return
        release = self._release(request_from(document))
        if not release.path.exists() and not release.lock.exists():
            return
        with try_lock(release.lock) as locked:
            if locked is not None:
                if not release.record.exists():
                    clear_half_release(release)
                release.lock.unlink(missing_ok=True)


async def _awaited(secrets: Secrets, request: BuildRequest) -> Mapping[str, str]:
    return await secrets(request.deployment_id, request.options.secrets)


def _running(folder: BuildFolder) -> BuildState:
    return BuildState(status=BuildStatus.RUNNING if folder.builder.exists() else BuildStatus.PENDING)
