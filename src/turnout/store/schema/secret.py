"""What the vault keeps here: keys that are wrapped and values that are sealed. None of it can be read without the
master keys, which are never in the database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from turnout.domain.secrets import KeyPurpose
from turnout.store.columns import UtcDateTime
from turnout.store.schema.base import metadata, one_of

keyrings = Table(
    "keyrings",
    metadata,
    Column("id", String, primary_key=True),
    Column("environment_id", ForeignKey("environments.id"), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("keyring_id", ForeignKey("keyrings.id"), nullable=False),
    Column("purpose", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("master_key_id", String, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("messages", BigInteger, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("keyring_id", "purpose", "number"),
    one_of("purpose", KeyPurpose),
    CheckConstraint("messages >= 0", name="messages"),
    Index(None, "master_key_id"),
)

variables = Table(
    "variables",
    metadata,
    Column("environment_id", ForeignKey("environments.id"), primary_key=True),
    Column("name", String, primary_key=True),
    # Grows for ever, also over a removal: no two values of one name are ever bound to the same version.
    Column("version", Integer, nullable=False),
    Column("data_key_id", ForeignKey("data_keys.id")),
    Column("ciphertext", LargeBinary),
    Column("fingerprint", LargeBinary),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint(
        "(data_key_id IS NULL) = (ciphertext IS NULL) AND (fingerprint IS NULL) = (ciphertext IS NULL)", name="removed"
    ),
    Index(None, "data_key_id"),
)
