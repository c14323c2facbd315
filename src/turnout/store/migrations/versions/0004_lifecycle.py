"""Cancelling, keeping and waking: what they write down, and the kind of operation that starts a deployment."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from turnout.store.columns import UtcDateTime

revision = "0004"
down_revision = "0003"

_KINDS = "kind IN ('deploy', 'rollback', 'promote')"
_KINDS_NOW = "kind IN ('deploy', 'rollback', 'promote', 'start')"
_DEPLOYMENTS = ("stopped_at DATETIME", "removed_at DATETIME", "woken_by VARCHAR")
_OPERATIONS = ("wakes BOOLEAN DEFAULT false NOT NULL", "cancel_requested_at DATETIME", "cancelled_by VARCHAR")


def upgrade() -> None:
    """Columns for both, and one more kind of operation."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild("deployments", lambda sql: _with_columns(sql, _DEPLOYMENTS))
        _rebuild("operations", lambda sql: _with_columns(sql, _OPERATIONS).replace(_KINDS, _KINDS_NOW))
        return
    for name, kind in (("stopped_at", UtcDateTime()), ("removed_at", UtcDateTime()), ("woken_by", sa.String())):
        op.add_column("deployments", sa.Column(name, kind))
    op.add_column("operations", sa.Column("wakes", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("operations", sa.Column("cancel_requested_at", UtcDateTime()))
    op.add_column("operations", sa.Column("cancelled_by", sa.String()))
    op.drop_constraint(op.f("ck_operations_kind"), "operations", type_="check")
    op.create_check_constraint(op.f("ck_operations_kind"), "operations", _KINDS_NOW)


def _with_columns(sql: str, columns: tuple[str, ...]) -> str:
    """The definition with these columns after the others: before the first constraint."""
    before, constraint, after = sql.partition("\tCONSTRAINT ")
    return before + "".join(f"\t{column}, \n" for column in columns) + constraint + after


def _rebuild(table: str, change: Callable[[str], str]) -> None:
    """SQLite cannot change a check: a table is made anew beside the old one, filled, and takes its name.

    References to it are by name and stay; `turnout.store.migrate` switches their checking off meanwhile.
    """
    connection = op.get_bind()
    definition = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    sql = connection.execute(definition, {"name": table}).scalar_one()
    indexes = sa.text("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL")
    again = connection.execute(indexes, {"name": table}).scalars().all()
    columns = ", ".join(column["name"] for column in sa.inspect(connection).get_columns(table))
    _, paren, body = change(sql).partition("(")
    connection.exec_driver_sql(f"CREATE TABLE {table}_new {paren}{body}")
    connection.exec_driver_sql(f"INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_new RENAME TO {table}")
    for index in again:
        connection.exec_driver_sql(index)
