"""What somebody was kept from, in the audit log of the workspace that it concerns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, FromClause, select

from turnout.domain.tokens import TokenRecord
from turnout.store.audit import write_audit
from turnout.store.part import Part
from turnout.store.schema import (
    certificates,
    deployments,
    domains,
    instances,
    keys,
    keyspaces,
    operations,
    projects,
    tokens,
)

_ID: Final = re.compile(r"\b(?:crt|dep|dom|ins|key|ks|op|tok)_[0-9a-z]{26}\b")
_LOOKED_UP: Final = 4
"""Ids of one request that are looked up; no route takes more."""

# By name, because a project refers to its live deployment too.
_OF_DEPLOYMENTS: Final = deployments.join(projects, deployments.c.project_id == projects.c.id)
_OWNERS: Final[Mapping[str, tuple[ColumnElement[str], ColumnElement[str], FromClause]]] = {
    "crt": (certificates.c.id, certificates.c.workspace_id, certificates),
    "dep": (deployments.c.id, projects.c.workspace_id, _OF_DEPLOYMENTS),
    "dom": (domains.c.id, projects.c.workspace_id, domains.join(projects)),
    "ins": (
        instances.c.id,
        projects.c.workspace_id,
        _OF_DEPLOYMENTS.join(instances, instances.c.deployment_id == deployments.c.id),
    ),
    "key": (keys.c.id, keyspaces.c.workspace_id, keys.join(keyspaces)),
    "ks": (keyspaces.c.id, keyspaces.c.workspace_id, keyspaces),
    "op": (operations.c.id, operations.c.workspace_id, operations),
    "tok": (tokens.c.id, tokens.c.workspace_id, tokens),
}


class Denials(Part):
    """Refusals that somebody should read about."""

    async def record_denied(self, *, token: TokenRecord, asked: str, needed: str, left_out: int) -> None:
        """A token was used for what it is not for. `asked` is the route, `left_out` how often since the last line."""
        async with self._db.write() as tx:
            await write_audit(
                tx,
                at=self._db.now(),
                workspace_id=token.workspace_id,
                project_id=None,
                actor=token.name,
                action="access.denied",
                subject=asked,
                detail={"token": token.id, "access": token.access, "needed": needed, "left_out": left_out},
            )

    async def foreign_owners(self, *, workspace_id: str, text: str) -> dict[str, str]:
        """The ids in `text` that another workspace owns, each with that workspace. Ids that nobody has are not told."""
        found = list(dict.fromkeys(_ID.findall(text)))[:_LOOKED_UP]
        if not found:
            return {}
        owners = {}
        async with self._db.read() as tx:
            for each in found:
                identifier, workspace, table = _OWNERS[each.partition("_")[0]]
                owner = await tx.scalar(select(workspace).select_from(table).where(identifier == each))
                if owner is not None and owner != workspace_id:
                    owners[each] = owner
        return owners

    async def record_foreign(self, *, token: TokenRecord, subject: str, owner: str, asked: str, left_out: int) -> None:
        """Somebody asked for what is another workspace's: for that workspace, the `owner`, to read.

        Of who asked it is told the workspace and the id of the token.
        """
        async with self._db.write() as tx:
            await write_audit(
                tx,
                at=self._db.now(),
                workspace_id=owner,
                project_id=None,
                actor=token.workspace_id,
                action="access.foreign",
                subject=subject,
                detail={"token": token.id, "asked": asked, "left_out": left_out},
            )
