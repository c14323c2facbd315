"""What leads where and since when, which the switch alone writes; and the numbers that tell of changes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    Text,
)

from turnout.domain.records import OperationKind, Sticky
from turnout.store.columns import JsonValue, UtcDateTime
from turnout.store.schema.base import metadata, one_of

routes = Table(
    "routes",
    metadata,
    Column("id", String, primary_key=True),
    Column("fqdn", String, nullable=False, unique=True),
    Column("project_id", String, nullable=False),
    Column("environment_id", String, nullable=False),
    Column("deployment_id", String, nullable=False),
    Column("sticky", String, nullable=False),
    Column("branch", String),
    ForeignKeyConstraint(
        ["project_id", "environment_id", "deployment_id"],
        ["deployments.project_id", "deployments.environment_id", "deployments.id"],
    ),
    one_of("sticky", Sticky),
    CheckConstraint("(sticky = 'branch') = (branch IS NOT NULL)", name="branch"),
    CheckConstraint("fqdn = lower(fqdn)", name="fqdn"),
    Index(None, "project_id", "environment_id", "sticky"),
    Index(None, "deployment_id"),
)

sentinel_configs = Table(
    "sentinel_configs",
    metadata,
    Column("fqdn", ForeignKey("routes.fqdn"), primary_key=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("deployment_id", ForeignKey("deployments.id"), nullable=False),
    Column("config", Text, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("id", String, primary_key=True),
    Column("operation_id", ForeignKey("operations.id"), nullable=False, unique=True),
    Column("generation", BigInteger, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("from_deployment_id", ForeignKey("deployments.id")),
    Column("to_deployment_id", ForeignKey("deployments.id")),
    Column("rolled_back", Boolean, nullable=False),
    Column("routes", JsonValue, nullable=False),
    Column("actor", String, nullable=False),
    Column("result", JsonValue, nullable=False),
    Column("committed_at", UtcDateTime, nullable=False),
    one_of("kind", [kind for kind in OperationKind if kind is not OperationKind.START]),
    Index(None, "project_id", "generation"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("value >= 0", name="value"),
)

project_changes = Table(
    "project_changes",
    metadata,
    Column("project_id", ForeignKey("projects.id"), primary_key=True),
    Column("change", BigInteger, nullable=False),
    Index(None, "change"),
)
