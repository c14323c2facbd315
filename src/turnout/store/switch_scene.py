"""What a switch decides with: loaded under the lock of its project, all of it before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, Invalid, NotFound
from turnout.domain.gates import SwitchFacts, may_go_live
from turnout.domain.hostnames import Candidate, Naming, candidates
from turnout.domain.plans import SwitchRequest
from turnout.domain.records import Deployment, Environment, Operation, OperationKind, Project, Route
from turnout.domain.statuses import OPERATION_TERMINAL
from turnout.store import rows
from turnout.store.domain_rows import proved_names
from turnout.store.facts import switch_facts
from turnout.store.lookups import find_deployment, lock_deployment, lock_operation_row
from turnout.store.schema import routes, workspaces


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One operation, its project and its target, as they are while the project is locked."""

    operation: Operation
    actor: str
    project: Project
    target: Deployment
    environment: Environment
    """The target's."""
    source_id: str | None
    facts: SwitchFacts
    candidates: tuple[Candidate, ...]
    """The names that a deploy wants; a rollback or promote wants none."""
    owned: dict[str, Route]
    """The routes that exist among those names."""
    apex: str


async def load_scene(tx: AsyncConnection, project: Project, request: SwitchRequest) -> Scene:
    """Lock the target and the operation, and load the rest.

    Raises NotFound when one is missing, and Conflict when the operation has ended or is to be cancelled: a
    late switch of a cancelled operation must not happen.
    """
    target = await lock_deployment(tx, request.target_id)
    if target.project_id != project.id:
        raise NotFound(f"there is no deployment {request.target_id} in this project")
    row = await lock_operation_row(tx, request.operation_id)
    operation = rows.operation_from(row)
    _check_asked_for(operation, request)
    source_id = request.source_id or operation.source_deployment_id
    source = await find_deployment(tx, source_id, workspace_id=project.workspace_id) if source_id else None
    facts = await switch_facts(tx, project, source, target)
    environment = facts.target_environment
    if environment is None:
        raise NotFound(f"deployment {target.id} has no environment")
    wanted: tuple[Candidate, ...] = ()
    if request.kind is OperationKind.DEPLOY:
        naming = await _naming(tx, project, environment, target, request.apex)
        wanted = candidates(naming, live=may_go_live(project, environment))
    return Scene(
        operation=operation,
        actor=row.actor,
        project=project,
        target=target,
        environment=environment,
        source_id=source_id,
        facts=facts,
        candidates=wanted,
        owned=await _owned(tx, wanted),
        apex=request.apex,
    )


def _check_asked_for(operation: Operation, request: SwitchRequest) -> None:
    asked = (operation.kind, operation.project_id, operation.deployment_id)
    if asked != (request.kind, request.project_id, request.target_id):
        raise Invalid(f"cannot switch: operation {operation.id} was asked for something else")
    if operation.status in OPERATION_TERMINAL:
        raise Conflict(f"cannot switch: operation {operation.id} has ended, it is {operation.status}")
    if operation.cancel_requested_at is not None:
        raise Conflict(f"cannot switch: operation {operation.id} was cancelled by {operation.cancelled_by}")


async def _naming(
    tx: AsyncConnection, project: Project, environment: Environment, target: Deployment, apex: str
) -> Naming:
    slug = select(workspaces.c.slug).where(workspaces.c.id == project.workspace_id)
    return Naming(
        project=project.slug,
        environment=environment.slug,
        workspace=(await tx.execute(slug)).scalar_one(),
        apex=apex,
        deployment_id=target.id,
        git=target.git,
        custom=await proved_names(tx, project.id),
    )


async def _owned(tx: AsyncConnection, wanted: tuple[Candidate, ...]) -> dict[str, Route]:
    names = {name for candidate in wanted for name in candidate.names}
    if not names:
        return {}
    found = await tx.execute(select(routes).where(routes.c.fqdn.in_(names)))
    return {row.fqdn: rows.route_from(row) for row in found}
