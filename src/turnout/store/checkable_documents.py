"""OpenAPI documents, as the apps wrote them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from turnout.store.part import Part
from turnout.store.schema import deployments, openapi_specs

_JSON: Final = func.coalesce(openapi_specs.c.json, openapi_specs.c.document)
"""What was served as YAML is kept as JSON too."""


class CheckableDocuments(Part):
    """What apps say of themselves, each document once."""

    async def checkable_document(self, spec_id: str) -> bytes | None:
        """The document of that id, as JSON; None when there is none."""
        async with self._db.read() as tx:
            statement = select(_JSON).where(openapi_specs.c.id == spec_id)
            found: bytes | None = (await tx.execute(statement)).scalar_one_or_none()
            return found

    async def checkable_document_of(self, deployment_id: str) -> bytes | None:
        """What that deployment said of itself; None when it said nothing."""
        async with self._db.read() as tx:
            statement = select(_JSON).join(deployments, deployments.c.openapi_spec_id == openapi_specs.c.id)
            found: bytes | None = (
                await tx.execute(statement.where(deployments.c.id == deployment_id))
            ).scalar_one_or_none()
            return found
