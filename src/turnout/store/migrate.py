"""Bring a database's tables up to this version's. The migrations are shipped inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from turnout.domain.errors import Unavailable
from turnout.store.database import connect_engine, parse_url
from turnout.store.faults import translated

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 7_211_884_120
"""Any number that nobody else on the same PostgreSQL takes for an advisory lock."""


async def migrate(url: str) -> None:
    """Create or upgrade the tables; does nothing when they are up to date.

    Safe to call from several processes at once: one transaction holds a lock on the whole database, and the
    second comer finds nothing left to do. Raises Unavailable when the database is away.
    """
    engine = connect_engine(parse_url(url), pooled=False).execution_options(turnout_writes=True)
    try:
        with translated():
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def check_migrated(connection: Connection) -> None:
    """Raise Unavailable unless the tables are at least this version's.

    Newer ones are accepted: while a fleet is upgraded, the old workers go on beside the new server.
    """
    script = ScriptDirectory(str(_FOLDER))
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is None or (current in known and current != script.get_current_head()):
        raise Unavailable(
            "the store cannot be used: its tables are missing or older than this version; "
            "migrate it first, as a starting server does"
        )


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
