"""The operations as the dispatcher reads them: what to send, and what is overdue."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.plans import UnsentOperation
from turnout.domain.records import OperationKind
from turnout.store.schema import deployments, operations


async def asked_operations(tx: AsyncConnection, *conditions: ColumnElement[bool]) -> tuple[UnsentOperation, ...]:
    """The operations for which all of this is true, oldest first."""
    statement = (
        select(operations, deployments.c.image)
        .join(deployments, deployments.c.id == operations.c.deployment_id)
        .where(*conditions)
        .order_by(operations.c.created_at, operations.c.id)
    )
    return tuple(
        UnsentOperation(
            operation_id=row.id,
            kind=OperationKind(row.kind),
            project_id=row.project_id,
            deployment_id=row.deployment_id,
            source_deployment_id=row.source_deployment_id,
            from_source=row.kind == OperationKind.DEPLOY and row.image is None,
            wakes=row.wakes,
        )
        for row in await tx.execute(statement)
    )
