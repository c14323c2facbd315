"""What stands in front of an environment, whatever its apps say."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, String, Table, Text

from turnout.store.columns import UtcDateTime
from turnout.store.schema.base import metadata

protections = Table(
    "protections",
    metadata,
    # An environment that was never protected has no row; one whose knobs are all off keeps it, to say since when.
    Column("environment_id", ForeignKey("environments.id"), primary_key=True),
    Column("config", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, unique=True),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String, nullable=False),
    CheckConstraint("generation > 0", name="generation"),
)
