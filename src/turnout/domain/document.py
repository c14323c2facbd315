"""The two kinds of JSON that travel: what is asked, and what is answered."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Unknown fields are refused: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Unknown fields are allowed, so that an older client can read a newer server."""

    model_config = ConfigDict(extra="ignore", frozen=True)
