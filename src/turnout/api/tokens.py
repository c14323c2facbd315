"""Tokens. The text of one goes out once, in the answer that makes it, and never comes in but to sign in."""

from __future__ import annotations

from fastapi import Response

from turnout.api.parts import Caller, TokenId
from turnout.domain.token_documents import TokenBody, TokenCreated, TokenDocument, TokenList
from turnout.domain.tokens import TokenAccess, TokenRecord, hash_token, new_token


async def list_tokens(caller: Caller) -> TokenList:
    """The tokens of the caller's workspace that let in, by name; never their text."""
    listed = await caller.store.list_tokens(workspace_id=caller.workspace_id)
    return TokenList(tokens=tuple(_document(caller, each) for each in listed))


async def create_token(caller: Caller, body: TokenBody, response: Response) -> TokenCreated:
    """Make a token. Its text is in this answer and nowhere else, now or later."""
    response.headers["cache-control"] = "no-store"
    secret = new_token()
    made = await caller.store.create_token(
        workspace_id=caller.workspace_id,
        name=body.name,
        access=body.access,
        token_hash=hash_token(secret),
        expires_at=body.expires_at,
        actor=caller.signed_in.name,
    )
    return TokenCreated(token=_document(caller, made), secret=secret)


async def revoke_token(caller: Caller, token_id: TokenId) -> TokenDocument:
    """Let a token in no more, for ever. Not the one that asks, and not a krane's."""
    return _document(caller, await caller.store.revoke_token(token_id=token_id, by=caller.signed_in))


def _document(caller: Caller, token: TokenRecord) -> TokenDocument:
    return TokenDocument(
        id=token.id,
        name=token.name,
        access=TokenAccess(token.access),
        region=token.region,
        created_at=token.created_at,
        expires_at=token.expires_at,
        yours=token.id == caller.signed_in.id,
    )
