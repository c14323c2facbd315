"""A worker in a process of its own that is killed, or stumbles, where it was told to: around the effect of a step."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from turnout.domain.errors import Unavailable
from turnout.domain.proofs import Claim, Finding, ProofMethod
from turnout.settings import DeploySettings, DomainSettings, RestateSettings
from turnout.store import open_store
from turnout.workflows import Config, Workflow
from turnout.workflows.serving import serve

_PROCESSES: Final = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.faults.histories.worker"])  # so that each of them starts at once


@dataclass(frozen=True, kw_only=True)
class Work:
    """What such a worker works with."""

    folder: Path
    """Where its log is, and where its doom is written down."""
    database_url: str
    port: int
    limits: DeploySettings
    domains: DomainSettings

    @property
    def log(self) -> Path:
        """All that any of them has printed."""
        return self.folder / "worker.log"


class Worker:
    """Kept running, whatever becomes of it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._process: multiprocessing.process.BaseProcess | None = None
        self.deaths = 0

    async def keep(self) -> None:
        """Start it again whenever it ends, until cancelled."""
        while True:
            self._process = process = _PROCESSES.Process(target=_run, args=(self._work,), daemon=True)
            process.start()
            try:
                while process.is_alive():
                    await asyncio.sleep(0.02)
                self.deaths += 1
            finally:
                process.kill()
                process.join()

    def kill(self) -> None:
        """`kill -9`, now."""
        if self._process is not None:
            self._process.kill()

    def doom(self, what: str, step: str, moment: str) -> None:
        """Have it `kill` itself or `stumble`, once, at the next effect of that step."""
        _mark(self._work.folder, what, step, moment).touch()

    def forgive(self) -> None:
        """What has not happened yet does not happen any more."""
        for mark in self._work.folder.glob("doom *"):
            mark.unlink(missing_ok=True)


def _mark(folder: Path, what: str, step: str, moment: str) -> Path:
    return folder / f"doom {what} {moment} {step}"


def _run(work: Work) -> None:
    log = os.open(work.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(work))


async def _serve(work: Work) -> None:
    async def meet_doom(step: str, moment: str) -> None:
        if _is_told(_mark(work.folder, "kill", step, moment)):
            os.kill(os.getpid(), signal.SIGKILL)
        if _is_told(_mark(work.folder, "stumble", step, moment)):
            raise Unavailable(f"{step} stumbles")

    async with open_store(work.database_url) as store:
        config = Config(db=store, limits=work.limits, domains=work.domains, prover=_Proved())
        await serve(Workflow(config, hook=meet_doom), RestateSettings(worker_port=work.port, worker_grace_seconds=0.2))


def _is_told(mark: Path) -> bool:
    """Whether this is the moment. It comes once."""
    if not mark.exists():
        return False
    mark.unlink(missing_ok=True)
    return True


class _Proved:
    """Every name is proved: who may have one is shown elsewhere."""

    async def look(self, claim: Claim) -> Finding:
        """The TXT record is there."""
        return Finding(method=ProofMethod.TXT, problem=None)
