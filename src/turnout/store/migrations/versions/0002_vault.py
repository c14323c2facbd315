"""Keyrings, data keys and variables."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of the vault."""
    op.create_table(
        "keyrings",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("environment_id", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_keyrings_environment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_keyrings"),
        sa.UniqueConstraint("environment_id", name="uq_keyrings_environment_id"),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("keyring_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("master_key_id", sa.String, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("messages >= 0", name=op.f("ck_data_keys_messages")),
        sa.CheckConstraint("purpose IN ('sealing', 'fingerprint')", name=op.f("ck_data_keys_purpose")),
        sa.ForeignKeyConstraint(["keyring_id"], ["keyrings.id"], name="fk_data_keys_keyring_id"),
        sa.PrimaryKeyConstraint("id", name="pk_data_keys"),
        sa.UniqueConstraint("keyring_id", "purpose", "number", name="uq_data_keys_keyring_id_purpose_number"),
    )
    op.create_index("ix_data_keys_master_key_id", "data_keys", ["master_key_id"], unique=False)
    op.create_table(
        "variables",
        sa.Column("environment_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("data_key_id", sa.String),
        sa.Column("ciphertext", sa.LargeBinary),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.CheckConstraint(
            "(data_key_id IS NULL) = (ciphertext IS NULL) AND (fingerprint IS NULL) = (ciphertext IS NULL)",
            name=op.f("ck_variables_removed"),
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_variables_version")),
        sa.ForeignKeyConstraint(["data_key_id"], ["data_keys.id"], name="fk_variables_data_key_id"),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_variables_environment_id"),
        sa.PrimaryKeyConstraint("environment_id", "name", name="pk_variables"),
    )
    op.create_index("ix_variables_data_key_id", "variables", ["data_key_id"], unique=False)
