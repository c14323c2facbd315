"""Tokens that may only look or deploy, and tokens that end."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0022"
down_revision = "0021"

_ACCESS: Final = "access IN ('read', 'deploy', 'admin', 'krane')"


def upgrade() -> None:
    """Those that there are do not end. SQLite cannot change a constraint: there the table is copied."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_tokens_access"), "tokens", type_="check")
        op.create_check_constraint(op.f("ck_tokens_access"), "tokens", _ACCESS)
        op.add_column("tokens", sa.Column("expires_at", UtcDateTime))
        return
    op.rename_table("tokens", "tokens_before")
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("access", sa.String, nullable=False),
        sa.Column("workspace_id", sa.String, nullable=False),
        sa.Column("region", sa.String),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("expires_at", UtcDateTime),
        sa.CheckConstraint(_ACCESS, name=op.f("ck_tokens_access")),
        sa.CheckConstraint("(access = 'krane') = (region IS NOT NULL)", name=op.f("ck_tokens_region")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_tokens_workspace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
    )
    kept = "id, hash, name, access, workspace_id, region, created_at, revoked_at"
    op.execute(f"INSERT INTO tokens ({kept}) SELECT {kept} FROM tokens_before")  # noqa: S608  # nobody's input
    op.drop_table("tokens_before")
