"""Who did what, and when: written in the same transaction as the deed, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.findings import FindingKind, Remedy
from turnout.store.schema import audit_log

WATCHDOG: Final = "watchdog"
"""The actor of repairs, which nobody has asked for."""


async def write_audit(
    tx: AsyncConnection,
    *,
    at: datetime,
    workspace_id: str,
    project_id: str | None,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
) -> None:
    """Add a line. `detail` holds ids and names only: no secret ever comes here."""
    await tx.execute(
        insert(audit_log).values(
            at=at,
            workspace_id=workspace_id,
            project_id=project_id,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
        )
    )


async def write_repair(
    tx: AsyncConnection,
    *,
    at: datetime,
    workspace_id: str,
    project_id: str | None,
    kind: FindingKind,
    subject: str,
    remedy: Remedy,
) -> None:
    """Add the line of what the watchdog has mended."""
    await write_audit(
        tx,
        at=at,
        workspace_id=workspace_id,
        project_id=project_id,
        actor=WATCHDOG,
        action=f"{WATCHDOG}.{kind}",
        subject=subject,
        detail={"remedy": remedy},
    )
