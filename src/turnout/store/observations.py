"""Observations: begun by the switch of a deploy, fed by what krane reports, ended once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain import gates
from turnout.domain.errors import TurnoutError
from turnout.domain.observation import (
    AUTO_ROLLBACK,
    Observation,
    observed,
    sentence,
    still_watched,
)
from turnout.domain.records import Deployment, OperationKind, Project
from turnout.domain.statuses import (
    OBSERVED_TRANSITIONS,
    ObservationStatus,
    OperationStatus,
)
from turnout.domain.waits import Wait
from turnout.store import rows
from turnout.store.admission import Admission
from turnout.store.facts import switch_facts
from turnout.store.lookups import find_deployment, lock_deployment, lock_operation, lock_project
from turnout.store.schema import deployment_columns, deployments, observations, operations, projects
from turnout.store.waits import write_wait

_OPEN: Final = observations.c.status == ObservationStatus.OPEN


class Observations(Admission):
    """What the first time after a switch shows. It needs Admission: a rollback is asked for as anybody's is."""

    async def begin_observing(self, *, wait: Wait) -> float:
        """Write down the wait of an operation's observation. Returns the seconds that are left of it."""
        async with self._db.write() as tx:
            found = await find_observation(tx, wait.operation_id)
            if found is None or found.status is not ObservationStatus.OPEN:
                return 0.0
            await write_wait(tx, wait)
            whole = wait.deadline_at - wait.created_at  # more is never left, even if the clock was set back
            return max(0.0, min(whole, found.until_at - self._db.now()).total_seconds())

    async def observation_of(self, *, operation_id: str) -> Observation | None:
        """The observation of an operation; None when its switch began none."""
        async with self._db.read() as tx:
            return await find_observation(tx, operation_id)

    async def observations_of(self, *, project_id: str) -> tuple[Observation, ...]:
        """Every observation of a project."""
        statement = select(observations).where(observations.c.project_id == project_id)
        async with self._db.read() as tx:
            return tuple(rows.observation_from(row) for row in await tx.execute(statement))

    async def open_observations(self, *, workspace_id: str) -> tuple[Observation, ...]:
        """The observations of a workspace that have not ended, the next to end first."""
        statement = (
            select(observations)
            .join(projects, projects.c.id == observations.c.project_id)
            .where(_OPEN, projects.c.workspace_id == workspace_id)
            .order_by(observations.c.until_at)
        )
        async with self._db.read() as tx:
            return tuple(rows.observation_from(row) for row in await tx.execute(statement))

    async def overdue_observations(self, *, at: datetime) -> tuple[str, ...]:
        """The operations whose observation should have ended by now, and by then."""
        late = observations.c.until_at <= min(at, self._db.now())
        async with self._db.read() as tx:
            return tuple((await tx.execute(select(observations.c.operation_id).where(_OPEN, late))).scalars())

    async def is_watched(self, *, operation_id: str) -> bool:
        """Whether what the operation switched to is still what it was then."""
        async with self._db.read() as tx:
            found = await find_observation(tx, operation_id)
            if found is None:
                return False
            deployment = select(*deployment_columns).where(deployments.c.id == found.deployment_id)
            row = (await tx.execute(deployment)).one()
            project = (await tx.execute(select(projects).where(projects.c.id == row.project_id))).one()
            return still_watched(found, rows.project_from(project), rows.deployment_from(row))

    async def end_observation(self, *, operation_id: str, deadline_seconds: float) -> Observation | None:
        """End an observation as the world now is; one that has ended stays as it is.

        An incident makes the operation degraded. Where the deployment asks for it and still is live, the
        rollback to what was live before is written down in the same transaction, so that it is asked for once.
        """
        async with self._db.write() as tx:
            found = await find_observation(tx, operation_id)
            if found is None:
                return None
            deployment_row = select(deployments.c.project_id).where(deployments.c.id == found.deployment_id)
            project = await lock_project(tx, (await tx.execute(deployment_row)).scalar_one())
            deployment = await lock_deployment(tx, found.deployment_id)
            operation = await lock_operation(tx, operation_id)
            found = await find_observation(tx, operation_id)  # again: the locks are held now
            assert found is not None, "observations are never deleted"  # noqa: S101
            if found.status is not ObservationStatus.OPEN:
                return found
            status, note, rollback_id = observed(found, project, deployment), None, None
            if status is ObservationStatus.DEGRADED and deployment.auto_rollback:
                target_id = operation.previous_deployment_id
                note, rollback_id = await self._roll_back(
                    tx, found, project, deployment, target_id, deadline_seconds=deadline_seconds
                )
            ended = {"status": status, "note": note, "rollback_operation_id": rollback_id, "ended_at": self._db.now()}
            await tx.execute(update(observations).where(observations.c.operation_id == operation_id).values(ended))
            found = await find_observation(tx, operation_id)
            assert found is not None  # noqa: S101
            if status is ObservationStatus.DEGRADED:
                await _degrade(tx, operation_id, operation.status, sentence(found))
            return found

    async def _roll_back(
        self,
        tx: AsyncConnection,
        observation: Observation,
        project: Project,
        deployment: Deployment,
        target_id: str | None,
        *,
        deadline_seconds: float,
    ) -> tuple[str, str | None]:
        """Ask for the rollback, if the gate allows it. Returns what is to be said, and the operation."""
        if not observation.took_live or project.live_deployment_id != deployment.id:
            return "auto-rollback: not done, it is not live", None
        if target_id is None:
            return "auto-rollback: not done, nothing was live before it", None
        target = await find_deployment(tx, target_id, workspace_id=project.workspace_id)
        facts = await switch_facts(tx, project, deployment, target)
        refusal: TurnoutError | None = gates.may_rollback(facts, source_id=deployment.id, target_id=target_id)
        if refusal is not None:
            return f"auto-rollback: {refusal.detail}", None
        asked = await self._write_operation(
            tx,
            kind=OperationKind.ROLLBACK,
            project=project,
            environment_id=deployment.environment_id,
            deployment_id=target_id,
            source_id=deployment.id,
            actor=AUTO_ROLLBACK,
            deadline_seconds=deadline_seconds,
        )
        return f"auto-rollback: {asked.operation_id} rolls back to {target_id}", asked.operation_id


async def find_observation(tx: AsyncConnection, operation_id: str) -> Observation | None:
    """The observation of an operation, if its switch began one."""
    row = (await tx.execute(select(observations).where(observations.c.operation_id == operation_id))).one_or_none()
    return None if row is None else rows.observation_from(row)


async def write_observation(
    tx: AsyncConnection, *, operation_id: str, deployment: Deployment, took_live: bool, seconds: float, at: datetime
) -> None:
    """Begin to observe, in the transaction that switches."""
    await tx.execute(
        insert(observations).values(
            operation_id=operation_id,
            project_id=deployment.project_id,
            deployment_id=deployment.id,
            took_live=took_live,
            status=ObservationStatus.OPEN,
            began_at=at,
            until_at=at + timedelta(seconds=seconds),
        )
    )


async def note_incident(tx: AsyncConnection, deployment_id: str, reason: str, *, at: datetime) -> None:
    """Keep the first incident of an open observation. What comes after its time is none."""
    watched = (observations.c.deployment_id == deployment_id, _OPEN, observations.c.until_at >= at)
    await tx.execute(update(observations).where(*watched, observations.c.incident.is_(None)).values(incident=reason))


async def _degrade(tx: AsyncConnection, operation_id: str, status: OperationStatus, reason: str) -> None:
    """The one change that an ended operation knows. One that has not ended yet takes it over at its end."""
    if OperationStatus.DEGRADED in OBSERVED_TRANSITIONS.get(status, frozenset()):
        statement = update(operations).where(operations.c.id == operation_id)
        await tx.execute(statement.values(status=OperationStatus.DEGRADED, reason=reason))
