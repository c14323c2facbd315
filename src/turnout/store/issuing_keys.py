"""The sealed private keys of accounts and orders, when the master keys change."""

from __future__ import annotations

from sqlalchemy import select, update

from turnout.domain.certificates import KeyPlace, SealedKey
from turnout.domain.issuing_ports import account_place, order_place
from turnout.store.part import Part
from turnout.store.schema import acme_accounts, issuings, projects


class IssuingKeys(Part):
    """What `Certificates` has for the keys of certificates that are there."""

    async def issuing_keys_not_under(self, *, master_key_id: str) -> tuple[tuple[KeyPlace, SealedKey], ...]:
        """Those that are wrapped with another master key, each with what it is bound to."""
        accounts = select(acme_accounts).where(acme_accounts.c.master_key_id != master_key_id)
        orders = (
            select(issuings, projects.c.workspace_id)
            .join(projects, projects.c.id == issuings.c.project_id)
            .where(issuings.c.master_key_id != master_key_id)
        )
        async with self._db.read() as tx:
            found = [(account_place(row.directory), row) for row in await tx.execute(accounts)]
            found += [(order_place(row.workspace_id, row.id), row) for row in await tx.execute(orders)]
        return tuple((place, SealedKey(master_key_id=row.master_key_id, box=row.sealed_key)) for place, row in found)

    async def rewrap_issuing_key(self, *, before: SealedKey, after: SealedKey) -> bool:
        """Replace a box, which is like no other; False when it is not there any more."""
        values = {"master_key_id": after.master_key_id, "sealed_key": after.box}
        changed = 0
        async with self._db.write() as tx:
            for table in (acme_accounts, issuings):
                same = update(table).where(table.c.sealed_key == before.box)
                changed += (await tx.execute(same.values(values))).rowcount
        return changed == 1
