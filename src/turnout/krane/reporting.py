"""The way of what was observed to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from turnout.domain.documents import InstanceReport, RegionReport
from turnout.domain.errors import TurnoutError
from turnout.domain.job_documents import JobReport
from turnout.domain.records import Backend
from turnout.krane.ports import ControlPlane
from turnout.krane.settings import KraneSettings


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
        self._complete = False
        self._wake = asyncio.Event()

    def changed(self, report: InstanceReport) -> None:
        """An instance is not as it was."""
        self._changed[report.id] = report
        self._wake.set()

    def job_changed(self, report: JobReport) -> None:
        """A job is not as it was."""
        self._changed_jobs[report.id] = report
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
                self._complete = True
                self._wake.set()
                self._logger.warning("cannot report", error=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.reconnect_max)

    async def send(self) -> None:
        """Send what is due, if anything is."""
        complete, changed, jobs = self._complete, self._changed, self._changed_jobs
        if not complete and not changed and not jobs:
            return
        self._complete, self._changed, self._changed_jobs = False, {}, {}
        self._wake.clear()
        instances = self._everything() if complete else tuple(changed.values())
        told = self._jobs() if complete else tuple(jobs.values())
        await self._control_plane.report(
            RegionReport(complete=complete, backends=self._backends(), instances=instances, jobs=told)
        )

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._settings.full_report_interval):
                await self._wake.wait()
        except TimeoutError:
            self._complete = True
        await asyncio.sleep(self._settings.report_batch)
