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


async def authenticate(request: Request, store: Store, needed: Access) -> TokenRecord | None:
    """The caller's token, if it may use the route. Raises Unauthenticated or Forbidden."""
    if needed is Access.OPEN:
        return None
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("cannot tell who is calling: send the header Authorization: Bearer <token>")
    record = await store.find_token(token_hash=hash_token(token.strip()))
    if record is None:
        raise Unauthenticated("cannot sign in: this token is unknown or was revoked")
    if record.access != needed:
        raise Forbidden(f"cannot do this with a {record.access} token: it needs {needed} access")
    if needed is Access.KRANE and record.region != request.path_params.get("region"):
        raise Forbidden(f"cannot speak for region {request.path_params.get('region')}: the token is of another one")
    return record
