"""What the drivers raise, told once in Turnout's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from turnout.domain.errors import Conflict, TurnoutError, Unavailable

_SQLITE: Final = (
    ("database or disk is full", "the disk is full; free some space, then try again"),
    ("locked", "another process keeps it locked; try again, and end that process if it does not let go"),
    ("unable to open", "its file cannot be opened; check that the folder exists and may be written to"),
    ("readonly", "its file is read-only; check whom the file belongs to"),
    ("disk i/o error", "the disk reports an error; check the disk before anything else"),
    ("no such table", "its tables are missing; migrate it first, as a starting server does"),
)

_POSTGRES: Final = (
    ("53100", "its disk is full; free some space, then try again"),
    ("53", "it has no connection or memory to spare; try again, or raise its limits"),
    ("55P03", "another transaction keeps a row locked; try again"),
    ("40", "it was in another transaction's way; try again"),
    ("57", "it is shutting down or starting up; try again"),
    ("58", "its machine reports an error; look at PostgreSQL's log"),
    ("08", "the connection broke; check that PostgreSQL runs and can be reached, then try again"),
    ("42P01", "its tables are missing; migrate it first, as a starting server does"),
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver's error into Unavailable or Conflict; an error that means a bug passes as it is."""
    try:
        yield
    except TurnoutError:
        raise
    except IntegrityError as error:
        raise Conflict(f"the store refused the change, and nothing was changed: {_first_line(error)}") from error
    except DBAPIError as error:
        why = _why(error)
        if why is None:
            raise
        raise Unavailable(f"the store cannot be used: {why}") from error
    except (PoolTimeout, TimeoutError) as error:
        raise Unavailable("the store cannot be used: it does not answer in time; try again") from error
    except OSError as error:
        raise Unavailable(
            "the store cannot be used: it cannot be reached; check that it runs and that the URL is right"
        ) from error


def _why(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state is not None:
        return next((why for prefix, why in _POSTGRES if state.startswith(prefix)), None)
    message = str(error.orig).lower()
    for words, why in _SQLITE:
        if words in message:
            return why
    return "the connection broke; try again" if error.connection_invalidated else None


def _first_line(error: IntegrityError) -> str:
    # Only the first line names the constraint; PostgreSQL's second one quotes the row's values.
    return str(error.orig).partition("\n")[0].rpartition(">: ")[2]
