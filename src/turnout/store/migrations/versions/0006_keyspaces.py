"""Keyspaces and their keys."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0006"
down_revision = "0005"

_LIMIT = "(limit_requests IS NULL) = (limit_seconds IS NULL)"


def upgrade() -> None:
    """Two tables, and an index that finds the deployments of a keyspace."""
    _create_keyspaces()
    _create_keys()
    op.create_index("ix_deployments_key_auth_id", "deployments", ["key_auth_id"])


def _create_keyspaces() -> None:
    not_deleted = sa.text("deleted_at IS NULL")
    op.create_table(
        "keyspaces",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("workspace_id", sa.String, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("limit_requests", sa.Integer),
        sa.Column("limit_seconds", sa.Integer),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("deleted_at", UtcDateTime),
        sa.CheckConstraint(_LIMIT, name=op.f("ck_keyspaces_limit")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_keyspaces_workspace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_keyspaces"),
    )
    op.create_index(
        "uq_keyspaces_slug",
        "keyspaces",
        ["workspace_id", "slug"],
        unique=True,
        sqlite_where=not_deleted,
        postgresql_where=not_deleted,
    )


def _create_keys() -> None:
    not_revoked = sa.text("revoked_at IS NULL")
    op.create_table(
        "keys",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("keyspace_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("limit_requests", sa.Integer),
        sa.Column("limit_seconds", sa.Integer),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.CheckConstraint(_LIMIT, name=op.f("ck_keys_limit")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_keys_sha256")),
        sa.ForeignKeyConstraint(["keyspace_id"], ["keyspaces.id"], name="fk_keys_keyspace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("sha256", name="uq_keys_sha256"),
    )
    op.create_index("ix_keys_keyspace_id_created_at", "keys", ["keyspace_id", "created_at"])
    op.create_index(
        "uq_keys_name",
        "keys",
        ["keyspace_id", "name"],
        unique=True,
        sqlite_where=not_revoked,
        postgresql_where=not_revoked,
    )
