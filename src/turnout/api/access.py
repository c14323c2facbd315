"""Who is calling, and what a caller may do."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from fastapi import Request

from turnout.domain.errors import Forbidden, Unauthenticated
from turnout.domain.plans import TokenRecord
from turnout.store import Store


class Access(StrEnum):
    """What a route needs."""

    OPEN = "open"
    ADMIN = "admin"
    KRANE = "krane"
    """The token of the region in the path."""


def hash_token(token: str) -> str:
    """What the store keeps of a token. Tokens are 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


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
        raise Unauthenticated("cannot sign in: this token is unknown or was revoked")
    return record


def authorise(request: Request, record: TokenRecord | None, needed: Access) -> None:
    """Raises Forbidden when the route is not for this token."""
    if record is None:
        return
    if record.access != needed:
        raise Forbidden(f"cannot do this: it needs {needed} access, and the token's is {record.access}")
    if needed is Access.KRANE and record.region != request.path_params.get("region"):
        raise Forbidden("cannot speak for this region: the token is of another one")
