"""OpenAPI documents, as the apps wrote them."""

from __future__ import annotations

from sqlalchemy import select

from turnout.store.part import Part
from turnout.store.schema import deployments, openapi_specs


class CheckableDocuments(Part):
    """What apps say of themselves, each document once."""

    async def checkable_document(self, spec_id: str) -> bytes | None:
        """The document of that id, as JSON; None when there is none."""
        async with self._db.read() as tx:
            statement = select(openapi_specs.c.document).where(openapi_specs.c.id == spec_id)
            return (await tx.execute(statement)).scalar_one_or_none()

    async def checkable_document_of(self, deployment_id: str) -> bytes | None:
        """What that deployment said of itself; None when it said nothing."""
        async with self._db.read() as tx:
            statement = select(openapi_specs.c.document).join(
                deployments, deployments.c.openapi_spec_id == openapi_specs.c.id
            )
            return (await tx.execute(statement.where(deployments.c.id == deployment_id))).scalar_one_or_none()
