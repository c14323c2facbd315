"""Certificates, and the sealed private keys that go with them."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing yet."""
