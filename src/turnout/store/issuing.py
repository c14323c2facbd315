"""Issuings: asked for by people, wanted for proved domains, and told of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.certificates import covers
from turnout.domain.custom_domains import DomainStatus
from turnout.domain.errors import Conflict, NotFound
from turnout.domain.hostnames import is_local
from turnout.domain.ids import new_id
from turnout.domain.issuing import Issuing, IssuingStatus
from turnout.store.audit import write_audit
from turnout.store.database import insert_into
from turnout.store.issuing_rows import (
    NO_ORDER,
    NO_PROBLEM,
    find_issuing,
    issuing_from,
    move_issuing,
    owner_of,
    with_project,
)
from turnout.store.lookups import find_project_by_slug
from turnout.store.part import Part
from turnout.store.schema import certificates, domains, issuings, projects


class Issuings(Part):
    """One for each domain that is to have a certificate by ACME."""

    async def ask_certificate(self, *, workspace_id: str, project: str, fqdn: str, actor: str) -> Issuing:
        """Have a certificate got now, also where there is one or the last try has failed for good.

        One that is being got is left alone. Raises NotFound for an unknown project, and Conflict when the name is
        not the project's: neither routed to it nor proved by it.
        """
        async with self._db.write() as tx:
            owner = await find_project_by_slug(tx, workspace_id, project)
            if await owner_of(tx, fqdn) != owner.id:
                raise Conflict(f"cannot get a certificate for {fqdn}: the name is not this project's; add it first")
            known, now = await find_issuing(tx, fqdn, lock=True), self._db.now()
            if known is None or known.project_id != owner.id:
                await _begin(tx, fqdn, owner.id, now, asked=True)
            elif known.status is not IssuingStatus.WORKING:
                failed = known.status is IssuingStatus.FAILED
                fresh = {"asked": True, "failures": 0, "due_at": now} | (NO_ORDER if failed else {})
                await move_issuing(tx, known, now, status=_resting(known), **fresh, **NO_PROBLEM)
            await write_audit(
                tx,
                at=now,
                workspace_id=workspace_id,
                project_id=owner.id,
                actor=actor,
                action="certificate.asked",
                subject=fqdn,
                detail={},
            )
            found = await find_issuing(tx, fqdn)
            assert found is not None, "it was just written"  # noqa: S101
            return found

    async def want_certificates(self) -> None:
        """Have certificates got for the proved domains that have none of any kind, and no issuing yet."""
        async with self._db.read() as tx:
            if not await _wanted(tx, self._db.now()):
                return
        async with self._db.write() as tx:
            now = self._db.now()
            for fqdn, project_id in await _wanted(tx, now):
                await _begin(tx, fqdn, project_id, now, asked=False)

    async def list_issuings(self, *, workspace_id: str) -> tuple[Issuing, ...]:
        """Those of a workspace, by name, without the names that were given up."""
        statement = with_project().where(projects.c.workspace_id == workspace_id).order_by(issuings.c.fqdn)
        async with self._db.read() as tx:
            found = [issuing_from(row) for row in await tx.execute(statement)]
            return tuple([each for each in found if await owner_of(tx, each.fqdn) == each.project_id])

    async def find_issuing(self, *, fqdn: str) -> Issuing | None:
        """The one of a name."""
        async with self._db.read() as tx:
            return await find_issuing(tx, fqdn)

    async def get_issuing(self, *, workspace_id: str, project: str, fqdn: str) -> Issuing:
        """The same of a project's name. Raises NotFound."""
        async with self._db.read() as tx:
            found, owner = await find_issuing(tx, fqdn), await find_project_by_slug(tx, workspace_id, project)
            if found is None or found.project_id != owner.id:
                raise NotFound(
                    f"{project} has not asked for a certificate for {fqdn}; ask with `turnout certs issue {fqdn}`"
                )
            return found


async def _wanted(tx: AsyncConnection, now: datetime) -> list[tuple[str, str]]:
    """The proved names that have no certificate and no issuing, each with its project."""
    same = and_(issuings.c.fqdn == domains.c.fqdn, issuings.c.project_id == domains.c.project_id)
    statement = (
        select(domains.c.fqdn, domains.c.project_id, projects.c.workspace_id)
        .join(projects, projects.c.id == domains.c.project_id)
        .outerjoin(issuings, same)
        .where(domains.c.status == DomainStatus.VERIFIED, issuings.c.fqdn.is_(None))
        .order_by(domains.c.fqdn)
    )
    found = [row for row in await tx.execute(statement) if not is_local(row.fqdn)]
    if not found:
        return []
    kept = select(certificates.c.workspace_id, certificates.c.names).where(
        certificates.c.removed_at.is_(None), certificates.c.not_after > now
    )
    served = [(row.workspace_id, name) for row in await tx.execute(kept) for name in row.names]
    return [
        (row.fqdn, row.project_id)
        for row in found
        if not any(owner == row.workspace_id and covers(name, row.fqdn) for owner, name in served)
    ]


async def _begin(tx: AsyncConnection, fqdn: str, project_id: str, now: datetime, *, asked: bool) -> None:
    """An issuing in the place of whoever's had the name before; one of the same project stays."""
    await tx.execute(delete(issuings).where(issuings.c.fqdn == fqdn, issuings.c.project_id != project_id))
    fresh = insert_into(tx, issuings).values(
        id=new_id("iss"),
        fqdn=fqdn,
        project_id=project_id,
        status=IssuingStatus.WAITING,
        turn=1,
        sends=0,
        due_at=now,
        asked=asked,
        failures=0,
        created_at=now,
        updated_at=now,
    )
    await tx.execute(fresh.on_conflict_do_nothing(index_elements=["fqdn"]))


def _resting(issuing: Issuing) -> IssuingStatus:
    return IssuingStatus.ISSUED if issuing.status is IssuingStatus.ISSUED else IssuingStatus.WAITING
