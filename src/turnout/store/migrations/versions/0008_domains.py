"""Custom domains, the proofs of who owns them, and answers to challenges."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Three tables."""
    _create_domains()
    _create_challenges()
    _create_confirmations()


def _create_domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("fqdn", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("method", sa.String),
        sa.Column("problem", sa.Text),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("sent_round", sa.Integer, nullable=False),
        sa.Column("checked_round", sa.Integer, nullable=False),
        sa.Column("generation", sa.BigInteger),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("deadline_at", UtcDateTime, nullable=False),
        sa.Column("next_check_at", UtcDateTime, nullable=False),
        sa.Column("checked_at", UtcDateTime),
        sa.Column("verified_at", UtcDateTime),
        sa.Column("removed_at", UtcDateTime),
        sa.CheckConstraint("status IN ('pending', 'verified', 'failed', 'removed')", name=op.f("ck_domains_status")),
        sa.CheckConstraint("method IN ('txt', 'http')", name=op.f("ck_domains_method")),
        sa.CheckConstraint("fqdn = lower(fqdn)", name=op.f("ck_domains_fqdn")),
        sa.CheckConstraint(
            "status <> 'verified' OR (method IS NOT NULL AND verified_at IS NOT NULL)",
            name=op.f("ck_domains_verified"),
        ),
        sa.CheckConstraint("(status = 'removed') = (removed_at IS NOT NULL)", name=op.f("ck_domains_removed")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_domains_project_id"),
        sa.PrimaryKeyConstraint("id", name="pk_domains"),
    )
    verified, kept, pending = (sa.text(f"status {which}") for which in ("= 'verified'", "<> 'removed'", "= 'pending'"))
    op.create_index(
        "uq_domains_verified", "domains", ["fqdn"], unique=True, sqlite_where=verified, postgresql_where=verified
    )
    op.create_index(
        "uq_domains_claimed", "domains", ["project_id", "fqdn"], unique=True, sqlite_where=kept, postgresql_where=kept
    )
    op.create_index("ix_domains_pending", "domains", ["next_check_at"], sqlite_where=pending, postgresql_where=pending)


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        sa.Column("fqdn", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("purpose IN ('proof', 'certificate')", name=op.f("ck_challenges_purpose")),
        sa.CheckConstraint("fqdn = lower(fqdn)", name=op.f("ck_challenges_fqdn")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_challenges_project_id"),
        sa.PrimaryKeyConstraint("fqdn", "path", name="pk_challenges"),
    )
    op.create_index("ix_challenges_project_id", "challenges", ["project_id"])
    op.create_index("ix_challenges_expires_at", "challenges", ["expires_at"])


def _create_confirmations() -> None:
    is_open = sa.text("settled_at IS NULL")
    op.create_table(
        "confirmations",
        sa.Column("awakeable_id", sa.String, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("deadline_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("awakeable_id", name="pk_confirmations"),
    )
    op.create_index(
        "ix_confirmations_open", "confirmations", ["created_at"], sqlite_where=is_open, postgresql_where=is_open
    )
