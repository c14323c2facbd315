"""What stands in front of an environment, whatever its apps say."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Nothing yet."""
