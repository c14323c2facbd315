"""The loop: watch what is desired, reconcile, let every instance be looked after, report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from turnout.domain.documents import InstanceReport, StrayReport
from turnout.domain.errors import TurnoutError, Unavailable
from turnout.domain.ids import new_id
from turnout.domain.job_documents import JobReport
from turnout.domain.records import Backend, RunSpec
from turnout.krane.files import only_krane_of
from turnout.krane.health import Prober
from turnout.krane.jobs import Jobs
from turnout.krane.ledger import Entry, Ledger
from turnout.krane.offers import Offers
from turnout.krane.ports import BackendPort, ControlPlane
from turnout.krane.reconcile import Existing, apply_message, reconcile
from turnout.krane.reporting import Reporter
from turnout.krane.runner import Runner
from turnout.krane.settings import KraneSettings
from turnout.krane.shipping import Shipper

_STOP_MARGIN: Final = 10.0


class Agent:
    """Makes the instances of one region what the store says they should be."""

    def __init__(
        self,
        control_plane: ControlPlane,
        backends: Mapping[Backend, BackendPort],
        settings: KraneSettings,
        logger: FilteringBoundLogger,
        *,
        offers: Offers | None = None,
    ) -> None:
        """`offers` says which of the backends work already; None: all of them do."""
        self._control_plane = control_plane
        self._backends = dict(backends)
        self._offers = offers or Offers(backends)
        self._settings = settings
        self._logger = logger.bind(region=settings.region)
        self._ledger = Ledger(settings.home)
        self._prober = Prober()
        self._runners: dict[str, Runner] = {}
        self._desired: dict[str, RunSpec] = {}
        self._told = asyncio.Event()
        """Set by the first complete state; before that nothing is stopped or swept."""
        self._closing = False
        self._reporter = Reporter(
            control_plane,
            settings,
            self._logger,
            backends=self._offers,
            everything=self._everything,
            jobs=self._job_reports,
        )
        self._jobs = Jobs(control_plane, self._backends, settings, self._logger, changed=self._reporter.job_changed)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then leave the instances running, unless the settings say otherwise.

        The backends stay the caller's to close. Raises Conflict when another krane has this home.
        """
        with only_krane_of(self._settings.home):
            self._adopt()
            tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._reporter.run())]
            tasks += [asyncio.create_task(self._sweep(kind)) for kind in self._backends]
            tasks.append(asyncio.create_task(self._offers.look(self._reporter.report_everything)))
            stopped = asyncio.create_task(stop.wait())
            try:
                done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if self._settings.stop_instances_on_exit and stopped in done:
                    await self.stop_all(self._settings.grace)
            finally:
                await self._let_go([*tasks, stopped])
        for task in done - {stopped}:
            task.result()  # these never return: it is an error, and the caller's to see

    async def stop_all(self, grace: float) -> tuple[str, ...]:
        """End every instance, and start none any more. Returns when all are gone and, if possible, told.

        An engine that does not answer cannot hold it up for ever: some seconds after the grace it returns the
        ids of those that are left. They are remembered, and the next krane ends them if nobody desires them.
        """
        self._closing = True
        ending = [asyncio.create_task(self._stop_one(runner, grace)) for runner in self._runners.values()]
        ending.append(asyncio.create_task(self._jobs.stop_all()))
        if ending:
            await asyncio.wait(ending, timeout=grace + self._settings.drain + _STOP_MARGIN)
        for task in ending:
            task.cancel()
        try:
            await self._reporter.send()
        except TurnoutError as error:
            self._logger.warning("cannot report that all instances are stopped", error=error.detail)
        left = tuple(sorted(self._runners))
        if left:
            self._logger.error("cannot stop some instances", instances=left)
        return left

    def report_everything(self) -> None:
        """Send a complete report soon."""
        self._reporter.report_everything()

    # -------------------------------------------------------------------------------------- the loops

    async def _watch(self) -> None:
        wait = self._settings.reconnect_first
        while True:
            try:
                fresh = True
                async for message in self._control_plane.watch():
                    if fresh and not message.complete:
                        raise Unavailable("the server's first message did not say everything")
                    self._desired = apply_message(self._desired, message)
                    self._told.set()
                    self._reconcile()
                    if not self._closing:
                        self._jobs.follow(message)
                    if fresh:
                        self._reporter.report_everything()
                        wait = self._settings.reconnect_first
                    fresh = False
                self._logger.info("the server ended the stream")
            except TurnoutError as error:
                self._logger.warning("cannot hear from the server; instances go on", error=error.detail)
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._settings.reconnect_max)

    async def _sweep(self, kind: Backend) -> None:
        """End what carries our mark but nobody knows: left by a krane that died at the wrong moment."""
        await self._told.wait()
        await self._offers.until(kind)
        backend = self._backends[kind]
        while True:
            try:
                for found in await backend.found():
                    if found.instance_id not in self._runners and not self._jobs.knows(found.instance_id):
                        await self._remove_stray(backend, found.instance_id)
            except (Unavailable, OSError) as error:
                self._logger.warning("cannot look for unknown instances", error=str(error))
            await asyncio.sleep(self._settings.sweep_interval)

    async def _remove_stray(self, backend: BackendPort, instance_id: str) -> None:
        """End it, and tell the server of it either way. Raises what the backend raises."""
        self._logger.warning("removing an unknown instance", instance_id=instance_id)
        try:
            await backend.stop(instance_id, grace=self._settings.grace)
            await backend.remove(instance_id)
        except (Unavailable, OSError) as error:
            self._reporter.found_stray(StrayReport(instance_id=instance_id, problem=str(error)[:500]))
            raise
        self._reporter.found_stray(StrayReport(instance_id=instance_id))

    # ------------------------------------------------------------------------------------------- parts

    def _adopt(self) -> None:
        """Go on with what the last krane looked after."""
        for entry in self._ledger.entries():
            self._look_after(entry)
        self._jobs.adopt()

    def _reconcile(self) -> None:
        if self._closing:
            return
        plan = reconcile(self._desired, self._existing())
        for instance_id in plan.stops:
            self._runners[instance_id].stop(self._settings.grace)
        for start in plan.starts:
            self._look_after(Entry(instance_id=new_id("ins"), slot=start.slot, spec=start.spec))
        for runner in self._runners.values():
            spec = self._desired.get(runner.entry.spec.deployment_id)
            if spec is not None and spec != runner.entry.spec:
                runner.entry = replace(runner.entry, spec=spec)  # used from the next start on

    @staticmethod
    async def _stop_one(runner: Runner, grace: float) -> None:
        runner.stop(grace)
        await runner.ended()

    def _existing(self) -> list[Existing]:
        return [
            Existing(
                instance_id=runner.entry.instance_id,
                deployment_id=runner.entry.spec.deployment_id,
                slot=runner.entry.slot,
            )
            for runner in self._runners.values()
            if not runner.stopping
        ]

    def _look_after(self, entry: Entry) -> None:
        backend = self._backends.get(entry.spec.backend)
        shipper = None
        if backend is not None:
            shipper = Shipper(
                self._control_plane,
                backend,
                self._settings,
                instance_id=entry.instance_id,
                deployment_id=entry.spec.deployment_id,
            )
        runner = Runner(
            entry,
            backend=backend,
            shipper=shipper,
            environment=self._control_plane.environment,
            prober=self._prober,
            ledger=self._ledger,
            settings=self._settings,
            changed=self._changed,
            logger=self._logger,
        )
        self._runners[entry.instance_id] = runner
        runner.begin()
        self._changed(runner)

    def _changed(self, runner: Runner) -> None:
        if runner.gone:
            self._runners.pop(runner.entry.instance_id, None)
        self._reporter.changed(runner.report())

    def _everything(self) -> tuple[InstanceReport, ...]:
        return tuple(runner.report() for runner in self._runners.values())

    def _job_reports(self) -> tuple[JobReport, ...]:
        return self._jobs.reports()

    async def _let_go(self, tasks: Sequence[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(runner.leave() for runner in self._runners.values()), self._jobs.leave())
        await self._prober.close()
