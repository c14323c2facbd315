"""Places to build, and what a build is told beside its command."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import JsonValue, UtcDateTime

revision = "0003"
down_revision = "0002"

_KINDS = "kind IN ('instances-running', 'instances-gone', 'generation', 'build-place')"


def upgrade() -> None:
    """Two new tables, and one more kind of wait."""
    op.create_table(
        "build_options",
        sa.Column("deployment_id", sa.String, nullable=False),
        sa.Column("options", JsonValue, nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_build_options_deployment_id"),
        sa.PrimaryKeyConstraint("deployment_id", name="pk_build_options"),
    )
    op.create_table(
        "build_places",
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("workspace_id", sa.String, nullable=False),
        sa.Column("production", sa.Boolean, nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("taken_at", UtcDateTime),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_build_places_operation_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_build_places_workspace_id"),
        sa.PrimaryKeyConstraint("operation_id", name="pk_build_places"),
    )
    op.create_index("ix_build_places_workspace_id", "build_places", ["workspace_id"])
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_waits()
    else:
        op.drop_constraint(op.f("ck_waits_kind"), "waits")
        op.create_check_constraint(op.f("ck_waits_kind"), "waits", _KINDS)


def _rebuild_waits() -> None:
    """SQLite cannot change a check: a new table takes the rows of the old one. Nothing refers to it."""
    unsettled = sa.text("settled_at IS NULL")
    op.drop_index("ix_waits_open", "waits")
    op.rename_table("waits", "waits_before")
    op.create_table(
        "waits",
        sa.Column("awakeable_id", sa.String, nullable=False),
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("deployment_id", sa.String, nullable=False),
        sa.Column("generation", sa.BigInteger),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("deadline_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime),
        sa.CheckConstraint("(kind = 'generation') = (generation IS NOT NULL)", name=op.f("ck_waits_generation")),
        sa.CheckConstraint(_KINDS, name=op.f("ck_waits_kind")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_waits_deployment_id"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_waits_operation_id"),
        sa.PrimaryKeyConstraint("awakeable_id", name="pk_waits"),
    )
    columns = "awakeable_id, operation_id, kind, deployment_id, generation, wanted, created_at, deadline_at, settled_at"
    op.execute(f"INSERT INTO waits ({columns}) SELECT {columns} FROM waits_before")  # noqa: S608 - our own names
    op.drop_table("waits_before")
    op.create_index(
        "ix_waits_open",
        "waits",
        ["created_at"],
        unique=False,
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
