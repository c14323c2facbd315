"""Tokens by their hashes: made, found, listed, revoked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.domain.errors import Conflict, NotFound
from turnout.domain.expiry import check_expiry
from turnout.domain.ids import new_id
from turnout.domain.tokens import TokenAccess, TokenRecord
from turnout.store import rows
from turnout.store.audit import write_audit
from turnout.store.database import insert_into
from turnout.store.part import Part
from turnout.store.schema import tokens, workspaces


class Tokens(Part):
    """Who may call the API."""

    async def add_token(
        self, *, name: str, access: str, workspace_id: str, region: str | None, token_hash: str
    ) -> TokenRecord:
        """Let in whoever starts this installation. A hash that is known already keeps its first record."""
        async with self._db.write() as tx:
            values = {
                "name": name,
                "access": access,
                "workspace_id": workspace_id,
                "region": region,
                "hash": token_hash,
            }
            made = insert_into(tx, tokens).values(id=new_id("tok"), created_at=self._db.now(), **values)
            await tx.execute(made.on_conflict_do_nothing(index_elements=["hash"]))
            return rows.token_from((await tx.execute(select(tokens).where(tokens.c.hash == token_hash))).one())

    async def create_token(
        self,
        *,
        workspace_id: str,
        name: str,
        access: TokenAccess,
        token_hash: str,
        expires_at: datetime | None,
        actor: str,
    ) -> TokenRecord:
        """Let somebody in. Raises Conflict while another token of that name lets in: nobody could tell who did what.

        Raises Invalid when its end is over.
        """
        async with self._db.write() as tx:
            await tx.execute(
                select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True)
            )
            now = self._db.now()
            if expires_at is not None:
                check_expiry(expires_at, now=now)
            taken = select(tokens.c.id).where(tokens.c.workspace_id == workspace_id, tokens.c.name == name, *_good(now))
            if (other := (await tx.execute(taken)).scalars().first()) is not None:
                raise Conflict(
                    f"cannot make a token for {name}: {other} has that name; revoke it, or take another name"
                )
            values = {"name": name, "access": access, "workspace_id": workspace_id, "hash": token_hash}
            made = insert(tokens).values(id=new_id("tok"), created_at=now, expires_at=expires_at, **values)
            token = rows.token_from((await tx.execute(made.returning(tokens))).one())
            await _note(tx, token, "created", actor, at=now)
            return token

    async def list_tokens(self, *, workspace_id: str) -> tuple[TokenRecord, ...]:
        """Those that let in, by name."""
        statement = select(tokens).where(tokens.c.workspace_id == workspace_id, *_good(self._db.now()))
        async with self._db.read() as tx:
            return tuple(
                rows.token_from(row) for row in await tx.execute(statement.order_by(tokens.c.name, tokens.c.id))
            )

    async def find_token(self, *, token_hash: str) -> TokenRecord | None:
        """Whose token this is; None when it is nobody's, or no longer anybody's."""
        statement = select(tokens).where(tokens.c.hash == token_hash, *_good(self._db.now()))
        async with self._db.read() as tx:
            row = (await tx.execute(statement)).one_or_none()
            return None if row is None else rows.token_from(row)

    async def revoke_token(self, *, token_id: str, by: TokenRecord) -> TokenRecord:
        """Let its bearer in no more, from now on, for ever. Returns what it was.

        Raises NotFound, also for another workspace's; Conflict for the token that asks, and for a krane's, without
        which its region would stand still.
        """
        async with self._db.write() as tx:
            now = self._db.now()
            mine = (tokens.c.id == token_id, tokens.c.workspace_id == by.workspace_id, *_good(now))
            row = (await tx.execute(select(tokens).where(*mine).with_for_update())).one_or_none()
            if row is None:
                raise NotFound(f"there is no token {token_id}; `turnout tokens ls` lists them")
            token = rows.token_from(row)
            if token.id == by.id:
                raise Conflict(
                    f"cannot revoke {token_id}: it is the one you sign in with; sign in with another one first"
                )
            if token.access == TokenAccess.KRANE:
                raise Conflict(f"cannot revoke {token_id}: the krane of region {token.region} signs in with it")
            await tx.execute(update(tokens).where(tokens.c.id == token_id).values(revoked_at=now))
            await _note(tx, token, "revoked", by.name, at=now)
            return token


def _good(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now)


async def _note(tx: AsyncConnection, token: TokenRecord, what: str, actor: str, *, at: datetime) -> None:
    await write_audit(
        tx,
        at=at,
        workspace_id=token.workspace_id,
        project_id=None,
        actor=actor,
        action=f"token.{what}",
        subject=token.id,
        detail={"name": token.name, "access": token.access},
    )
