"""The row of an issuing: found, moved on, forgotten; and whose name it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, delete, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.custom_domains import DomainStatus
from turnout.domain.issuing import Issuing, IssuingStatus, Problem, ProblemKind
from turnout.store.schema import domains, issuings, projects, routes

NO_ORDER: Final[dict[str, Any]] = {"order_url": None, "master_key_id": None, "sealed_key": None}
NO_PROBLEM: Final[dict[str, Any]] = {"problem": None, "problem_kind": None}


async def find_issuing(tx: AsyncConnection, fqdn: str, *, lock: bool = False) -> Issuing | None:
    """The issuing of a name; locked, it is held against everybody else's change of it."""
    return await _find(tx, issuings.c.fqdn == fqdn, lock=lock)


async def issuing_of(tx: AsyncConnection, issuing_id: str, *, lock: bool = False) -> Issuing | None:
    """The same by its id: it is forgotten, and made anew, with its name."""
    return await _find(tx, issuings.c.id == issuing_id, lock=lock)


async def _find(tx: AsyncConnection, condition: ColumnElement[bool], *, lock: bool) -> Issuing | None:
    statement = with_project().where(condition)
    row = (await tx.execute(statement.with_for_update(of=issuings) if lock else statement)).one_or_none()
    return None if row is None else issuing_from(row)


def with_project() -> Select[Any]:
    """Issuings, each with its project's name, and whose that is."""
    return select(issuings, projects.c.workspace_id, projects.c.slug).join(
        projects, projects.c.id == issuings.c.project_id
    )


def issuing_from(row: Row[Any]) -> Issuing:
    """A row of `with_project`."""
    problem = None if row.problem is None else Problem(kind=ProblemKind(row.problem_kind), detail=row.problem)
    return Issuing(
        id=row.id,
        fqdn=row.fqdn,
        project_id=row.project_id,
        project=row.slug,
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


async def move_issuing(tx: AsyncConnection, issuing: Issuing, now: datetime, **values: Any) -> None:
    """On to the next turn, with these values."""
    fresh = {"turn": issuing.turn + 1, "sends": 0, "sent_at": None, "updated_at": now}
    await tx.execute(update(issuings).where(issuings.c.id == issuing.id).values(fresh | values))


async def forget_issuing(tx: AsyncConnection, fqdn: str) -> None:
    """Nobody wants it any more."""
    await tx.execute(delete(issuings).where(issuings.c.fqdn == fqdn))
