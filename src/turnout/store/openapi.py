"""OpenAPI documents by their content, and what was found when two of them were compared."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import NotFound
from turnout.domain.gates import may_go_live
from turnout.domain.openapi_diff import RULES_VERSION
from turnout.domain.openapi_document import SpecDocument
from turnout.domain.openapi_gate import UNCHANGED, Findings, GateFacts, NotCompared
from turnout.domain.records import PRODUCTION, Deployment, Environment, Project
from turnout.domain.statuses import ACTIVE
from turnout.store.database import insert_into
from turnout.store.lookups import lock_deployment
from turnout.store.part import Part
from turnout.store.schema import deployments, openapi_comparisons, openapi_specs


class OpenApi(Part):
    """What apps say of themselves."""

    async def save_openapi(
        self,
        *,
        deployment_id: str,
        spec_id: str,
        format: str,  # noqa: A002 - the column's name
        document: bytes,
        as_json: bytes | None = None,
    ) -> None:
        """Keep what an app says of its API, as it was served. `spec_id` is its SHA-256: the same one is kept once.

        `as_json` is the same as JSON, where it is not JSON itself. What comes late, when the deploy has ended,
        changes nothing: the sentinel configs were written with what was known then.
        """
        async with self._db.write() as tx:
            if (await lock_deployment(tx, deployment_id)).status not in ACTIVE:
                return
            statement = insert_into(tx, openapi_specs).values(
                id=spec_id, format=format, size=len(document), document=document, json=as_json
            )
            # An update that changes nothing, because it holds a row that is there already against `forget_openapi`.
            await tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"format": format}))
            found = update(deployments).where(deployments.c.id == deployment_id)
            await tx.execute(found.values(openapi_spec_id=spec_id))

    async def openapi_document(self, spec_id: str) -> SpecDocument:
        """The document with this content. Raises NotFound."""
        async with self._db.read() as tx:
            row = (await tx.execute(select(openapi_specs).where(openapi_specs.c.id == spec_id))).one_or_none()
        if row is None:
            raise NotFound(f"there is no OpenAPI document {spec_id[:64]}")
        as_json = row.document if row.json is None else row.json
        return SpecDocument(id=row.id, format=row.format, served=row.document, json=as_json)

    async def save_findings(self, *, before: str, after: str, findings: Findings) -> None:
        """Write down what breaks from one document to another, by the rules of this version."""
        values = {"rules": RULES_VERSION, "breaking": findings.count, "sentences": list(findings.sentences)}
        async with self._db.write() as tx:
            statement = insert_into(tx, openapi_comparisons).values(before_id=before, after_id=after, **values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["before_id", "after_id"], set_=values))

    async def forget_openapi(self) -> None:
        """Let go of the documents, and of what was found in them, that only removed deployments had."""
        unused = ~exists().where(deployments.c.openapi_spec_id == openapi_specs.c.id)
        had = update(deployments).where(
            deployments.c.removed_at.is_not(None), deployments.c.openapi_spec_id.is_not(None)
        )
        async with self._db.write() as tx:
            await tx.execute(had.values(openapi_spec_id=None))
            held = select(openapi_specs.c.id).where(unused).order_by(openapi_specs.c.id).with_for_update()
            ids = list((await tx.execute(held)).scalars())
            # Looked at again, now that nobody else can begin to use them.
            gone = select(openapi_specs.c.id).where(openapi_specs.c.id.in_(ids), unused)
            found = openapi_comparisons.c
            await tx.execute(delete(openapi_comparisons).where(found.before_id.in_(gone) | found.after_id.in_(gone)))
            await tx.execute(delete(openapi_specs).where(openapi_specs.c.id.in_(ids), unused))


async def load_gate(
    tx: AsyncConnection, project: Project, environment: Environment, target: Deployment
) -> GateFacts | None:
    """What the gate of a deploy looks at; None when there is none, or nothing to compare with.

    The caller holds the project's lock, so that what is live now is live when the switch commits. Raises NotCompared
    when nobody has compared these two documents yet.
    """
    live_id = project.live_deployment_id
    if target.openapi_breaking is None or live_id in (None, target.id):
        return None
    if environment.slug != PRODUCTION or not may_go_live(project, environment):
        return None  # it is not on its way to the live domains
    before = select(deployments.c.openapi_spec_id).where(deployments.c.id == live_id)
    before_id: str | None = (await tx.execute(before)).scalar_one()
    if before_id is None:
        return None
    return GateFacts(
        on_breaking=target.openapi_breaking,
        live_id=str(live_id),
        target_id=target.id,
        findings=await _findings(tx, before_id, target.openapi_spec_id),
    )


async def _findings(tx: AsyncConnection, before: str, after: str | None) -> Findings | None:
    if after is None:
        return None
    if before == after:
        return UNCHANGED
    statement = select(openapi_comparisons).where(
        openapi_comparisons.c.before_id == before,
        openapi_comparisons.c.after_id == after,
        openapi_comparisons.c.rules == RULES_VERSION,
    )
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise NotCompared(before, after)
    return Findings(count=row.breaking, sentences=tuple(row.sentences))
