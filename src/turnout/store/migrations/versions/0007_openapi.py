"""OpenAPI documents, what changed in them, and the gates on both."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import JsonValue

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Documents are kept as JSON too, comparisons are written down, and a deployment may have a gate."""
    op.add_column("openapi_specs", sa.Column("json", sa.LargeBinary))
    op.add_column("deployments", sa.Column("openapi_breaking", sa.String))
    op.create_table(
        "openapi_comparisons",
        sa.Column("before_id", sa.String, nullable=False),
        sa.Column("after_id", sa.String, nullable=False),
        sa.Column("rules", sa.Integer, nullable=False),
        sa.Column("breaking", sa.Integer, nullable=False),
        sa.Column("sentences", JsonValue, nullable=False),
        sa.ForeignKeyConstraint(["before_id"], ["openapi_specs.id"], name="fk_openapi_comparisons_before_id"),
        sa.ForeignKeyConstraint(["after_id"], ["openapi_specs.id"], name="fk_openapi_comparisons_after_id"),
        sa.PrimaryKeyConstraint("before_id", "after_id", name="pk_openapi_comparisons"),
    )
