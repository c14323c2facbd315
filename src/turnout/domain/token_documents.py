"""The JSON of tokens. One answer of them holds a secret: the token that was just made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from turnout.domain.document import Answer, Document
from turnout.domain.limits import plainly
from turnout.domain.tokens import TokenAccess, check_token_name

TokenName = Annotated[str, plainly(check_token_name), Field(max_length=64)]
"""Whose it is, as the audit log shall say it."""


class TokenBody(Document):
    """A new token."""

    name: TokenName
    access: Literal[TokenAccess.READ, TokenAccess.DEPLOY, TokenAccess.ADMIN] = TokenAccess.DEPLOY
    expires_at: AwareDatetime | None = None


class TokenDocument(Answer):
    """All that may be told of a token."""

    id: str
    name: str
    access: TokenAccess
    region: str | None
    """That a krane's token speaks for."""
    created_at: datetime
    expires_at: datetime | None
    yours: bool
    """It is the one that was asked with."""


class TokenList(Answer):
    """The tokens that let in, by name."""

    tokens: tuple[TokenDocument, ...]


class TokenCreated(Answer):
    """A new token, with what lets in. It is told this once and kept nowhere."""

    token: TokenDocument
    secret: str = Field(repr=False)
