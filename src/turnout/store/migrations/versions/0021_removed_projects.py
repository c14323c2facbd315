"""When a project was removed."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """A column of a project; none was ever removed so far."""
    op.add_column("projects", sa.Column("removed_at", UtcDateTime))
