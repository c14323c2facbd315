"""Names of the users' own, what the gateways answer to prove things about names, and who waits for that."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

from turnout.domain.challenges import ChallengePurpose
from turnout.domain.custom_domains import DomainStatus
from turnout.domain.proofs import ProofMethod
from turnout.store.columns import UtcDateTime
from turnout.store.schema.base import metadata, one_of

_VERIFIED = "status = 'verified'"
_KEPT = "status <> 'removed'"
_PENDING = "status = 'pending'"

domains = Table(
    "domains",
    metadata,
    Column("id", String, primary_key=True),
    Column("fqdn", String, nullable=False),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("status", String, nullable=False),
    Column("token", String, nullable=False),
    Column("method", String),
    Column("problem", Text),
    Column("round", Integer, nullable=False),
    Column("sent_round", Integer, nullable=False),  # the newest one that the workflows have
    Column("checked_round", Integer, nullable=False),
    Column("generation", BigInteger),  # of the transaction that proved it
    Column("asked_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("next_check_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime),
    Column("verified_at", UtcDateTime),
    Column("removed_at", UtcDateTime),
    one_of("status", DomainStatus),
    one_of("method", ProofMethod),
    CheckConstraint("fqdn = lower(fqdn)", name="fqdn"),
    CheckConstraint("status <> 'verified' OR (method IS NOT NULL AND verified_at IS NOT NULL)", name="verified"),
    CheckConstraint("(status = 'removed') = (removed_at IS NOT NULL)", name="removed"),
    Index(
        "uq_domains_verified",  # many may ask for a name, one has it
        "fqdn",
        unique=True,
        sqlite_where=text(_VERIFIED),
        postgresql_where=text(_VERIFIED),
    ),
    Index(
        "uq_domains_claimed",  # a project asks for it once
        "project_id",
        "fqdn",
        unique=True,
        sqlite_where=text(_KEPT),
        postgresql_where=text(_KEPT),
    ),
    Index(
        "ix_domains_pending",
        "next_check_at",
        sqlite_where=text(_PENDING),
        postgresql_where=text(_PENDING),
    ),
)

challenges = Table(
    "challenges",
    metadata,
    Column("fqdn", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("body", Text, nullable=False),
    Column("purpose", String, nullable=False),
    Column("generation", BigInteger, nullable=False),  # of the transaction that published it
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    one_of("purpose", ChallengePurpose),
    CheckConstraint("fqdn = lower(fqdn)", name="fqdn"),
    Index(None, "project_id"),
    Index(None, "expires_at"),
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("awakeable_id", String, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Index(
        "ix_confirmations_open",
        "created_at",
        sqlite_where=text("settled_at IS NULL"),
        postgresql_where=text("settled_at IS NULL"),
    ),
)
