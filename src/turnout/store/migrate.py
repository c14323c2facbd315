"""Bring a database's tables up to this version's. The migrations are shipped inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event, inspect, text

from turnout.domain.errors import Conflict, Unavailable
from turnout.store.database import connect_engine, parse_url
from turnout.store.faults import translated

_FOLDER: Final = Path(__file__).parent / "migrations"
_VERSIONS: Final = tuple(sorted(path.name[:4] for path in (_FOLDER / "versions").glob("[0-9]*.py")))
"""The revisions this version knows, oldest first: each migration's file begins with its number."""
_LOCK: Final = 7_211_884_120
"""Any number that nobody else on the same PostgreSQL takes for an advisory lock."""


async def migrate(url: str) -> None:
    """Create or upgrade the tables; does nothing when they are up to date.

    Safe to call from several processes at once: one transaction holds a lock on the whole database, and the
    second comer finds nothing left to do. Raises Unavailable when the database is away, and Conflict when a newer
    version has migrated it.
    """
    engine = connect_engine(parse_url(url), pooled=False).execution_options(turnout_writes=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _leave_references_alone)
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
    current = _current(connection)
    if current is None or (current in _VERSIONS and current != _VERSIONS[-1]):
        raise Unavailable(
            "the store cannot be used: its tables are missing or older than this version; "
            "migrate it first, as a starting server does"
        )


def is_newer(revision: str) -> bool:
    """Whether tables of this revision were made by a later version than this one."""
    return revision not in _VERSIONS


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    current = _current(connection)
    if current == _VERSIONS[-1]:
        return
    if current is not None and is_newer(current):
        raise Conflict(
            "cannot use the store: a newer version of Turnout has brought it up to date, and there is no way back; "
            "install that version again, or restore a backup that was made before"
        )
    from alembic import command  # noqa: PLC0415  # ten megabytes in every process, for what is seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite" and (dangling := connection.execute(text("PRAGMA foreign_key_check")).all()):
        raise Unavailable(f"cannot migrate the store: rows of {dangling[0][0]} refer to what is not there")


def _leave_references_alone(connection: Any, _record: object) -> None:
    """A table that is rebuilt is gone for a moment; whether every reference leads somewhere is checked at the end."""
    connection.run_async(lambda driver: driver.execute("PRAGMA foreign_keys = OFF"))


def _current(connection: Connection) -> str | None:
    """The revision that the tables have; None when there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return version
