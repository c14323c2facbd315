"""The way of what was observed to the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from turnout.domain.documents import InstanceReport, RegionReport, StrayReport
from turnout.domain.errors import TurnoutError
from turnout.domain.job_documents import JobReport
from turnout.domain.records import Backend
from turnout.krane.ports import ControlPlane
from turnout.krane.settings import KraneSettings

_STRAYS_AT_ONCE: Final = 100


class Reporter:
    """Gathers changes for a moment and sends them in order; after any failure it sends everything."""

    def __init__(
        self,
        control_plane: ControlPlane,
        settings: KraneSettings,
        logger: FilteringBoundLogger,
        *,
        backends: Callable[[], tuple[Backend, ...]],
        everything: Callable[[], tuple[InstanceReport, ...]],
        jobs: Callable[[], tuple[JobReport, ...]] = tuple,
    ) -> None:
        self._control_plane = control_plane
        self._settings = settings
        self._logger = logger
        self._backends = backends
        self._everything = everything
        self._jobs = jobs
        self._changed_jobs: dict[str, JobReport] = {}
        self._changed: dict[str, InstanceReport] = {}
        self._strays: dict[str, StrayReport] = {}
        self._complete = False
        self._completed_at = time.monotonic()
        self._beat = False
        self._wake = asyncio.Event()

    def changed(self, report: InstanceReport) -> None:
        """An instance is not as it was."""
        self._changed[report.id] = report
        self._wake.set()

    def job_changed(self, report: JobReport) -> None:
        """A job is not as it was."""
        self._changed_jobs[report.id] = report
        self._wake.set()

    def found_stray(self, stray: StrayReport) -> None:
        """Something under our mark was found that nobody knows."""
        self._strays[stray.instance_id] = stray
        self._wake.set()

    def report_everything(self) -> None:
        """Make the next report a complete one, and send it soon."""
        self._complete = True
        self._wake.set()

    async def run(self) -> None:
        """Report until cancelled."""
        wait = self._settings.reconnect_first
        while True:
            await self._wait()
            try:
                await self.send()
                wait = self._settings.reconnect_first
            except TurnoutError as error:
                self.report_everything()
                self._logger.warning("cannot report", error=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.reconnect_max)

    async def send(self) -> None:
        """Send what is due, if anything is."""
        complete, changed, jobs = self._complete, self._changed, self._changed_jobs
        strays = tuple(self._strays.values())[:_STRAYS_AT_ONCE]
        if not complete and not changed and not jobs and not strays and not self._beat:
            return
        self._complete, self._changed, self._changed_jobs, self._beat = False, {}, {}, False
        self._wake.clear()
        if complete:
            self._completed_at = time.monotonic()
        instances = self._everything() if complete else tuple(changed.values())
        told = self._jobs() if complete else tuple(jobs.values())
        await self._control_plane.report(
            RegionReport(complete=complete, backends=self._backends(), instances=instances, jobs=told, strays=strays)
        )
        self._strays = {key: each for key, each in self._strays.items() if each not in strays}

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(min(self._settings.heartbeat_interval, self._settings.full_report_interval)):
                await self._wake.wait()
        except TimeoutError:
            self._beat = True
        if time.monotonic() - self._completed_at >= self._settings.full_report_interval:
            self._complete = True
        await asyncio.sleep(self._settings.report_batch)
