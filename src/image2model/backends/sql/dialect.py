"""The few pieces of SQL that differ. On SQLite one transaction writes at a time."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_LEDGER_LOCK = 0x1ED6E2
_SCHEMA_LOCK = 0x5C4E3A
"""Any two numbers that no other lock of this database uses."""


def add_if_absent(connection: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
    """Add *row* unless the table has one of the same key, or another transaction adds it now."""
    connection.execute(_insert(connection, table).values(row).on_conflict_do_nothing())


def put_row(
    connection: sa.Connection, table: sa.Table, row: Mapping[str, object], **instead: object
) -> None:
    """
    Write *row* in place of the one of the same key, in one statement.

    After an update apart from it there may be none: it misses a row that goes meanwhile.

    Args:
        connection: That of this transaction.
        table: Where to write.
        row: What to write.
        instead: What to write in place of some of it where there is such a row.
    """
    insert = _insert(connection, table).values(row)
    values = {name: insert.excluded[name] for name in row} | instead
    key = list(table.primary_key.columns)
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=values))


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def lock_owner(connection: sa.Connection, owner: str) -> None:
    """Let no other transaction add or delete jobs of *owner* until the end of this one."""
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtextextended(owner, 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def lock_ledger(connection: sa.Connection, *, alone: bool) -> None:
    """
    Let no other transaction stop spending until the end of this one.

    Args:
        connection: That of this transaction.
        alone: Let none sum up and start attempts, either.
    """
    if connection.dialect.name == "postgresql":
        take = sa.func.pg_advisory_xact_lock if alone else sa.func.pg_advisory_xact_lock_shared
        connection.execute(sa.select(take(_LEDGER_LOCK)))


def lock_rows(connection: sa.Connection, rows: sa.Select[Any]) -> None:
    """Let no other transaction change *rows* until the end of this one."""
    if connection.dialect.name == "postgresql":
        connection.execute(rows.with_for_update())


def lock_schema(connection: sa.Connection) -> None:
    """Let no other transaction create or migrate tables until the end of this one."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
