"""Who may call the apps that ask for a key. Of a key only its hash is here, which lets nobody in."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, text

from turnout.store.columns import UtcDateTime
from turnout.store.schema.base import metadata

_LIMIT = "(limit_requests IS NULL) = (limit_seconds IS NULL)"
_NOT_DELETED = text("deleted_at IS NULL")
_NOT_REVOKED = text("revoked_at IS NULL")

keyspaces = Table(
    "keyspaces",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("slug", String, nullable=False),
    Column("limit_requests", Integer),
    Column("limit_seconds", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    CheckConstraint(_LIMIT, name="limit"),
    Index(
        "uq_keyspaces_slug",
        "workspace_id",
        "slug",
        unique=True,
        sqlite_where=_NOT_DELETED,
        postgresql_where=_NOT_DELETED,
    ),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("keyspace_id", ForeignKey("keyspaces.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
    Column("start", String, nullable=False),
    Column("limit_requests", Integer),
    Column("limit_seconds", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    CheckConstraint(_LIMIT, name="limit"),
    CheckConstraint("length(sha256) = 64", name="sha256"),
    Index(None, "keyspace_id", "created_at"),
    # A name can be given again once its key is revoked.
    Index(
        "uq_keys_name",
        "keyspace_id",
        "name",
        unique=True,
        sqlite_where=_NOT_REVOKED,
        postgresql_where=_NOT_REVOKED,
    ),
)
