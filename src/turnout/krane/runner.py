"""Carries out the life of one instance: waits, looks, checks, and acts on what `instance` decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from turnout.domain.documents import InstanceReport
from turnout.domain.errors import DeploymentFailed, Unavailable, Undecryptable
from turnout.domain.statuses import InstanceStatus
from turnout.krane.command import explain_output
from turnout.krane.detect import absent
from turnout.krane.health import Prober, Verdict
from turnout.krane.instance import Event, Phase, advance, backoff, check_interval, describe_exit, ended, judge
from turnout.krane.ledger import Entry, Ledger
from turnout.krane.ports import BackendPort, Observation, Presence
from turnout.krane.prepare import FetchVariables, prepare_launch
from turnout.krane.settings import KraneSettings
from turnout.krane.shipping import Shipper

_QUICK_LOOK = 0.1
_PORT_TRIES = 3


class Runner:
    """One instance and the task that looks after it. It never waits for another instance."""

    def __init__(
        self,
        entry: Entry,
        *,
        backend: BackendPort | None,
        shipper: Shipper | None,
        environment: FetchVariables,
        prober: Prober,
        ledger: Ledger,
        settings: KraneSettings,
        changed: Callable[[Runner], None],
        logger: FilteringBoundLogger,
    ) -> None:
        self.entry = entry
        self.stopping = False
        """Whether it was asked to end; it holds no slot from then on."""
        self._backend = backend
        self._shipper = shipper
        self._environment = environment
        self._prober = prober
        self._ledger = ledger
        self._settings = settings
        self._changed = changed
        self._logger = logger.bind(instance_id=entry.instance_id, deployment_id=entry.spec.deployment_id)
        self._life = entry.life(time.monotonic())
        self._grace = settings.grace
        self._started_at: float | None = None
        self._port_tries = 0
        self._living: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # ----------------------------------------------------------------------------- what the agent calls

    def begin(self) -> None:
        """Start looking after it."""
        self._save()
        self._task = asyncio.create_task(self._run(), name=f"instance {self.entry.instance_id}")

    def stop(self, grace: float) -> None:
        """Ask it to end. `ended` tells when it has."""
        if not self.stopping:
            self.stopping = True
            self._grace = grace
            if self._living is not None:
                self._living.cancel()

    async def ended(self) -> None:
        """Wait until it is gone, or given up."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def leave(self) -> None:
        """Let go of it; the instance itself goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def gone(self) -> bool:
        """Whether nothing is left of it."""
        return self._life.phase is Phase.GONE

    def report(self) -> InstanceReport:
        """How it is, as the server is told."""
        status, reason = self._life.status, self._life.reason
        if self.stopping and self.entry.phase is Phase.FAILED and status is not InstanceStatus.GONE:
            status, reason = InstanceStatus.FAILED, self.entry.reason
        return InstanceReport(
            id=self.entry.instance_id,
            deployment_id=self.entry.spec.deployment_id,
            slot=self.entry.slot,
            status=status,
            address=self.entry.address,
            reason=reason[:8000] if reason else None,
            restarts=self._life.restarts,
            stopping=self.stopping,
        )

    # -------------------------------------------------------------------------------------- its story

    async def _run(self) -> None:
        shipping = asyncio.create_task(self._shipper.run()) if self._shipper is not None else None
        try:
            if not self.stopping:
                self._living = asyncio.create_task(self._live())
                await asyncio.wait({self._living})
            if self.stopping:
                await self._end(shipping)
        finally:
            helpers = [task for task in (self._living, shipping) if task is not None]
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            try:
                match self._life.phase:
                    case Phase.PENDING:
                        await self._start()
                    case Phase.STARTING | Phase.RUNNING:
                        await self._look_after()
                    case Phase.BACKOFF:
                        await asyncio.sleep(backoff(self._life.streak, self._settings))
                        self._follow(Event.RETRY)
                    case Phase.FAILED:
                        await self._tidy_up()
                        await asyncio.sleep(self._settings.failed_again)
                        self._follow(Event.RETRY)
                    case _:
                        await self._tidy_up()
                        await asyncio.Event().wait()
            except Unavailable as error:
                await self._keep(error)
            except Exception:
                # A bug here must not leave an instance without anyone who looks after it.
                self._logger.exception("cannot look after an instance; trying again")
                await asyncio.sleep(self._settings.reconnect_max)

    async def _start(self) -> None:
        if self._backend is None:
            self._follow(ended(self._life), absent(self.entry.spec.backend))
            return
        if not self.entry.touched:
            self.entry = replace(self.entry, touched=True)
            self._save()
        try:
            launch = await prepare_launch(self.entry, self._settings.region, self._environment)
            self._started_at = time.monotonic()
            observation = await self._backend.start(launch)
        except (DeploymentFailed, Undecryptable) as error:
            self._follow(ended(self._life), error.detail)
            return
        self._locate(observation)
        self._follow(Event.STARTED)

    async def _look_after(self) -> None:
        """Observe and check in turn until something follows from it."""
        phase = self._life.phase
        next_look = next_check = 0.0
        while self._life.phase is phase:
            now = time.monotonic()
            if now >= next_look:
                next_look = now + self._look_interval()
                if await self._has_ended():
                    return
            if now >= next_check:
                await self._check()
                next_check = now + check_interval(self._life, self.entry.spec.health, self._settings)
            await asyncio.sleep(max(0.0, min(next_look, next_check) - time.monotonic()))

    async def _has_ended(self) -> bool:
        if self._backend is None:
            return False
        try:
            observation = await self._backend.observe(self.entry.instance_id)
        except Unavailable:
            return False  # nothing is known, so nothing follows; the health check still speaks
        if observation.presence is Presence.ALIVE:
            self._locate(observation)
            return False
        if observation.port_taken and not self._life.ever_ready and self._port_tries < _PORT_TRIES:
            self._port_tries += 1
            self._follow(Event.RETRY, "somebody else took its port; trying another")
            return True
        elapsed = None if self._started_at is None else time.monotonic() - self._started_at
        sentence = describe_exit(observation, elapsed)
        if self._life.ever_ready:
            sentence += "; it is being restarted"
        self._follow(ended(self._life), await self._explain(sentence))
        return True

    async def _check(self) -> None:
        health, address = self.entry.spec.health, self.entry.address
        if address is None:
            verdict = Verdict(passed=False, detail="it has no address yet")
        else:
            verdict = await self._prober.check(address, health, relayed=self.entry.relayed)
        self._life, event = judge(self._life, verdict, health=health, now=time.monotonic(), settings=self._settings)
        if event is None:
            return
        if not verdict.passed and await self._has_ended():
            return  # that is why; its exit says more than the check does
        if event is Event.PASSED:
            self._follow(event)
        elif event is Event.UNWELL:
            self._follow(event, f"does not pass its health check any more: {verdict.detail}")
        else:
            sentence = f"did not pass its health check within {health.deadline:g} s: {verdict.detail}"
            reason = await self._explain(sentence)
            self._follow(event, reason)
            if event is Event.LOST and self._backend is not None:
                await self._backend.stop(self.entry.instance_id, grace=self._grace)

    async def _tidy_up(self) -> None:
        """Nothing of a failed instance goes on running."""
        if self._backend is not None and self.entry.touched:
            await self._backend.stop(self.entry.instance_id, grace=self._grace)

    async def _end(self, shipping: asyncio.Task[None] | None) -> None:
        served = self._life.phase is Phase.RUNNING
        self._life = advance(
            self._life, Event.STOP, now=time.monotonic(), settings=self._settings, reason="is being stopped"
        )
        self._changed(self)
        if served:
            await asyncio.sleep(self._settings.drain)
        wait = self._settings.reconnect_first
        while self.entry.touched:
            try:
                await self._stop_and_remove(shipping)
                break
            except Unavailable as error:
                self._logger.warning("cannot stop an instance; trying again", error=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._settings.reconnect_max)
        self._ledger.forget(self.entry.instance_id)
        self._life = advance(self._life, Event.STOPPED, now=time.monotonic(), settings=self._settings)
        self._changed(self)

    async def _stop_and_remove(self, shipping: asyncio.Task[None] | None) -> None:
        if self._backend is None or self._shipper is None:
            raise Unavailable(absent(self.entry.spec.backend))
        await self._backend.stop(self.entry.instance_id, grace=self._grace)
        if shipping is not None:
            shipping.cancel()
            await asyncio.wait({shipping})
        await self._shipper.flush()
        await self._backend.remove(self.entry.instance_id)

    # ------------------------------------------------------------------------------------------- parts

    def _follow(self, event: Event, reason: str | None = None) -> None:
        """Take the step, remember it, tell it."""
        before = self._life
        self._life = advance(before, event, now=time.monotonic(), settings=self._settings, reason=reason)
        self._logger.info("instance", was=before.phase.value, now=self._life.phase.value, reason=reason)
        self._save()
        self._changed(self)

    async def _keep(self, error: Unavailable) -> None:
        """The engine is away: say so where nothing better is known, and try again soon."""
        if self._life.phase is Phase.PENDING and self._life.reason != error.detail:
            self._life = replace(self._life, reason=error.detail)
            self._changed(self)
        await asyncio.sleep(self._settings.reconnect_max)

    def _locate(self, observation: Observation) -> None:
        """Take over where it is reached, which may change with a restart."""
        if observation.address is not None and observation.address != self.entry.address:
            self.entry = replace(self.entry, address=observation.address, relayed=observation.relayed)
            self._save()
            self._changed(self)

    def _save(self) -> None:
        self.entry = self.entry.after(self._life)
        try:
            self._ledger.write(self.entry)
        except OSError as error:
            self._logger.warning("cannot remember an instance; free some space", error=str(error))

    async def _explain(self, sentence: str) -> str:
        try:
            output = b"" if self._backend is None else await self._backend.last_output(self.entry.instance_id)
        except Unavailable:
            output = b""
        return explain_output(sentence, output)

    def _look_interval(self) -> float:
        if self._backend is None:
            return self._settings.relaxed_interval
        return _QUICK_LOOK if self._life.phase is Phase.STARTING else self._backend.poll_interval
