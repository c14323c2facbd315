"""Carries out jobs: asks for the claim, starts once, watches, tells the end until nobody needs it any more."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from turnout.domain.documents import DesiredState
from turnout.domain.errors import DeploymentFailed, TurnoutError, Unavailable, Undecryptable
from turnout.domain.job_documents import JobReport
from turnout.domain.jobs import JobSpec
from turnout.domain.records import Backend
from turnout.domain.statuses import JobStatus
from turnout.krane.command import explain_output
from turnout.krane.detect import absent
from turnout.krane.files import instances_folder
from turnout.krane.job import STOPPED, JobEntry, JobLedger, judge_end
from turnout.krane.ports import BackendPort, ControlPlane, Launch, Presence
from turnout.krane.prepare import fetch_variables
from turnout.krane.settings import KraneSettings
from turnout.krane.shipping import Shipper

_LOOK_EVERY: Final = 0.2


class JobRunner:
    """One job and the task that looks after it."""

    def __init__(
        self,
        entry: JobEntry,
        *,
        control_plane: ControlPlane,
        backend: BackendPort | None,
        ledger: JobLedger,
        settings: KraneSettings,
        changed: Callable[[JobRunner], None],
        logger: FilteringBoundLogger,
    ) -> None:
        self.entry = entry
        self.gone = False
        """Whether nothing is left of it, and nobody wants to hear of it."""
        self._control_plane = control_plane
        self._backend = backend
        self._ledger = ledger
        self._settings = settings
        self._changed = changed
        self._logger = logger.bind(job_id=entry.spec.id, deployment_id=entry.spec.run.deployment_id)
        self._mine = False
        """Whether it was begun by this very krane: then what a backend does not know was never started."""
        self._began = time.monotonic()
        """When its time began to count: for one that was taken over, now."""
        self._started: float | None = None
        self._pursuing: asyncio.Task[None] | None = None
        self._removed = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"job {entry.spec.id}")

    def remove(self) -> None:
        """It is not desired any more: end it if it runs, and clear away."""
        self._removed.set()

    async def stop(self) -> None:
        """End it and say so; what is left is cleared away when it is not desired any more."""
        if self._pursuing is not None:
            self._pursuing.cancel()
            await asyncio.wait({self._pursuing})
        if self.entry.begun and not self.entry.ended:
            await self._stop_now()
            self._end(JobStatus.FAILED, STOPPED)

    async def leave(self) -> None:
        """Let go of it; the job itself goes on."""
        self._task.cancel()
        await asyncio.wait({self._task})

    # -------------------------------------------------------------------------------------- its story

    async def _run(self) -> None:
        shipper = self._shipper()
        shipping = asyncio.create_task(shipper.run()) if shipper is not None else None
        self._pursuing = asyncio.create_task(self._pursue())
        try:
            await self._removed.wait()
            self._pursuing.cancel()
            await asyncio.wait({self._pursuing})
            if shipping is not None:
                shipping.cancel()
                await asyncio.wait({shipping})
            await self._clear_away(shipper)
        finally:
            helpers = [task for task in (self._pursuing, shipping) if task is not None]
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _pursue(self) -> None:
        wait = self._settings.reconnect_first
        while not self.entry.ended:
            try:
                if not self.entry.begun and not await self._begin():
                    return
                await self._follow()
            except (TurnoutError, OSError) as error:
                self._logger.warning("cannot go on with a job; trying again", error=str(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.reconnect_max)
            except Exception:
                self._logger.exception("cannot look after a job; trying again")
                await asyncio.sleep(self._settings.reconnect_max)

    async def _begin(self) -> bool:
        """Ask for the claim, and remember it before anything is started. False: somebody else had it."""
        self._ledger.write(self.entry)
        if not await self._control_plane.begin_job(job_id=self.entry.spec.id, claim=self.entry.claim):
            self._logger.warning("a job was begun or ended elsewhere; it is not run here")
            return False
        begun = replace(self.entry, begun=True, status=JobStatus.RUNNING)
        self._ledger.write(begun)
        self.entry, self._mine = begun, True
        self._began = self._started = time.monotonic()
        self._logger.info("job begun")
        self._changed(self)
        return True

    async def _follow(self) -> None:
        """Start it, if it is certain that nobody has, then look until it has ended."""
        spec = self.entry.spec
        if self._backend is None:
            self._end(JobStatus.FAILED, absent(spec.run.backend))
            return
        observation = await self._backend.observe(spec.id)
        if observation.presence is Presence.MISSING and self._mine:
            try:
                variables = await fetch_variables(spec.run, self._control_plane.environment)
                launch = Launch(
                    instance_id=spec.id,
                    slot=0,
                    region=self._settings.region,
                    spec=spec.run,
                    variables=variables,
                    once=True,
                )
                observation = await self._backend.start(launch)
            except (DeploymentFailed, Undecryptable) as error:
                self._end(JobStatus.FAILED, f"the release command: {error.detail}")
                return
            self._mine = observation.presence is Presence.MISSING
        while observation.presence is Presence.ALIVE:
            if time.monotonic() - self._began > spec.timeout:
                await self._backend.stop(spec.id, grace=self._settings.grace)
                sentence = f"the release command did not end within {spec.timeout:g} s and was stopped"
                self._end(JobStatus.FAILED, await self._explain(sentence))
                return
            await asyncio.sleep(_LOOK_EVERY)
            observation = await self._backend.observe(spec.id)
        elapsed = None if self._started is None else time.monotonic() - self._started
        status, reason = judge_end(observation, elapsed)
        if reason is not None:
            if observation.presence is Presence.MISSING:
                await self._backend.stop(spec.id, grace=0)  # nobody knows it; so nothing of it shall go on
            reason = await self._explain(reason)
        self._end(status, reason, observation.exit_code)

    def _end(self, status: JobStatus, reason: str | None, exit_code: int | None = None) -> None:
        """Its end, remembered and told. It is told again until the server takes the job back."""
        self.entry = replace(self.entry, status=status, reason=reason, exit_code=exit_code)
        with contextlib.suppress(OSError):  # the next krane looks at the backend again, and finds the same end
            self._ledger.write(self.entry)
        self._logger.info("job ended", status=status.value, exit_code=exit_code)
        self._changed(self)

    async def _clear_away(self, shipper: Shipper | None) -> None:
        wait = self._settings.reconnect_first
        while self.entry.begun:
            try:
                await self._stop_now()
                if shipper is not None:
                    await shipper.flush()
                if self._backend is not None:
                    await self._backend.remove(self.entry.spec.id)
                break
            except Unavailable as error:
                self._logger.warning("cannot clear a job away; trying again", error=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.reconnect_max)
        shutil.rmtree(instances_folder(self._settings.home) / self.entry.spec.id, ignore_errors=True)
        self.gone = True
        self._changed(self)

    async def _stop_now(self) -> None:
        if self._backend is not None:
            await self._backend.stop(self.entry.spec.id, grace=self._settings.grace)

    async def _explain(self, sentence: str) -> str:
        try:
            output = b"" if self._backend is None else await self._backend.last_output(self.entry.spec.id)
        except Unavailable:
            output = b""
        return explain_output(sentence, output)

    def _shipper(self) -> Shipper | None:
        if self._backend is None:
            return None
        return Shipper(
            self._control_plane,
            self._backend,
            self._settings,
            instance_id=self.entry.spec.id,
            deployment_id=self.entry.spec.run.deployment_id,
        )


class Jobs:
    """The jobs of one krane."""

    def __init__(
        self,
        control_plane: ControlPlane,
        backends: Mapping[Backend, BackendPort],
        settings: KraneSettings,
        logger: FilteringBoundLogger,
        *,
        changed: Callable[[JobReport], None],
    ) -> None:
        self._control_plane = control_plane
        self._backends = backends
        self._settings = settings
        self._logger = logger
        self._tell = changed
        self._ledger = JobLedger(settings.home)
        self._runners: dict[str, JobRunner] = {}

    def adopt(self) -> None:
        """Go on with what the last krane looked after."""
        for entry in self._ledger.entries():
            self._look_after(entry)

    def follow(self, message: DesiredState) -> None:
        """Run what is new, clear away what is not desired any more."""
        wanted = {spec.id: spec for spec in message.jobs}
        unwanted = self._runners.keys() - wanted.keys() if message.complete else set(message.removed_jobs)
        for job_id in unwanted & self._runners.keys():
            self._runners[job_id].remove()
        for job_id in wanted.keys() - self._runners.keys():
            self._look_after(_fresh(wanted[job_id]))

    def knows(self, instance_id: str) -> bool:
        """Whether it is a job's, and so nothing to sweep away."""
        return instance_id in self._runners

    def reports(self) -> tuple[JobReport, ...]:
        """How all are. One that was not begun is not told of: the server knows it better."""
        return tuple(runner.entry.report() for runner in self._runners.values() if runner.entry.begun)

    async def stop_all(self) -> None:
        """End every job."""
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()), return_exceptions=True)

    async def leave(self) -> None:
        """Let go of all; they go on."""
        await asyncio.gather(*(runner.leave() for runner in self._runners.values()))

    def _look_after(self, entry: JobEntry) -> None:
        self._runners[entry.spec.id] = JobRunner(
            entry,
            control_plane=self._control_plane,
            backend=self._backends.get(entry.spec.run.backend),
            ledger=self._ledger,
            settings=self._settings,
            changed=self._changed,
            logger=self._logger,
        )

    def _changed(self, runner: JobRunner) -> None:
        if runner.gone:
            self._runners.pop(runner.entry.spec.id, None)
        self._tell(runner.entry.report(gone=runner.gone))


def _fresh(spec: JobSpec) -> JobEntry:
    return JobEntry(spec=spec, claim=uuid.uuid4().hex)
