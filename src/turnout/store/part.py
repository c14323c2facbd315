"""What every part of the store has. `Store` is all of them in one."""

from __future__ import annotations

from turnout.store.changes import Changes
from turnout.store.database import Database


class Part:
    """The queries of one theme; each public method is one transaction."""

    def __init__(self, *, database: Database, changes: Changes) -> None:
        self._db = database
        self._changes = changes
