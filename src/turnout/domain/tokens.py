"""Tokens: who may call the API, and for what. Only a hash of each is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

TOKEN_PREFIX: Final = "tno_"  # noqa: S105  # of all of them
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LENGTH: Final = 43
"""Characters of base 62: 256 bits."""
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?")


class TokenAccess(StrEnum):
    """What a token is for."""

    READ = "read"
    """Look at everything of its workspace, and change nothing."""
    DEPLOY = "deploy"
    """Also deploy, roll back, promote, cancel, stop and start: what a build server needs."""
    ADMIN = "admin"
    """Everything of its workspace."""
    KRANE = "krane"
    """Speak for one region, and nothing else."""


PERSONAL: Final = (TokenAccess.READ, TokenAccess.DEPLOY, TokenAccess.ADMIN)
"""What a person can give away; each includes those before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRecord:
    """A token as it is stored: its hash is the key, its text is nowhere."""

    id: str
    name: str
    """The actor of all that is done with it."""
    access: str
    workspace_id: str
    region: str | None
    created_at: datetime
    expires_at: datetime | None


def new_token() -> str:
    """A token that nobody can guess."""
    return TOKEN_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_token(token: str) -> str:
    """What the store keeps of a token. It is 256 random bits, so that one SHA-256 without salt is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_token_name(name: str) -> str:
    """Return the name. Raises ValueError when it could not be read in a list, or is a token itself."""
    if not _NAME.fullmatch(name) or TOKEN_PREFIX in name:
        raise ValueError("has to be 1 to 64 letters, digits and, between them, any of ' ._@-', and not a token itself")
    return name
