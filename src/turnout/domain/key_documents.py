"""The JSON of keyspaces and keys. One answer of them holds a secret: that of the key that was just made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from turnout.domain.document import Answer, Document
from turnout.domain.documents import Slug
from turnout.domain.keyspaces import RateLimit, check_key_name
from turnout.domain.limits import plainly

KeyName = Annotated[str, plainly(check_key_name), Field(max_length=64)]
"""What a person calls a key."""


class KeyspaceBody(Document):
    """A new keyspace."""

    name: Slug
    limit: RateLimit | None = None
    """For each of its keys that has none of its own; None is no limit."""


class KeyBody(Document):
    """A new key."""

    name: KeyName
    expires_at: AwareDatetime | None = None
    limit: RateLimit | None = None
    """None takes that of the keyspace."""


class LimitBody(Document):
    """Another limit; None takes it away."""

    limit: RateLimit | None


class ExpiryBody(Document):
    """Another end; None is none."""

    expires_at: AwareDatetime | None


class KeyspaceDocument(Answer):
    """One keyspace."""

    id: str
    name: str
    limit: RateLimit | None
    keys: int
    """Those that let in: neither revoked nor expired."""
    created_at: datetime


class KeyspaceList(Answer):
    """The keyspaces of a workspace, by name."""

    keyspaces: tuple[KeyspaceDocument, ...]


class KeyDocument(Answer):
    """All that may be told of a key."""

    id: str
    keyspace: str
    name: str
    start: str
    """Its first letters, by which a person knows it again."""
    state: Literal["good", "expired", "revoked"]
    limit: RateLimit | None
    """Its own, else that of its keyspace."""
    created_at: datetime
    created_by: str
    changed_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyList(Answer):
    """The keys of a keyspace, newest first."""

    keyspace: str
    keys: tuple[KeyDocument, ...]


class KeyChanged(Answer):
    """A key after a change, and the generation by which gateways go by it."""

    key: KeyDocument
    generation: int


class KeyCreated(KeyChanged):
    """A new key, with what lets in. It is told this once and kept nowhere."""

    secret: str = Field(repr=False)


class KeyspaceChanged(Answer):
    """A keyspace after a change, and the generation by which gateways go by it."""

    keyspace: KeyspaceDocument
    generation: int
