"""When a gateway was last heard of."""

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0020"
down_revision = "0012"


def upgrade() -> None:
    """A column of a gateway; one that is connected now says so with its next heartbeat."""
    op.add_column("gateways", sa.Column("seen_at", UtcDateTime))
