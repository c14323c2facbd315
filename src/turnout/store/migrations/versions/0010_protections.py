"""What stands in front of an environment, whatever its apps say."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "protections",
        sa.Column("environment_id", sa.String, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("changed_by", sa.String, nullable=False),
        sa.CheckConstraint("generation > 0", name=op.f("ck_protections_generation")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name="fk_protections_environment_id"),
        sa.PrimaryKeyConstraint("environment_id", name="pk_protections"),
        sa.UniqueConstraint("generation", name="uq_protections_generation"),
    )
