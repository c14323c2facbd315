"""Who asks for what: tenants, their versions, and the operations on them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from turnout.domain.records import Backend, OperationKind
from turnout.domain.statuses import DeploymentStatus, OperationStatus, StepStatus
from turnout.domain.tokens import TokenAccess
from turnout.store.columns import JsonValue, UtcDateTime
from turnout.store.schema.base import metadata, one_of

OPERATION_OPEN: Final = "status IN ('pending', 'running')"
"""The operations that have not ended, as the partial indexes have it."""

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String, primary_key=True),
    Column("slug", String, nullable=False, unique=True),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("slug", String, nullable=False),
    Column("live_deployment_id", String),
    Column("rolled_back", Boolean, nullable=False, default=False),
    Column("generation", BigInteger, nullable=False, default=0),
    Column("removed_at", UtcDateTime),  # its slug is its id since, so that the name is free
    UniqueConstraint("workspace_id", "slug"),
    ForeignKeyConstraint(  # the live deployment is one of the project's own
        ["id", "live_deployment_id"], ["deployments.project_id", "deployments.id"], use_alter=True
    ),
    CheckConstraint("generation >= 0", name="generation"),
)

environments = Table(
    "environments",
    metadata,
    Column("id", String, primary_key=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("slug", String, nullable=False),
    Column("keyring_id", String),
    UniqueConstraint("project_id", "slug"),
    UniqueConstraint("project_id", "id"),
)

sources = Table(
    "sources",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("hash", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("access", String, nullable=False),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("region", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    one_of("access", TokenAccess),
    CheckConstraint("(access = 'krane') = (region IS NOT NULL)", name="region"),
)

openapi_specs = Table(
    "openapi_specs",
    metadata,
    Column("id", String, primary_key=True),
    Column("format", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("json", LargeBinary),  # the same as JSON, where the document is not JSON itself
)

openapi_comparisons = Table(
    "openapi_comparisons",
    metadata,
    Column("before_id", ForeignKey("openapi_specs.id"), primary_key=True),
    Column("after_id", ForeignKey("openapi_specs.id"), primary_key=True),
    Column("rules", Integer, nullable=False),  # the version of the rules that were used
    Column("breaking", Integer, nullable=False),
    Column("sentences", JsonValue, nullable=False),  # the first ones
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", String, primary_key=True),
    Column("project_id", String, nullable=False),
    Column("environment_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("image", String),
    Column("source_id", String),
    Column("backend", String, nullable=False),
    Column("git_branch", String),
    Column("git_commit_sha", String),
    Column("git_commit_message", Text),
    Column("git_dirty", Boolean, nullable=False, default=False),
    Column("command", JsonValue, nullable=False),
    Column("build_command", JsonValue, nullable=False),
    Column("resources", JsonValue, nullable=False),
    Column("health", JsonValue, nullable=False),
    Column("env_snapshot", LargeBinary),
    Column("openapi_path", String),
    Column("openapi_spec_id", ForeignKey("openapi_specs.id")),
    Column("key_auth_id", String),
    Column("sentinel_image", String),
    Column("regions", JsonValue, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("release", JsonValue),
    Column("auto_rollback", Boolean, nullable=False, server_default=false()),
    Column("stopped_at", UtcDateTime),
    Column("removed_at", UtcDateTime),
    Column("openapi_breaking", String),
    Column("validation", JsonValue),
    Column("woken_by", String),  # the operation that started it last, after it had been stopped
    ForeignKeyConstraint(["project_id", "environment_id"], ["environments.project_id", "environments.id"]),
    UniqueConstraint("project_id", "id"),
    UniqueConstraint("project_id", "environment_id", "id"),
    one_of("status", DeploymentStatus),
    one_of("backend", Backend),
    CheckConstraint("image IS NOT NULL OR source_id IS NOT NULL", name="origin"),
    Index(None, "project_id", "created_at"),
    Index(None, "key_auth_id"),
)

deployment_columns: Final = (
    *(column for column in deployments.c if column.name != "env_snapshot"),
    deployments.c.env_snapshot.is_not(None).label("has_variables"),
)
"""What a `Deployment` is made of: of the snapshot only whether there is one. It is large, and few need it."""
build_options = Table(
    "build_options",
    metadata,
    # Beside the deployment, because most have none, and all of them are read in every list.
    Column("deployment_id", ForeignKey("deployments.id"), primary_key=True),
    Column("options", JsonValue, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("project_id", String, nullable=False),
    Column("environment_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("deployment_id", String, nullable=False),
    # Any deployment: that it is another project's is for the gate to say.
    Column("source_deployment_id", ForeignKey("deployments.id")),
    Column("previous_deployment_id", String),
    Column("live", Boolean, nullable=False, default=False),
    Column("generation", BigInteger, unique=True),
    Column("propagation_ms", Float),
    Column("actor", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("wakes", Boolean, nullable=False, server_default=text("false")),
    Column("cancel_requested_at", UtcDateTime),
    Column("cancelled_by", String),
    ForeignKeyConstraint(
        ["project_id", "environment_id", "deployment_id"],
        ["deployments.project_id", "deployments.environment_id", "deployments.id"],
    ),
    ForeignKeyConstraint(["project_id", "previous_deployment_id"], ["deployments.project_id", "deployments.id"]),
    one_of("kind", OperationKind),
    one_of("status", OperationStatus),
    CheckConstraint(f"({OPERATION_OPEN}) = (ended_at IS NULL)", name="ended"),
    CheckConstraint("(kind = 'rollback') = (source_deployment_id IS NOT NULL)", name="source"),
    Index(None, "project_id", "created_at"),
    Index(
        "ix_operations_open",
        "created_at",
        sqlite_where=text(OPERATION_OPEN),
        postgresql_where=text(OPERATION_OPEN),
    ),
    Index(
        "uq_operations_deploy",
        "deployment_id",
        unique=True,
        sqlite_where=text("kind = 'deploy'"),
        postgresql_where=text("kind = 'deploy'"),
    ),
)

operation_steps = Table(
    "operation_steps",
    metadata,
    Column("operation_id", ForeignKey("operations.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("detail", Text),
    UniqueConstraint("operation_id", "position"),
    one_of("status", StepStatus),
    CheckConstraint("(status = 'running') = (ended_at IS NULL)", name="ended"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("project_id", ForeignKey("projects.id")),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", JsonValue, nullable=False),
    Index(None, "workspace_id", "at"),
)
