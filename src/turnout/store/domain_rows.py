"""The rows of custom domains: read, locked, and what stands beside them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.challenges import ChallengePurpose
from turnout.domain.custom_domains import CustomDomain, DomainStatus
from turnout.domain.errors import NotFound
from turnout.domain.proofs import Claim, ProofMethod
from turnout.store.schema import challenges, domains, routes, workspaces

KEPT = domains.c.status != DomainStatus.REMOVED
"""Those that were not given up."""


def with_surroundings() -> Select[Any]:
    """Every claim with what its name leads to, and whether the gateways answer its HTTP proof."""
    answered = exists().where(
        challenges.c.fqdn == domains.c.fqdn,
        challenges.c.project_id == domains.c.project_id,
        challenges.c.purpose == ChallengePurpose.PROOF,
    )
    routed = (routes.c.fqdn == domains.c.fqdn) & (routes.c.project_id == domains.c.project_id)
    return select(domains, routes.c.deployment_id, answered.label("gateway_answers")).outerjoin(routes, routed)


def domain_from(row: Row[Any]) -> CustomDomain:
    """A row of `with_surroundings`."""
    return CustomDomain(
        id=row.id,
        fqdn=row.fqdn,
        project_id=row.project_id,
        status=DomainStatus(row.status),
        token=row.token,
        method=None if row.method is None else ProofMethod(row.method),
        problem=row.problem,
        round=row.round,
        checked_round=row.checked_round,
        asked_at=row.asked_at,
        deadline_at=row.deadline_at,
        checked_at=row.checked_at,
        verified_at=row.verified_at,
        deployment_id=row.deployment_id,
        gateway_answers=bool(row.gateway_answers),
    )


def claim_of(row: Row[Any] | CustomDomain) -> Claim:
    """What its proof has to show."""
    return Claim(fqdn=row.fqdn, project_id=row.project_id, token=row.token)


async def find_domain(tx: AsyncConnection, project_id: str, fqdn: str) -> CustomDomain | None:
    """The project's claim to a name; None when it has none, or has given it up."""
    statement = with_surroundings().where(domains.c.project_id == project_id, domains.c.fqdn == fqdn, KEPT)
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else domain_from(row)


async def require_domain(tx: AsyncConnection, project_id: str, fqdn: str) -> CustomDomain:
    """The same. Raises NotFound, and says which names there are."""
    found = await find_domain(tx, project_id, fqdn)
    if found is not None:
        return found
    names = select(domains.c.fqdn).where(domains.c.project_id == project_id, KEPT).order_by(domains.c.fqdn)
    known = ", ".join((await tx.execute(names)).scalars()) or "none yet"
    raise NotFound(f"the project has no domain {fqdn}; known are: {known}")


async def gateways_may_prove(tx: AsyncConnection) -> bool:
    """Whether the gateways may answer HTTP proofs by themselves: only while they serve one tenant alone.

    With several, a name that leads to these gateways need not lead to them for the one who asks.
    """
    return (await tx.execute(select(func.count()).select_from(workspaces))).scalar_one() == 1


async def proved_names(tx: AsyncConnection, project_id: str) -> tuple[str, ...]:
    """The names that follow the project's live deployment, sorted."""
    proved = domains.c.status == DomainStatus.VERIFIED
    statement = select(domains.c.fqdn).where(domains.c.project_id == project_id, KEPT, proved)
    return tuple((await tx.execute(statement.order_by(domains.c.fqdn))).scalars())
