"""Accounts with ACME servers, one for each. Their private keys come sealed."""

from __future__ import annotations

from sqlalchemy import select, update

from turnout.domain.certificates import SealedKey
from turnout.domain.issuing_ports import KeptAccount
from turnout.store.database import insert_into
from turnout.store.part import Part
from turnout.store.schema import acme_accounts


class AcmeAccounts(Part):
    """Who we are to whom."""

    async def find_acme_account(self, *, directory: str) -> KeptAccount | None:
        """The account with a server; None before the first certificate is asked of it."""
        async with self._db.read() as tx:
            statement = select(acme_accounts).where(acme_accounts.c.directory == directory)
            row = (await tx.execute(statement)).one_or_none()
            if row is None:
                return None
            key = SealedKey(master_key_id=row.master_key_id, box=row.sealed_key)
            return KeptAccount(directory=row.directory, url=row.url, key=key)

    async def add_acme_account(self, *, directory: str, key: SealedKey) -> None:
        """Keep a key for an account, before the server knows it. When there is one already, that one stays."""
        async with self._db.write() as tx:
            fresh = insert_into(tx, acme_accounts).values(
                directory=directory, master_key_id=key.master_key_id, sealed_key=key.box, created_at=self._db.now()
            )
            await tx.execute(fresh.on_conflict_do_nothing(index_elements=["directory"]))

    async def set_acme_account(self, *, directory: str, url: str | None) -> None:
        """Where the server has the account; None when it does not know it any more."""
        mine = update(acme_accounts).where(acme_accounts.c.directory == directory)
        async with self._db.write() as tx:
            await tx.execute(mine.values(url=url))
