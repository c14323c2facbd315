"""Custom domains: asked for, listed, given up. What proves them, and what follows, is in `proving`."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.challenges import ChallengePurpose
from turnout.domain.custom_domains import CustomDomain, DomainStatus, Standing, may_claim
from turnout.domain.ids import new_id
from turnout.domain.records import Project
from turnout.store.audit import write_audit
from turnout.store.challenges import concerned, drop_challenges, put_challenge
from turnout.store.counters import mark_changed, take_number
from turnout.store.custom_routes import lead_nowhere, number_project
from turnout.store.domain_rows import (
    KEPT,
    claim_of,
    domain_from,
    find_domain,
    gateways_may_prove,
    require_domain,
    with_surroundings,
)
from turnout.store.first_use import ensure_project, require_workspace
from turnout.store.lookups import find_project_by_slug, lock_project
from turnout.store.part import Part
from turnout.store.schema import challenges, domains, projects, routes

_TOKEN_BYTES: Final = 16
_SLACK: Final = timedelta(minutes=10)
"""The last check happens at the deadline, not before it; the gateways have to answer it still."""


class Domains(Part):
    """The claims of projects to names of their own."""

    async def add_domain(
        self, *, workspace_id: str, project: str, fqdn: str, actor: str, proof_seconds: float, limit: int
    ) -> CustomDomain:
        """Ask for a name (as `check_domain` gives it); the project comes into being with its first one.

        The same again changes nothing; one that has failed is asked for anew, with the token it had. The proof is
        looked for during `proof_seconds`. Raises NotFound for an unknown workspace, and Conflict when another
        project has proved the name, when Turnout made it, or when the project has `limit` names already.
        """
        async with self._db.write() as tx:
            await require_workspace(tx, workspace_id)
            owner = await lock_project(tx, (await ensure_project(tx, workspace_id, project)).id)
            known = await find_domain(tx, owner.id, fqdn)
            if known is not None and known.status is DomainStatus.VERIFIED:
                return known
            refusal = may_claim(fqdn, await _standing(tx, owner, fqdn, renews=known is not None, limit=limit))
            if refusal is not None:
                raise refusal
            if known is not None and known.status is DomainStatus.PENDING:
                return known
            if known is None:
                await _insert(tx, owner, fqdn, proof_seconds=proof_seconds, now=self._db.now())
            else:
                await _ask_again(tx, known, proof_seconds=proof_seconds, now=self._db.now())
            return await _asked(tx, owner, fqdn, actor, now=self._db.now())

    async def ask_check(
        self, *, workspace_id: str, project: str, fqdn: str, actor: str, proof_seconds: float
    ) -> CustomDomain:
        """Have the proof looked for now, and then again as at first. One that has failed gets a new deadline.

        One that is verified is left as it is. Raises NotFound, and Conflict when another project has proved it.
        """
        async with self._db.write() as tx:
            owner = await lock_project(tx, (await find_project_by_slug(tx, workspace_id, project)).id)
            known = await require_domain(tx, owner.id, fqdn)
            if known.status is DomainStatus.VERIFIED:
                return known
            refusal = may_claim(fqdn, await _standing(tx, owner, fqdn, renews=True, limit=0))
            if refusal is not None:
                raise refusal
            await _ask_again(tx, known, proof_seconds=proof_seconds, now=self._db.now())
            return await _asked(tx, owner, fqdn, actor, now=self._db.now())

    async def remove_domain(self, *, workspace_id: str, project: str, fqdn: str, actor: str) -> int:
        """Give a name up: its route, its sentinel config and its challenges go at once. Returns the generation.

        Raises NotFound, also when it was given up before.
        """
        async with self._db.write() as tx:
            owner = await lock_project(tx, (await find_project_by_slug(tx, workspace_id, project)).id)
            known = await require_domain(tx, owner.id, fqdn)
            removed = update(domains).where(domains.c.id == known.id)
            await tx.execute(removed.values(status=DomainStatus.REMOVED, removed_at=self._db.now(), problem=None))
            routed = await lead_nowhere(tx, owner, fqdn)
            await _note(tx, owner, fqdn, actor, "removed", at=self._db.now(), domain_id=known.id)
            generation = await take_number(tx, "generation")
            if routed:
                await number_project(tx, owner, generation)
            mine = (challenges.c.fqdn == fqdn, challenges.c.project_id == owner.id)
            await mark_changed(tx, {owner.id} | await drop_challenges(tx, *mine))
            return generation

    async def domains_of(self, *, project_id: str) -> tuple[CustomDomain, ...]:
        """The custom domains of a project, by name, without those that were given up."""
        statement = with_surroundings().where(domains.c.project_id == project_id, KEPT).order_by(domains.c.fqdn)
        async with self._db.read() as tx:
            return tuple(domain_from(row) for row in await tx.execute(statement))

    async def get_domain(self, *, workspace_id: str, project: str, fqdn: str) -> CustomDomain:
        """One of them. Raises NotFound, and says which there are."""
        async with self._db.read() as tx:
            owner = await find_project_by_slug(tx, workspace_id, project)
            return await require_domain(tx, owner.id, fqdn)


async def _insert(tx: AsyncConnection, owner: Project, fqdn: str, *, proof_seconds: float, now: datetime) -> None:
    await tx.execute(
        insert(domains).values(
            id=new_id("dom"),
            fqdn=fqdn,
            project_id=owner.id,
            status=DomainStatus.PENDING,
            token=secrets.token_hex(_TOKEN_BYTES),
            round=1,
            sent_round=0,
            checked_round=0,
            asked_at=now,
            deadline_at=now + timedelta(seconds=proof_seconds),
            next_check_at=now,
        )
    )


async def _ask_again(tx: AsyncConnection, known: CustomDomain, *, proof_seconds: float, now: datetime) -> None:
    values: dict[str, Any] = {"status": DomainStatus.PENDING, "round": known.round + 1, "next_check_at": now}
    if known.status is DomainStatus.FAILED:
        values |= {"asked_at": now, "deadline_at": now + timedelta(seconds=proof_seconds)}
    await tx.execute(update(domains).where(domains.c.id == known.id).values(values))


async def _asked(tx: AsyncConnection, owner: Project, fqdn: str, actor: str, *, now: datetime) -> CustomDomain:
    """What follows from asking: a line in the audit, and where it may be one, the gateways' own answer."""
    asked = await require_domain(tx, owner.id, fqdn)
    await _note(tx, owner, fqdn, actor, "asked", at=now, domain_id=asked.id, round=asked.round)
    if asked.gateway_answers or not await gateways_may_prove(tx):
        return asked
    claim = claim_of(asked)
    await put_challenge(
        tx,
        fqdn=fqdn,
        path=claim.http_path,
        body=claim.http_answer,
        expires_at=asked.deadline_at + _SLACK,
        project_id=owner.id,
        purpose=ChallengePurpose.PROOF,
        generation=await take_number(tx, "generation"),
        at=now,
    )
    await mark_changed(tx, await concerned(tx, [fqdn]))
    return await require_domain(tx, owner.id, fqdn)


async def _standing(tx: AsyncConnection, owner: Project, fqdn: str, *, renews: bool, limit: int) -> Standing:
    """Who has the name. `renews`: the project asks again for one that it has, which makes it no more than before."""
    proved = (
        select(projects.c.slug, projects.c.workspace_id)
        .join(domains, domains.c.project_id == projects.c.id)
        .where(domains.c.fqdn == fqdn, domains.c.status == DomainStatus.VERIFIED)
    )
    holder = (await tx.execute(proved)).one_or_none()
    routed = (await tx.execute(select(routes.c.id).where(routes.c.fqdn == fqdn))).first() is not None
    counted = select(func.count()).where(domains.c.project_id == owner.id, KEPT)
    return Standing(
        holder=None if holder is None else holder.slug,
        is_of_workspace=holder is not None and holder.workspace_id == owner.workspace_id,
        is_generated=routed and holder is None,
        claimed=-1 if renews else (await tx.execute(counted)).scalar_one(),
        limit=limit,
    )


async def _note(
    tx: AsyncConnection, owner: Project, fqdn: str, actor: str, what: str, *, at: datetime, **detail: Any
) -> None:
    await write_audit(
        tx,
        at=at,
        workspace_id=owner.workspace_id,
        project_id=owner.id,
        actor=actor,
        action=f"domain.{what}",
        subject=fqdn,
        detail=detail,
    )
