"""Who did what, and when: written in the same transaction as the deed, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.store.schema import audit_log


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
