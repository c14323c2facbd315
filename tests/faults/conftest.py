"""What tests of faults borrow from those of the parts and of the whole."""

from __future__ import annotations

from tests.contract.conftest import clock, database_url, postgres_template, sqlite_template, store, yard
from tests.e2e.conftest import own_turnout

__all__ = ["clock", "database_url", "own_turnout", "postgres_template", "sqlite_template", "store", "yard"]
