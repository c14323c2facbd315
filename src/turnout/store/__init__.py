"""The truth, in SQL.

Law: each public method is one transaction with one intent. It is done whole or not at all, and done again
it changes nothing. What may happen is decided in `domain`; what must never happen is forbidden by the
schema. Only this room knows SQL.
"""

from turnout.store.copying import check_copy, copy_store, is_one_file
from turnout.store.krane import RegionRecord
from turnout.store.migrate import migrate
from turnout.store.reads import HistoryRecord, MovedRoute
from turnout.store.store import Store, open_store

__all__ = [
    "HistoryRecord",
    "MovedRoute",
    "RegionRecord",
    "Store",
    "check_copy",
    "copy_store",
    "is_one_file",
    "migrate",
    "open_store",
]
