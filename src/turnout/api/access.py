"""Who is calling, and what a caller may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from fastapi import Request

from turnout.domain.errors import Forbidden, Unauthenticated
from turnout.domain.tokens import TokenAccess, TokenRecord, hash_token
from turnout.store import Store


class Access(StrEnum):
    """What a route needs."""

    OPEN = "open"
    READ = "read"
    """It changes nothing."""
    DEPLOY = "deploy"
    """It is what a build server does."""
    ADMIN = "admin"
    KRANE = "krane"
    """The token of the region in the path."""


_OPENS: Final = {
    TokenAccess.READ: frozenset({Access.READ}),
    TokenAccess.DEPLOY: frozenset({Access.READ, Access.DEPLOY}),
    TokenAccess.ADMIN: frozenset({Access.READ, Access.DEPLOY, Access.ADMIN}),
    TokenAccess.KRANE: frozenset({Access.KRANE}),
}
"""Which routes each kind of token opens."""


def token_of(request: Request) -> str | None:
    """The token that a request brings in its one Authorization header; None when it brings none that could be one."""
    brought = request.headers.getlist("authorization")
    if len(brought) != 1:  # of two, a proxy in front may have looked at the other one
        return None
    scheme, _, token = brought[0].partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


async def authenticate(request: Request, store: Store, needed: Access) -> TokenRecord | None:
    """The caller's token; None on open routes. Raises Unauthenticated when it is nobody's."""
    if needed is Access.OPEN:
        return None
    token = token_of(request)
    if token is None:
        raise Unauthenticated("cannot tell who is calling: send the header Authorization: Bearer <token>")
    record = await store.find_token(token_hash=hash_token(token))
    if record is None:
        raise Unauthenticated("cannot sign in: this token is unknown, has ended or was revoked")
    return record


def authorise(request: Request, record: TokenRecord | None, needed: Access) -> None:
    """Raises Forbidden when the route is not for this token."""
    if record is None:
        return
    if needed not in _OPENS[TokenAccess(record.access)]:
        raise Forbidden(f"cannot do this: it needs {needed} access, and the token's is {record.access}")
    if needed is Access.KRANE and record.region != request.path_params.get("region"):
        raise Forbidden("cannot speak for this region: the token is of another one")
