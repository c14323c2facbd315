"""Rows that outlived what they were for, as queries: whoever looks for them and whoever removes them asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, exists, or_, select

from turnout.domain.statuses import TERMINAL, DeploymentStatus
from turnout.domain.waits import WaitKind
from turnout.store.placements import RUNNING
from turnout.store.schema import build_places, deployments, jobs, operations, placements, projects, waits

_ENDED: Final = [status.value for status in TERMINAL]
_NOT_TO_RUN: Final = [*_ENDED, DeploymentStatus.STOPPED.value]


def _of_ended(what: Any, *columns: Any) -> Select[Any]:
    return (
        select(*columns, operations.c.workspace_id)
        .join(operations, operations.c.id == what.c.operation_id)
        .where(operations.c.ended_at.is_not(None))
    )


def _of_deployment(what: Any) -> Select[Any]:
    """Rows of deployments, each once, that want something to run."""
    return (
        select(deployments.c.id, projects.c.workspace_id)
        .distinct()
        .join(what, what.c.deployment_id == deployments.c.id)
        .join(projects, projects.c.id == deployments.c.project_id)
        .order_by(deployments.c.id)
    )


def is_used() -> Any:
    """An operation about the deployment is under way: it may be waking it."""
    return exists().where(operations.c.deployment_id == deployments.c.id, operations.c.ended_at.is_(None))


LEFTOVERS: Final[Mapping[str, Select[Any]]] = {
    "wait": _of_ended(waits, waits.c.awakeable_id.label("id"))
    .where(waits.c.settled_at.is_(None), waits.c.kind != WaitKind.OBSERVATION)
    .order_by(waits.c.awakeable_id),
    "build place": _of_ended(build_places, build_places.c.operation_id.label("id")).order_by(
        build_places.c.operation_id
    ),
    "job": _of_deployment(jobs).where(jobs.c.wanted, deployments.c.status.in_(_ENDED)),
    "placement": _of_deployment(placements).where(
        placements.c.desired == RUNNING,
        or_(deployments.c.status.in_(_NOT_TO_RUN), deployments.c.removed_at.is_not(None)),
        ~is_used(),
    ),
}
"""Rows that outlived what they were for, by what they are: the id and the workspace."""
