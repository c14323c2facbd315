"""Certificates, with their private keys sealed. A removed one stays as a row without its key, for the feed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    text,
)

from turnout.domain.certificates import CertificateSource
from turnout.store.columns import JsonValue, UtcDateTime
from turnout.store.schema.base import metadata, one_of

CERTIFICATE_KEPT: Final = "removed_at IS NULL"
"""Those that are in use, as the partial indexes have it."""

certificates = Table(
    "certificates",
    metadata,
    Column("id", String, primary_key=True),
    # Empty for the local authority, which belongs to the whole installation.
    Column("workspace_id", ForeignKey("workspaces.id")),
    Column("project_id", ForeignKey("projects.id")),
    Column("source", String, nullable=False),
    Column("names", JsonValue, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("chain_pem", Text, nullable=False),
    Column("master_key_id", String),
    Column("sealed_key", Text),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    Column("replaced_by", ForeignKey("certificates.id")),
    Column("change", BigInteger, nullable=False),
    one_of("source", CertificateSource),
    CheckConstraint("(source = 'local') = (workspace_id IS NULL)", name="owner"),
    CheckConstraint(
        "(sealed_key IS NULL) = (removed_at IS NOT NULL) AND (master_key_id IS NULL) = (sealed_key IS NULL)",
        name="removed",
    ),
    Index(None, "change"),
    Index(
        "uq_certificates_kept",
        "workspace_id",
        "fingerprint",
        unique=True,
        sqlite_where=text(CERTIFICATE_KEPT),
        postgresql_where=text(CERTIFICATE_KEPT),
    ),
    Index(
        "uq_certificates_authority",
        "source",
        unique=True,
        sqlite_where=text(f"source = 'local' AND {CERTIFICATE_KEPT}"),
        postgresql_where=text(f"source = 'local' AND {CERTIFICATE_KEPT}"),
    ),
    Index(
        "ix_certificates_due",
        "not_after",
        sqlite_where=text(CERTIFICATE_KEPT),
        postgresql_where=text(CERTIFICATE_KEPT),
    ),
)
