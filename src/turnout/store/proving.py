"""What a check showed is written down here, with all that follows: proved and routed in one transaction, or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.challenges import ChallengePurpose
from turnout.domain.custom_domains import Checked, DomainStatus, UnsentCheck
from turnout.domain.errors import NotFound
from turnout.domain.proofs import Claim, Finding, ProofMethod
from turnout.domain.records import Project
from turnout.store.audit import write_audit
from turnout.store.challenges import drop_challenges
from turnout.store.counters import mark_changed, take_number
from turnout.store.custom_routes import lead_to_live, number_project
from turnout.store.domain_rows import claim_of, gateways_may_prove
from turnout.store.lookups import lock_project
from turnout.store.part import Part
from turnout.store.schema import challenges, domains

_PROVER: Final = "domains"
"""The actor of what a check leads to."""
_LOST: Final = "another project has the name: its proof came first"
_SHARED: Final = (
    "several workspaces share these gateways, so what they answer by themselves proves nothing; publish the TXT record"
)


class Proving(Part):
    """The checks of one claim after another, each round until it is proved, fails, or is asked for anew."""

    async def unsent_checks(self, *, overdue_seconds: float) -> tuple[UnsentCheck, ...]:
        """The rounds that nobody has marked as sent.

        A round whose next check is late by `overdue_seconds` was lost on the way, and is followed by another one.
        """
        late = domains.c.next_check_at <= self._db.now() - timedelta(seconds=overdue_seconds)
        pending = domains.c.status == DomainStatus.PENDING
        unsent = domains.c.sent_round < domains.c.round
        statement = select(domains.c.id, domains.c.round, unsent.label("unsent")).where(pending, or_(unsent, late))
        async with self._db.read() as tx:
            found = (await tx.execute(statement.order_by(domains.c.next_check_at, domains.c.id))).all()
        for row in found:
            if not row.unsent:
                await self.begin_checks_anew(domain_id=row.id, lost_round=row.round)
        return tuple(UnsentCheck(domain_id=row.id, round=row.round) for row in found if row.unsent)

    async def mark_check_sent(self, *, check: UnsentCheck) -> None:
        """The workflows have the round."""
        sent = update(domains).where(domains.c.id == check.domain_id, domains.c.sent_round < check.round)
        async with self._db.write() as tx:
            await tx.execute(sent.values(sent_round=check.round))

    async def claim_to_check(self, *, domain_id: str, check_round: int) -> Claim | None:
        """What there is to be proved; None when this round is over."""
        async with self._db.read() as tx:
            row = (await tx.execute(select(domains).where(domains.c.id == domain_id))).one_or_none()
            return claim_of(row) if row is not None and _is_open(row, check_round) else None

    async def record_check(
        self, *, domain_id: str, check_round: int, finding: Finding, apex: str, again_in: float
    ) -> Checked:
        """Write down what a check showed. A repeat finds what the first one did and changes nothing.

        A proof makes the name the project's own and routes it to the live deployment, if there is one, in the same
        transaction; the first project to prove it gets it, and whoever comes later has failed. Without a proof the
        claim has failed once its deadline is over, and else is to be checked again after `again_in` seconds. Raises
        NotFound for an unknown domain.
        """
        async with self._db.write() as tx:
            found = select(domains.c.project_id).where(domains.c.id == domain_id)
            project_id = (await tx.execute(found)).scalar_one_or_none()
            if project_id is None:
                raise NotFound(f"there is no domain {domain_id}")
            project = await lock_project(tx, project_id)
            row = (await tx.execute(select(domains).where(domains.c.id == domain_id).with_for_update())).one()
            if not _is_open(row, check_round):
                return _as_it_is(row, check_round)
            if await _is_taken(tx, row):
                return await _failed(tx, project, row, _LOST, now=self._db.now())
            if finding.method is ProofMethod.HTTP and await _is_hearsay(tx, row):
                finding = Finding(method=None, problem=_SHARED)
            if finding.method is None:
                return await _not_yet(tx, project, row, finding, again_in=again_in, now=self._db.now())
            return await _proved(tx, project, row, finding.method, apex=apex, now=self._db.now())

    async def conclude_check(self, *, domain_id: str, check_round: int, problem: str | None) -> None:
        """All that follows from the round's proof has happened; `problem` says what did not."""
        over = update(domains).where(
            domains.c.id == domain_id, domains.c.round == check_round, domains.c.status == DomainStatus.VERIFIED
        )
        async with self._db.write() as tx:
            await tx.execute(over.values(checked_round=check_round, problem=problem))

    async def begin_checks_anew(self, *, domain_id: str, lost_round: int) -> None:
        """Another round in the place of one that nobody carries on. Does nothing when there is one already."""
        now = self._db.now()
        lost = update(domains).where(domains.c.id == domain_id, domains.c.round == lost_round)
        async with self._db.write() as tx:
            await tx.execute(lost.values(round=lost_round + 1, next_check_at=now))


async def _not_yet(
    tx: AsyncConnection, project: Project, row: Row[Any], finding: Finding, *, again_in: float, now: datetime
) -> Checked:
    left = (row.deadline_at - now).total_seconds()
    if left <= 0:
        return await _failed(tx, project, row, finding.problem or "nothing proves it", now=now)
    pause = min(again_in, left)
    seen = {"problem": finding.problem, "checked_at": now, "checked_round": row.round}
    await _write(tx, row, next_check_at=now + timedelta(seconds=pause), **seen)
    return Checked(status=DomainStatus.PENDING, generation=None, again_in=pause)


async def _failed(tx: AsyncConnection, project: Project, row: Row[Any], problem: str, *, now: datetime) -> Checked:
    await _write(
        tx,
        row,
        status=DomainStatus.FAILED,
        problem=problem,
        checked_at=now,
        checked_round=row.round,
    )
    await _note(tx, project, row, "failed", at=now)
    await take_number(tx, "generation")
    await mark_changed(tx, await drop_challenges(tx, *_proofs_of(row)))
    return Checked(status=DomainStatus.FAILED, generation=None, again_in=None)


async def _proved(
    tx: AsyncConnection, project: Project, row: Row[Any], method: ProofMethod, *, apex: str, now: datetime
) -> Checked:
    try:
        # Whoever proves the same name at this moment waits here for the other's commit, and then is too late.
        async with tx.begin_nested():
            await _write(
                tx,
                row,
                status=DomainStatus.VERIFIED,
                method=method,
                problem=None,
                checked_at=now,
                verified_at=now,
                checked_round=row.round - 1,  # over only when the gateways have followed: `conclude_check`
            )
            live = await lead_to_live(tx, project, row.fqdn, apex=apex)
    except IntegrityError:
        return await _failed(tx, project, row, _LOST, now=now)
    await _note(tx, project, row, "verified", at=now, method=method, deployment_id=live)
    generation = await take_number(tx, "generation")
    await _write(tx, row, generation=generation)
    if live is not None:
        await number_project(tx, project, generation)
    # The others' proofs of this name have nothing to prove any more.
    proofs = (challenges.c.fqdn == row.fqdn, challenges.c.purpose == ChallengePurpose.PROOF)
    await mark_changed(tx, {project.id} | await drop_challenges(tx, *proofs))
    return Checked(status=DomainStatus.VERIFIED, generation=generation, again_in=None)


async def _note(
    tx: AsyncConnection, project: Project, row: Row[Any], what: str, *, at: datetime, **detail: Any
) -> None:
    await write_audit(
        tx,
        at=at,
        workspace_id=project.workspace_id,
        project_id=project.id,
        actor=_PROVER,
        action=f"domain.{what}",
        subject=row.fqdn,
        detail={"domain_id": row.id, **detail},
    )


def _is_open(row: Row[Any], check_round: int) -> bool:
    return bool(row.status == DomainStatus.PENDING and row.round == check_round)


def _as_it_is(row: Row[Any], check_round: int) -> Checked:
    """For a repeat: only the round that proved it tells the generation again."""
    status = DomainStatus(row.status)
    told = status is DomainStatus.VERIFIED and row.round == check_round
    return Checked(status=status, generation=row.generation if told else None, again_in=None)


async def _is_taken(tx: AsyncConnection, row: Row[Any]) -> bool:
    proved = select(domains.c.id).where(domains.c.fqdn == row.fqdn, domains.c.status == DomainStatus.VERIFIED)
    return (await tx.execute(proved)).first() is not None


async def _is_hearsay(tx: AsyncConnection, row: Row[Any]) -> bool:
    """Whether the page may have come from our own gateways, although they serve several tenants by now."""
    answered = (await tx.execute(select(challenges.c.path).where(*_proofs_of(row)))).first() is not None
    return answered and not await gateways_may_prove(tx)


def _proofs_of(row: Row[Any]) -> tuple[Any, ...]:
    return (
        challenges.c.fqdn == row.fqdn,
        challenges.c.project_id == row.project_id,
        challenges.c.purpose == ChallengePurpose.PROOF,
    )


async def _write(tx: AsyncConnection, row: Row[Any], **values: Any) -> None:
    await tx.execute(update(domains).where(domains.c.id == row.id).values(values))
