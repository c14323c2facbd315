"""Certificates by ACME: accounts with ACME servers, and how far each domain has got."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "acme_accounts",
        sa.Column("directory", sa.String, nullable=False),
        sa.Column("url", sa.String),
        sa.Column("master_key_id", sa.String, nullable=False),
        sa.Column("sealed_key", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("directory", name="pk_acme_accounts"),
    )
    op.create_index("ix_acme_accounts_master_key_id", "acme_accounts", ["master_key_id"])
    op.create_table(
        "issuings",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("fqdn", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("sends", sa.Integer, nullable=False),
        sa.Column("sent_at", UtcDateTime),
        sa.Column("due_at", UtcDateTime),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("problem_kind", sa.String),
        sa.Column("problem", sa.Text),
        sa.Column("master_key_id", sa.String),
        sa.Column("sealed_key", sa.Text),
        sa.Column("order_url", sa.String),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("status IN ('waiting', 'working', 'issued', 'failed')", name=op.f("ck_issuings_status")),
        sa.CheckConstraint(
            "problem_kind IN ('rate-limited', 'unreachable', 'unproved', 'trouble', 'lost', 'account-lost', 'refused')",
            name=op.f("ck_issuings_problem_kind"),
        ),
        sa.CheckConstraint("fqdn = lower(fqdn)", name=op.f("ck_issuings_fqdn")),
        sa.CheckConstraint("status <> 'failed' OR problem IS NOT NULL", name=op.f("ck_issuings_failed")),
        sa.CheckConstraint("(problem IS NULL) = (problem_kind IS NULL)", name=op.f("ck_issuings_problem")),
        sa.CheckConstraint("(sealed_key IS NULL) = (master_key_id IS NULL)", name=op.f("ck_issuings_key")),
        sa.CheckConstraint("order_url IS NULL OR sealed_key IS NOT NULL", name=op.f("ck_issuings_order")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_issuings_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_issuings"),
        sa.UniqueConstraint("fqdn", name="uq_issuings_fqdn"),
    )
    op.create_index("ix_issuings_project_id", "issuings", ["project_id"])
    op.create_index("ix_issuings_due_at", "issuings", ["due_at"])
    op.create_index("ix_issuings_master_key_id", "issuings", ["master_key_id"])
