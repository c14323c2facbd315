"""What the gateways answer by themselves, for a while, in front of any app (domain.challenges).

Every change of a challenge takes a generation first. That row's lock makes whoever changes challenges of a name
wait for whoever does it already, so that the one who carries the name (see `served_challenges`) is told of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.challenges import ChallengePurpose, check_challenge
from turnout.domain.custom_domains import DomainStatus
from turnout.domain.errors import Conflict
from turnout.domain.views import ChallengeView
from turnout.store.counters import mark_changed, take_number
from turnout.store.database import insert_into
from turnout.store.lookups import lock_project
from turnout.store.part import Part
from turnout.store.schema import challenges, domains, routes


class Challenges(Part):
    """Published, withdrawn, expired."""

    async def publish_challenge(
        self,
        *,
        fqdn: str,
        path: str,
        body: str,
        expires_at: datetime,
        project_id: str,
        purpose: ChallengePurpose = ChallengePurpose.CERTIFICATE,
    ) -> int:
        """Have every gateway answer `http://<fqdn><path>` with `body` until then. Returns the generation to wait for.

        The same again moves the expiry and returns the first generation. Raises NotFound for an unknown project,
        Invalid for what no gateway shall answer, and Conflict when the name is not the project's: neither routed
        to it nor proved by it.
        """
        check_challenge(path, body)
        async with self._db.write() as tx:
            await lock_project(tx, project_id)
            await _require_name(tx, fqdn, project_id)
            known = (await tx.execute(_one(fqdn, path))).one_or_none()
            if known is not None and (known.project_id, known.body) == (project_id, body):
                await _move_expiry(tx, fqdn, path, expires_at)
                return int(known.generation)
            generation = await take_number(tx, "generation")
            await put_challenge(
                tx,
                fqdn=fqdn,
                path=path,
                body=body,
                expires_at=expires_at,
                project_id=project_id,
                purpose=purpose,
                generation=generation,
                at=self._db.now(),
            )
            await mark_changed(tx, await concerned(tx, [fqdn]))
            return generation

    async def withdraw_challenge(self, *, fqdn: str, path: str, project_id: str) -> int | None:
        """Have no gateway answer it any more. Returns the generation; None when the project has no such challenge."""
        async with self._db.write() as tx:
            await lock_project(tx, project_id)
            known = (await tx.execute(_one(fqdn, path))).one_or_none()
            if known is None or known.project_id != project_id:
                return None
            generation = await take_number(tx, "generation")
            affected = await drop_challenges(tx, challenges.c.fqdn == fqdn, challenges.c.path == path)
            await mark_changed(tx, affected)
            return generation

    async def expire_challenges(self) -> None:
        """Withdraw those whose time is over."""
        over = challenges.c.expires_at <= self._db.now()
        async with self._db.read() as tx:
            if (await tx.execute(select(challenges.c.fqdn).where(over).limit(1))).first() is None:
                return
        async with self._db.write() as tx:
            await take_number(tx, "generation")
            await mark_changed(tx, await drop_challenges(tx, over))


async def put_challenge(
    tx: AsyncConnection,
    *,
    fqdn: str,
    path: str,
    body: str,
    expires_at: datetime,
    project_id: str,
    purpose: ChallengePurpose,
    generation: int,
    at: datetime,
) -> None:
    """Write one down, or another answer. The caller has taken the generation, and marks who is `concerned`."""
    values: dict[str, Any] = {
        "project_id": project_id,
        "body": body,
        "purpose": purpose,
        "generation": generation,
        "expires_at": expires_at,
    }
    statement = insert_into(tx, challenges).values(fqdn=fqdn, path=path, created_at=at, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["fqdn", "path"], set_=values))


async def drop_challenges(tx: AsyncConnection, *conditions: ColumnElement[bool]) -> set[str]:
    """Delete them. Returns the projects that the gateways have to read again; the caller has taken the generation."""
    names = set((await tx.execute(select(challenges.c.fqdn).where(*conditions))).scalars())
    affected = await concerned(tx, names)
    await tx.execute(delete(challenges).where(*conditions))
    return affected


async def concerned(tx: AsyncConnection, names: Iterable[str]) -> set[str]:
    """The projects that may carry one of the names: those with a challenge for it, and the one it is routed to."""
    named = sorted(names)
    found = union(
        select(challenges.c.project_id).where(challenges.c.fqdn.in_(named)),
        select(routes.c.project_id).where(routes.c.fqdn.in_(named)),
    )
    return set((await tx.execute(found)).scalars())


async def served_challenges(
    tx: AsyncConnection, projects: Select[tuple[str]], *, at: datetime
) -> dict[str, tuple[ChallengeView, ...]]:
    """The challenges that the views of these projects carry, each sorted by name and path.

    A name has one place at a gateway. Where it is routed, its project carries all its challenges; else the project
    that asked first does, whoever asked for the others: two that prove the same name do not take it from each other.
    """
    names = union(
        select(challenges.c.fqdn).where(challenges.c.project_id.in_(projects)),
        select(routes.c.fqdn)
        .join(challenges, challenges.c.fqdn == routes.c.fqdn)
        .where(routes.c.project_id.in_(projects)),
    )
    found = await tx.execute(
        select(challenges, routes.c.project_id.label("routed_to"))
        .outerjoin(routes, routes.c.fqdn == challenges.c.fqdn)
        .where(challenges.c.fqdn.in_(names))
        .order_by(challenges.c.created_at, challenges.c.project_id, challenges.c.path)
    )
    carriers: dict[str, str] = {}
    carried: dict[str, list[ChallengeView]] = defaultdict(list)
    for row in found:
        carrier = carriers.setdefault(row.fqdn, row.routed_to or row.project_id)
        if row.expires_at > at:
            carried[carrier].append(ChallengeView(fqdn=row.fqdn, path=row.path, body=row.body))
    return {
        project_id: tuple(sorted(views, key=lambda view: (view.fqdn, view.path)))
        for project_id, views in carried.items()
    }


def _one(fqdn: str, path: str) -> Select[Any]:
    return select(challenges).where(challenges.c.fqdn == fqdn, challenges.c.path == path)


async def _move_expiry(tx: AsyncConnection, fqdn: str, path: str, expires_at: datetime) -> None:
    moved = update(challenges).where(challenges.c.fqdn == fqdn, challenges.c.path == path)
    await tx.execute(moved.values(expires_at=expires_at))


async def _require_name(tx: AsyncConnection, fqdn: str, project_id: str) -> None:
    """Whoever could have any name answered could have a certificate for it, or prove it."""
    owners = union(
        select(routes.c.project_id).where(routes.c.fqdn == fqdn),
        select(domains.c.project_id).where(domains.c.fqdn == fqdn, domains.c.status == DomainStatus.VERIFIED),
    )
    if set((await tx.execute(owners)).scalars()) != {project_id}:
        raise Conflict(f"cannot answer a challenge for {fqdn}: the name is not this project's; add and prove it first")
