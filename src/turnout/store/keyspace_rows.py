"""What several transactions ask of keyspaces: the one that is meant, the deployments that name it, the keys in it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import NotFound
from turnout.domain.ids import is_id
from turnout.domain.keyspaces import Key, Keyspace, RateLimit, check_reference
from turnout.domain.statuses import DeploymentStatus
from turnout.domain.views import KeyView
from turnout.store.audit import write_audit
from turnout.store.counters import mark_changed, take_number
from turnout.store.schema import deployments, keys, keyspaces, project_changes, sentinel_configs

_NEVER_AGAIN: Final = (DeploymentStatus.FAILED, DeploymentStatus.CANCELLED, DeploymentStatus.SUPERSEDED)
"""Of such a deployment nothing will ever be served."""


async def find_keyspace(
    tx: AsyncConnection, workspace_id: str, reference: str, *, to_change: bool = False, to_name: bool = False
) -> Keyspace:
    """The keyspace of that id or name. Raises NotFound, also for another workspace's.

    `to_name` keeps it from being removed until the transaction ends, `to_change` from being changed as well.
    """
    mine = (keyspaces.c.workspace_id == workspace_id, keyspaces.c.deleted_at.is_(None))
    column = keyspaces.c.id if is_id(reference, "ks") else keyspaces.c.slug
    statement = select(keyspaces).where(*mine, column == reference)
    if to_change or to_name:
        statement = statement.with_for_update(read=not to_change)
    row = (await tx.execute(statement)).one_or_none()
    if row is not None:
        return keyspace_from(row)
    try:
        named = check_reference(reference)
    except ValueError:
        named = "of such a name"  # it may be a key that went astray: it is not repeated
    known = (await tx.execute(select(keyspaces.c.slug).where(*mine).order_by(keyspaces.c.slug).limit(20))).scalars()
    raise NotFound(
        f"there is no keyspace {named}; known are: {', '.join(known) or 'none yet'}; "
        "make one with `turnout keyspaces create`"
    )


async def user_of(tx: AsyncConnection, keyspace_id: str) -> str | None:
    """The newest deployment that asks for keys of it, and is served or could be; None when there is none."""
    statement = (
        select(deployments.c.id)
        .where(
            deployments.c.key_auth_id == keyspace_id,
            deployments.c.removed_at.is_(None),
            deployments.c.status.not_in(_NEVER_AGAIN),
        )
        .order_by(deployments.c.created_at.desc(), deployments.c.id.desc())
        .limit(1)
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def tell_gateways(tx: AsyncConnection, keyspace_id: str) -> int:
    """Have the gateways read every project again that asks for keys of it. Last in its transaction.

    Returns the generation by which a gateway has. It is taken before the projects are looked for: a switch that
    makes another one ask for these keys has either been committed by then, or will be fed with what is written here.
    """
    generation = await take_number(tx, "generation")
    asking = (
        select(sentinel_configs.c.project_id)
        .join(deployments, deployments.c.id == sentinel_configs.c.deployment_id)
        .where(deployments.c.key_auth_id == keyspace_id)
        .distinct()
    )
    await mark_changed(tx, (await tx.execute(asking)).scalars().all())
    return generation


async def keys_of_changed(tx: AsyncConnection, after: int, now: datetime) -> dict[str, list[KeyView]]:
    """By keyspace: the good keys of all that the domains of the projects changed since `after` ask for."""
    asked_for = (
        select(deployments.c.key_auth_id)
        .join(sentinel_configs, sentinel_configs.c.deployment_id == deployments.c.id)
        .join(project_changes, project_changes.c.project_id == sentinel_configs.c.project_id)
        .where(project_changes.c.change > after, deployments.c.key_auth_id.is_not(None))
    )
    found = await tx.execute(
        select(
            keys,
            keyspaces.c.limit_requests.label("default_requests"),
            keyspaces.c.limit_seconds.label("default_seconds"),
        )
        .join(keyspaces, keyspaces.c.id == keys.c.keyspace_id)
        .where(keys.c.keyspace_id.in_(asked_for), keyspaces.c.deleted_at.is_(None), *good(now))
        .order_by(keys.c.id)
    )
    views: dict[str, list[KeyView]] = defaultdict(list)
    for row in found:
        limit = limit_from(row.limit_requests, row.limit_seconds)
        views[row.keyspace_id].append(
            KeyView(
                id=row.id,
                keyspace_id=row.keyspace_id,
                sha256=row.sha256,
                expires_at=row.expires_at,
                limit=limit or limit_from(row.default_requests, row.default_seconds),
            )
        )
    return views


async def count_good(tx: AsyncConnection, keyspace_id: str, now: datetime) -> int:
    """How many of its keys are neither revoked nor over."""
    statement = select(func.count()).select_from(keys).where(keys.c.keyspace_id == keyspace_id, *good(now))
    return (await tx.execute(statement)).scalar_one()


def good(now: datetime) -> tuple[Any, ...]:
    """The conditions of a key that lets in."""
    return keys.c.revoked_at.is_(None), keys.c.expires_at.is_(None) | (keys.c.expires_at > now)


async def write_deed(
    tx: AsyncConnection, keyspace: Keyspace, action: str, subject: str, actor: str, *, at: datetime, **detail: Any
) -> None:
    """A line of the audit about a keyspace or one of its keys."""
    await write_audit(
        tx,
        at=at,
        workspace_id=keyspace.workspace_id,
        project_id=None,
        actor=actor,
        action=action,
        subject=subject,
        detail={"keyspace_id": keyspace.id, **detail},
    )


def said(limit: RateLimit | None) -> str | None:
    """A limit in the audit."""
    return None if limit is None else str(limit)


def keyspace_from(row: Row[Any]) -> Keyspace:
    """A row of `keyspaces`."""
    return Keyspace(
        id=row.id,
        workspace_id=row.workspace_id,
        slug=row.slug,
        limit=limit_from(row.limit_requests, row.limit_seconds),
        created_at=row.created_at,
    )


def key_from(row: Row[Any]) -> Key:
    """A row of `keys`, without the hash."""
    return Key(
        id=row.id,
        keyspace_id=row.keyspace_id,
        name=row.name,
        start=row.start,
        limit=limit_from(row.limit_requests, row.limit_seconds),
        created_at=row.created_at,
        created_by=row.created_by,
        changed_at=row.changed_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def limit_from(requests: int | None, seconds: Any) -> RateLimit | None:
    """Two columns that are null together."""
    return None if requests is None else RateLimit(requests=requests, seconds=seconds)


def limit_columns(limit: RateLimit | None) -> dict[str, int | None]:
    """And back."""
    return {
        "limit_requests": None if limit is None else limit.requests,
        "limit_seconds": None if limit is None else limit.seconds,
    }
