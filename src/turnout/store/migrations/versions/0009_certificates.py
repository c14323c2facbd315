"""Certificates, and the sealed private keys that go with them."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import JsonValue, UtcDateTime

revision = "0009"
down_revision = "0008"

_KEPT = "removed_at IS NULL"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "certificates",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("workspace_id", sa.String),
        sa.Column("project_id", sa.String),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("names", JsonValue, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("chain_pem", sa.Text, nullable=False),
        sa.Column("master_key_id", sa.String),
        sa.Column("sealed_key", sa.Text),
        sa.Column("not_before", UtcDateTime, nullable=False),
        sa.Column("not_after", UtcDateTime, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("removed_at", UtcDateTime),
        sa.Column("replaced_by", sa.String),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.CheckConstraint("source IN ('uploaded', 'acme', 'local')", name=op.f("ck_certificates_source")),
        sa.CheckConstraint("(source = 'local') = (workspace_id IS NULL)", name=op.f("ck_certificates_owner")),
        sa.CheckConstraint(
            "(sealed_key IS NULL) = (removed_at IS NOT NULL) AND (master_key_id IS NULL) = (sealed_key IS NULL)",
            name=op.f("ck_certificates_removed"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_certificates_workspace_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_certificates_project_id"),
        sa.ForeignKeyConstraint(["replaced_by"], ["certificates.id"], name="fk_certificates_replaced_by"),
        sa.PrimaryKeyConstraint("id", name="pk_certificates"),
    )
    op.create_index("ix_certificates_change", "certificates", ["change"])
    _index("uq_certificates_kept", ["workspace_id", "fingerprint"], _KEPT, unique=True)
    _index("uq_certificates_authority", ["source"], f"source = 'local' AND {_KEPT}", unique=True)
    _index("ix_certificates_due", ["not_after"], _KEPT, unique=False)


def _index(name: str, columns: list[str], where: str, *, unique: bool) -> None:
    clause = sa.text(where)
    op.create_index(name, "certificates", columns, unique=unique, sqlite_where=clause, postgresql_where=clause)
