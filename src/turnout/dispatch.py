"""The small dispatcher between the store and Restate: it sends operations, and wakes what waits.

Law: it decides nothing. What is unsent, what is waited for and when that is over stand in the store and in
`domain.waits`; here it is carried to Restate, again and again until Restate has it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from turnout.domain.clocks import Leaps
from turnout.domain.errors import TurnoutError, Unavailable
from turnout.domain.jobs import job_ended
from turnout.domain.observation import may_end
from turnout.domain.plans import UnsentOperation
from turnout.domain.records import OperationKind
from turnout.domain.waits import (
    Outcome,
    Wait,
    WaitKind,
    generation_acknowledged,
    instances_gone,
    instances_running,
)
from turnout.settings import AcmeSettings, DeploySettings
from turnout.store import Store

_PAUSE_AFTER_TROUBLE = 0.5
_CLOCK_SECONDS = 1.0
"""How often it is asked what time alone has brought about."""
_BREATH_SECONDS = 0.03
"""Between the beginnings of two rounds: of changes that come one upon the other, one round is for several."""
_CANCEL_AGAIN_SECONDS = 5.0
"""A cancellation that was told is undone meanwhile; it is told again in case it was lost."""


class Dispatcher:
    """Runs beside the API; several may run at once, because everything it does may be repeated."""

    def __init__(
        self,
        *,
        store: Store,
        ingress: httpx.AsyncClient,
        admin: httpx.AsyncClient,
        limits: DeploySettings,
        logger: Any,
        acme: AcmeSettings | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`ingress` and `admin` have Restate's two addresses as their base URLs. Without `acme` nothing is issued.

        `clock` is the one that the store's deadlines are written by.
        """
        self._store = store
        self._ingress = ingress
        self._admin = admin
        self._limits = limits
        self._logger = logger
        self._acme = acme
        self._clock = clock
        self._leaps = Leaps(forget_after=limits.deadline_seconds + limits.overdue_grace_seconds)
        self._cancelled: dict[str, float] = {}
        """When each operation was last told that it is cancelled, by the monotonic clock."""
        self._asked_at = -math.inf
        """When it was last asked what is overdue, by the same clock."""

    async def run(self) -> None:
        """Follow the store until cancelled. Trouble with Restate or the store is waited out, never raised."""
        while True:
            try:
                await self.sweep()
                await self._store.wait_for_change(timeout=_CLOCK_SECONDS, breath=_BREATH_SECONDS)
            except (TurnoutError, httpx.HTTPError) as error:
                self._logger.warning("dispatch.trouble", error=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE_AFTER_TROUBLE)

    async def sweep(self) -> None:
        """One round: end what is overtaken or overdue, send what is unsent, wake what need not wait any more.

        What the store can do by itself comes first: with Restate away an operation still ends in time.
        """
        due = self._due()
        if due is not None:
            await self._end_lost(due - timedelta(seconds=self._limits.overdue_grace_seconds))
        await self._store.supersede_queued()
        for operation in await self._store.unsent_operations(older_than_seconds=0):
            await self._send(operation)
        waits = await self._store.open_waits()
        building: frozenset[str] = frozenset()
        if any(wait.kind is WaitKind.BUILD_PLACE for wait in waits):
            building = await self._store.give_build_places(limit=self._limits.builds_at_once)
        for wait in waits:
            if (outcome := await self._outcome(wait, building)) is not None:
                await self._wake(wait, outcome)
        for each in await self._store.operations_to_cancel():
            await self._cancel(each, "dispatch.cancelled")
        for each in () if due is None else await self._store.overdue_operations(at=due):
            await self._cancel(each, "dispatch.overdue")
        await self._tend_domains()
        await self._tend_certificates()

    def _due(self) -> datetime | None:
        """What was to end by then is overdue, and not because the clock leapt. None: it was asked just now."""
        steady = time.monotonic()
        if steady - self._asked_at < _CLOCK_SECONDS:
            return None
        self._asked_at = steady
        # Deadlines are compared with the moment at which leaps were looked for: the clock may be set right after it.
        now = self._clock()
        return now - timedelta(seconds=self._leaps.seconds(wall=now, steady=steady))

    async def _end_lost(self, lost: datetime) -> None:
        """End what should have ended by then, and whose handler does not say so."""
        for each in await self._store.overdue_operations(at=lost):
            await self._store.end_overdue(operation_id=each.operation_id, at=lost)
        for watched in await self._store.overdue_observations(at=lost):
            await self._store.end_observation(operation_id=watched, deadline_seconds=self._limits.deadline_seconds)
        await self._store.expire_challenges()

    async def send_again(self, *, operation_id: str) -> None:
        """Hand over an operation that Restate has lost. One whose turn has come cannot begin a second time."""
        operation = await self._store.to_send_again(operation_id=operation_id)
        if operation is not None:
            await self._send(operation)

    async def restate_is_up(self) -> bool:
        """Whether Restate answers."""
        try:
            return (await self._ingress.get("/restate/health", timeout=2.0)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _send(self, operation: UnsentOperation) -> str:
        """Hand an operation to Restate; its id is the idempotency key, so sending twice is sending once."""
        path, body = _invocation(operation)
        response = await self._ingress.post(path, json=body, headers={"idempotency-key": operation.operation_id})
        if response.status_code not in (200, 202):
            raise Unavailable(f"cannot send {operation.operation_id}: Restate answered {response.status_code}")
        await self._store.mark_sent(operation_id=operation.operation_id)
        try:
            return str(response.json()["invocationId"])
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"cannot send {operation.operation_id}: Restate's answer cannot be read") from None

    async def _outcome(self, wait: Wait, building: frozenset[str]) -> Outcome | None:
        if wait.kind is WaitKind.BUILD_PLACE:
            return Outcome(ok=True) if wait.operation_id in building else None
        if wait.kind is WaitKind.GENERATION:
            gateways = await self._store.gateways()
            return generation_acknowledged(gateways, generation=wait.generation or 0, committed_at=wait.created_at)
        if wait.kind is WaitKind.OBSERVATION:
            watched = await self._store.is_watched(operation_id=wait.operation_id)
            return may_end(await self._store.observation_of(operation_id=wait.operation_id), watched=watched)
        job = await self._store.job_of(deployment_id=wait.deployment_id)
        if wait.kind is WaitKind.RELEASE:
            return job_ended(job)
        instances = await self._store.instances_of(deployment_id=wait.deployment_id)
        if wait.kind is WaitKind.INSTANCES_RUNNING:
            return instances_running(instances, wanted=wait.wanted)
        return None if job is not None and job.present else instances_gone(instances)

    async def _tend_domains(self) -> None:
        """Tell who waits for a generation, and send what is to be checked."""
        for each in await self._store.open_confirmations():
            gateways = await self._store.gateways()
            outcome = generation_acknowledged(gateways, generation=each.generation, committed_at=each.created_at)
            if outcome is not None:
                await self._resolve(each.awakeable_id, outcome)
                await self._store.settle_confirmation(awakeable_id=each.awakeable_id)
        for check in await self._store.unsent_checks(overdue_seconds=self._limits.overdue_grace_seconds):
            response = await self._ingress.post(
                f"/Domains/{check.domain_id}/check/send",
                json={"round": check.round},
                headers={"idempotency-key": f"{check.domain_id}-{check.round}"},
            )
            if response.status_code not in (200, 202):
                raise Unavailable(f"cannot send {check.domain_id}: Restate answered {response.status_code}")
            await self._store.mark_check_sent(check=check)

    async def _tend_certificates(self) -> None:
        """Send the visits that are due, first to domains that have just been proved."""
        if self._acme is None:
            return
        await self._store.want_certificates()
        for visit in await self._store.unsent_visits(lost_seconds=self._acme.lost_seconds):
            response = await self._ingress.post(
                f"/Certificates/{visit.fqdn}/visit/send",
                json={"issuing_id": visit.issuing_id, "turn": visit.turn},
                headers={"idempotency-key": visit.key},
            )
            if response.status_code not in (200, 202):
                raise Unavailable(f"cannot send {visit.fqdn}: Restate answered {response.status_code}")
            await self._store.mark_visit_sent(visit=visit)

    async def _wake(self, wait: Wait, outcome: Outcome) -> None:
        await self._resolve(wait.awakeable_id, outcome)
        await self._store.settle_wait(awakeable_id=wait.awakeable_id)

    async def _resolve(self, awakeable_id: str, outcome: Outcome) -> None:
        """Resolve an awakeable. One that is resolved already, or whose handler has ended, is not an error."""
        response = await self._ingress.post(f"/restate/awakeables/{awakeable_id}/resolve", json=asdict(outcome))
        if response.status_code >= 500:
            raise Unavailable(f"cannot wake {awakeable_id}: Restate answered {response.status_code}")

    async def _cancel(self, operation: UnsentOperation, why: str) -> None:
        """Tell the handler to end: it undoes what it did and says so. Told again and again, but not at once."""
        again = time.monotonic() - _CANCEL_AGAIN_SECONDS
        self._cancelled = {told: at for told, at in self._cancelled.items() if at > again}
        if operation.operation_id in self._cancelled:
            return
        invocation = await self._send(operation)
        await self._admin.patch(f"/invocations/{invocation}/cancel")
        self._cancelled[operation.operation_id] = time.monotonic()
        self._logger.warning(why, operation_id=operation.operation_id)


def _invocation(operation: UnsentOperation) -> tuple[str, dict[str, Any]]:
    """The handler of an operation and its input, as data."""
    asked = {"operation_id": operation.operation_id}
    target = operation.deployment_id
    if operation.wakes:
        return "/Wakes/wake/send", asked | {
            "kind": operation.kind,
            "project_id": operation.project_id,
            "deployment_id": target,
            "source_deployment_id": operation.source_deployment_id,
        }
    if operation.kind is OperationKind.ROLLBACK:
        return (
            f"/Routing/{operation.project_id}/rollback/send",
            asked | {"source_deployment_id": operation.source_deployment_id, "target_deployment_id": target},
        )
    if operation.kind is OperationKind.PROMOTE:
        return f"/Routing/{operation.project_id}/promote/send", asked | {"target_deployment_id": target}
    if operation.from_source:
        return "/Builds/build/send", asked | {"deployment_id": target, "project_id": operation.project_id}
    return f"/Deployments/{operation.project_id}/deploy/send", asked | {"deployment_id": target}
