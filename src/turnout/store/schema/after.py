"""What runs once beside the instances, and what is watched after a switch."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from turnout.domain.statuses import JobStatus, ObservationStatus
from turnout.store.columns import JsonValue, UtcDateTime
from turnout.store.schema.base import metadata, one_of

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("deployment_id", ForeignKey("deployments.id"), nullable=False, unique=True),
    Column("region", ForeignKey("regions.name"), nullable=False),
    Column("spec", JsonValue, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("claim", String),
    Column("wanted", Boolean, nullable=False),
    Column("present", Boolean, nullable=False),
    Column("exit_code", Integer),
    Column("reason", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    one_of("status", JobStatus),
    CheckConstraint("(status IN ('succeeded', 'failed')) = (ended_at IS NOT NULL)", name="ended"),
    CheckConstraint("ended_at IS NULL OR NOT wanted", name="wanted"),
    CheckConstraint("status <> 'running' OR claim IS NOT NULL", name="claimed"),
    Index(None, "region", "revision"),
)

observations = Table(
    "observations",
    metadata,
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("deployment_id", ForeignKey("deployments.id"), nullable=False),
    Column("took_live", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("until_at", UtcDateTime, nullable=False),
    Column("incident", Text),
    Column("note", Text),
    Column("rollback_operation_id", ForeignKey("operations.id")),
    Column("ended_at", UtcDateTime),
    one_of("status", ObservationStatus),
    CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("status <> 'degraded' OR incident IS NOT NULL", name="incident"),
    Index(None, "deployment_id"),
    Index(
        "ix_observations_open",
        "until_at",
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
)
