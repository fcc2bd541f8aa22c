"""The few pieces of SQL in which SQLite and PostgreSQL differ."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

UNIX_EPOCH_JULIAN_DAYS = 2440587.5
"""1970-01-01T00:00Z as a Julian day number, which is how SQLite counts days."""

_LEDGER_LOCK = 0x1ED6E2
"""Any number that no other lock of this database uses."""


class EpochNow(FunctionElement[float]):
    """The database's clock, in seconds since 1970; unlike `now()` it moves on in a transaction."""

    type = sa.Double()
    inherit_cache = True
    name = "epoch_now"


@compiles(EpochNow, "sqlite")
def _epoch_now_sqlite(_element: EpochNow, _compiler: SQLCompiler, **_: Any) -> str:
    # unixepoch('subsec') came with SQLite 3.42, later than what Debian 12 has.
    return f"((julianday('now') - {UNIX_EPOCH_JULIAN_DAYS}) * 86400.0)"


@compiles(EpochNow, "postgresql")
def _epoch_now_postgresql(_element: EpochNow, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


async def lock_owner(connection: AsyncConnection, owner: str) -> None:
    """
    Wait until no other transaction holds *owner*'s lock, and hold it until the end of this one.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtextextended(owner, 0)
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def lock_ledger(connection: AsyncConnection) -> None:
    """Let no other transaction sum up and start attempts until the end of this one."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LEDGER_LOCK)))


async def tidy(connection: AsyncConnection) -> None:
    """Let SQLite look whether its statistics are out of date, as it wants before closing."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("PRAGMA optimize")


async def lock_rows(connection: AsyncConnection, rows: sa.Select[Any]) -> None:
    """Hold *rows* until the end of the transaction; on SQLite it holds everything already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(rows.with_for_update())
