"""Release commands, and the observation after a switch."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import JsonValue, UtcDateTime

revision = "0005"
down_revision = "0004"

_KINDS = "kind IN ('instances-running', 'instances-gone', 'release', 'observation', 'generation', 'build-place')"


def upgrade() -> None:
    """Two tables, two columns of a deployment, and two more kinds of waits."""
    op.add_column("deployments", sa.Column("release", JsonValue))
    op.add_column("deployments", sa.Column("auto_rollback", sa.Boolean, nullable=False, server_default=sa.false()))
    _create_jobs()
    _create_observations()
    _widen_waits()


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("deployment_id", sa.String, nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("spec", JsonValue, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("claim", sa.String),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'succeeded', 'failed')",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed')) = (ended_at IS NOT NULL)",
            name=op.f("ck_jobs_ended"),
        ),
        sa.CheckConstraint("ended_at IS NULL OR NOT wanted", name=op.f("ck_jobs_wanted")),
        sa.CheckConstraint("status <> 'running' OR claim IS NOT NULL", name=op.f("ck_jobs_claimed")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_jobs_deployment_id"),
        sa.ForeignKeyConstraint(["region"], ["regions.name"], name="fk_jobs_region"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("deployment_id", name="uq_jobs_deployment_id"),
    )
    op.create_index("ix_jobs_region_revision", "jobs", ["region", "revision"])


def _create_observations() -> None:
    is_open = sa.text("status = 'open'")
    op.create_table(
        "observations",
        sa.Column("operation_id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("deployment_id", sa.String, nullable=False),
        sa.Column("took_live", sa.Boolean, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("until_at", UtcDateTime, nullable=False),
        sa.Column("incident", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("rollback_operation_id", sa.String),
        sa.Column("ended_at", UtcDateTime),
        sa.CheckConstraint(
            "status IN ('open', 'passed', 'degraded', 'replaced')",
            name=op.f("ck_observations_status"),
        ),
        sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name=op.f("ck_observations_ended")),
        sa.CheckConstraint("status <> 'degraded' OR incident IS NOT NULL", name=op.f("ck_observations_incident")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_observations_operation_id"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_observations_project_id"),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_observations_deployment_id"),
        sa.ForeignKeyConstraint(
            ["rollback_operation_id"], ["operations.id"], name="fk_observations_rollback_operation_id"
        ),
        sa.PrimaryKeyConstraint("operation_id", name="pk_observations"),
    )
    op.create_index("ix_observations_deployment_id", "observations", ["deployment_id"])
    op.create_index(
        "ix_observations_open", "observations", ["until_at"], sqlite_where=is_open, postgresql_where=is_open
    )


def _widen_waits() -> None:
    """SQLite cannot change a constraint: there the table is copied."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_waits_kind"), "waits", type_="check")
        op.create_check_constraint(op.f("ck_waits_kind"), "waits", _KINDS)
        return
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
        sa.CheckConstraint(_KINDS, name=op.f("ck_waits_kind")),
        sa.CheckConstraint("(kind = 'generation') = (generation IS NOT NULL)", name=op.f("ck_waits_generation")),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_waits_deployment_id"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name="fk_waits_operation_id"),
        sa.PrimaryKeyConstraint("awakeable_id", name="pk_waits"),
    )
    op.execute("INSERT INTO waits SELECT * FROM waits_before")
    op.drop_table("waits_before")
    op.create_index("ix_waits_open", "waits", ["created_at"], sqlite_where=sa.text("settled_at IS NULL"))
