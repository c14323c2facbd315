"""The rows around an issuing: itself, and whose name it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select, union

from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.custom_domains import DomainStatus
from turnout.domain.issuing import Issuing, IssuingStatus, Problem, ProblemKind
from turnout.store.schema import domains, issuings, projects, routes


async def find_issuing(tx: AsyncConnection, fqdn: str, *, lock: bool = False) -> Issuing | None:
    """The issuing of a name; locked, it is held against everybody else's change of it."""
    statement = with_workspace().where(issuings.c.fqdn == fqdn)
    row = (await tx.execute(statement.with_for_update(of=issuings) if lock else statement)).one_or_none()
    return None if row is None else issuing_from(row)


def with_workspace() -> Select[Any]:
    """Issuings, each with whose its project is."""
    return select(issuings, projects.c.workspace_id).join(projects, projects.c.id == issuings.c.project_id)


def issuing_from(row: Row[Any]) -> Issuing:
    """A row of `with_workspace`."""
    problem = None if row.problem is None else Problem(kind=ProblemKind(row.problem_kind), detail=row.problem)
    return Issuing(
        fqdn=row.fqdn,
        project_id=row.project_id,
        workspace_id=row.workspace_id,
        status=IssuingStatus(row.status),
        turn=row.turn,
        due_at=row.due_at,
        asked=row.asked,
        failures=row.failures,
        problem=problem,
        order_url=row.order_url,
    )


async def owner_of(tx: AsyncConnection, fqdn: str) -> str | None:
    """The project that a name is routed to or was proved by; None when that is nobody, or not one alone."""
    owners = union(
        select(routes.c.project_id).where(routes.c.fqdn == fqdn),
        select(domains.c.project_id).where(domains.c.fqdn == fqdn, domains.c.status == DomainStatus.VERIFIED),
    )
    found = set((await tx.execute(owners)).scalars())
    return found.pop() if len(found) == 1 else None
