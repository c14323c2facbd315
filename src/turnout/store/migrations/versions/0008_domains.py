"""Custom domains, the proofs of who owns them, and answers to challenges."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""
