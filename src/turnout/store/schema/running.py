"""What shall run, what does run, and who waits for it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from turnout.domain.statuses import InstanceStatus
from turnout.domain.waits import WaitKind
from turnout.store.columns import JsonValue, UtcDateTime
from turnout.store.schema.base import metadata, one_of

regions = Table(
    "regions",
    metadata,
    Column("name", String, primary_key=True),
    Column("backends", JsonValue, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("connected_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime),
)

placements = Table(
    "placements",
    metadata,
    Column("deployment_id", ForeignKey("deployments.id"), primary_key=True),
    Column("region", ForeignKey("regions.name"), primary_key=True),
    Column("replicas", Integer, nullable=False),
    Column("desired", String, nullable=False),
    Column("spec", JsonValue, nullable=False),
    Column("revision", BigInteger, nullable=False),
    one_of("desired", ("running", "removed")),
    CheckConstraint("replicas > 0", name="replicas"),
    Index(None, "region", "revision"),
)

instances = Table(
    "instances",
    metadata,
    Column("id", String, primary_key=True),
    Column("deployment_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("address", String),
    Column("reason", Text),
    Column("registered", Boolean, nullable=False, default=False),
    Column("restarts", Integer, nullable=False, default=0),
    Column("reported_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["deployment_id", "region"], ["placements.deployment_id", "placements.region"]),
    # Not 'gone': an instance that is gone has no row.
    one_of("status", [status for status in InstanceStatus if status is not InstanceStatus.GONE]),
    Index(None, "deployment_id"),
    Index(None, "region"),
)

gateways = Table(
    "gateways",
    metadata,
    Column("id", String, primary_key=True),
    Column("region", String, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("connected_at", UtcDateTime, nullable=False),
    Column("disconnected_at", UtcDateTime),
    Column("acknowledged_generation", BigInteger, nullable=False, default=0),
    Column("acknowledged_at", UtcDateTime),
    Column("error", Text),
    Column("error_generation", BigInteger),
    Column("seen_at", UtcDateTime),  # its last heartbeat; those of older versions have none
)

build_places = Table(
    "build_places",
    metadata,
    # A lease: it ends with the operation, whatever becomes of the row.
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("production", Boolean, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("taken_at", UtcDateTime),
    Index(None, "workspace_id"),
)

waits = Table(
    "waits",
    metadata,
    Column("awakeable_id", String, primary_key=True),
    Column("operation_id", ForeignKey("operations.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("deployment_id", ForeignKey("deployments.id"), nullable=False),
    Column("generation", BigInteger),
    Column("wanted", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    one_of("kind", WaitKind),
    CheckConstraint("(kind = 'generation') = (generation IS NOT NULL)", name="generation"),
    Index(
        "ix_waits_open",
        "created_at",
        sqlite_where=text("settled_at IS NULL"),
        postgresql_where=text("settled_at IS NULL"),
    ),
)
