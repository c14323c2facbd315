"""A copy of a whole store in one file, as it is at one moment; and whether such a file can be used."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from turnout.domain.errors import Invalid, Unavailable
from turnout.store.database import BUSY_SECONDS, parse_url
from turnout.store.migrate import is_newer


def is_one_file(url: str) -> bool:
    """Whether the store at this URL is a file of its own. Raises Invalid for a URL that Turnout does not work with."""
    return parse_url(url).drivername.startswith("sqlite")


async def copy_store(url: str, file: Path) -> None:
    """Copy a store that is in use into a file that is not there yet. Writers go on meanwhile.

    The copy holds rows only: what was deleted before is in no page of it. Raises Unavailable.
    """
    try:
        await asyncio.to_thread(_vacuum_into, str(parse_url(url).database), file)
    except sqlite3.Error as error:
        raise Unavailable(f"cannot copy the store: {error}; see that the disk has room for it, and try again") from None


def check_copy(file: Path, *, name: str) -> str:
    """The revision of a copy's tables. Raises Invalid when it is damaged, no store, or a later version's."""
    try:
        # Nobody else has it open; said so, SQLite leaves no files beside it.
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise Invalid(f"cannot restore {name}: the store in it cannot be read ({error})") from None
    if told != "ok" or row is None:
        raise Invalid(f"cannot restore {name}: the store in it is damaged")
    revision = str(row[0])
    if is_newer(revision):
        raise Invalid(f"cannot restore {name}: it was made by a newer version of Turnout; install that version first")
    return revision


def _vacuum_into(database: str, file: Path) -> None:
    place = f"{Path(database).absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(place, uri=True, timeout=BUSY_SECONDS)) as connection:
        connection.execute("VACUUM INTO ?", (str(file),))
