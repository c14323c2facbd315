"""Certificates by ACME: who we are to a server, and how far each domain has got. Private keys are sealed here too."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from turnout.domain.issuing import IssuingStatus, ProblemKind
from turnout.store.columns import UtcDateTime
from turnout.store.schema.base import metadata, one_of

acme_accounts = Table(
    "acme_accounts",
    metadata,
    Column("directory", String, primary_key=True),
    Column("url", String),  # empty until the server has told it
    Column("master_key_id", String, nullable=False),
    Column("sealed_key", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "master_key_id"),
)

issuings = Table(
    "issuings",
    metadata,
    Column("id", String, primary_key=True),
    Column("fqdn", String, nullable=False, unique=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("status", String, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("sends", Integer, nullable=False),  # of the visit of this turn, to the workflows
    Column("sent_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("asked", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("problem_kind", String),
    Column("problem", Text),
    # The order under way: the key that is made for its certificate, and its address.
    Column("master_key_id", String),
    Column("sealed_key", Text),
    Column("order_url", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    one_of("status", IssuingStatus),
    one_of("problem_kind", ProblemKind),
    CheckConstraint("fqdn = lower(fqdn)", name="fqdn"),
    CheckConstraint("status <> 'failed' OR problem IS NOT NULL", name="failed"),
    CheckConstraint("(problem IS NULL) = (problem_kind IS NULL)", name="problem"),
    CheckConstraint("(sealed_key IS NULL) = (master_key_id IS NULL)", name="key"),
    # A key that is not kept before its order is finalised could lose a certificate.
    CheckConstraint("order_url IS NULL OR sealed_key IS NOT NULL", name="order"),
    Index(None, "project_id"),
    Index(None, "due_at"),
    Index(None, "master_key_id"),
)
