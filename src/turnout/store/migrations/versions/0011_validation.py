"""Whether requests are checked against the app's OpenAPI document."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import JsonValue

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """A column of a deployment; those that are there check nothing."""
    op.add_column("deployments", sa.Column("validation", JsonValue))
