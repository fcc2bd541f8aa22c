"""
What tells afterwards whether a transaction was committed whose commit was not answered.

Each transaction that writes counts up the row of its connection in `commits`, in the same exchange
as its beginning. So the number is there if, and only if, the transaction is. Its id would not tell:
a server that crashes forgets the ids of transactions that had not reached its log, gives them out
again, and then `pg_xact_status` speaks of another transaction. A standby that takes over does too.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from image2model.backends.sql.tables import commits
from image2model.core.ids import new_hex_id

FORGOTTEN_AFTER_S = 7 * 86_400.0
"""How long a row is kept after its last use: longer than a process may be frozen and go on."""

NOW = "extract(epoch FROM clock_timestamp())::float8"

_COUNT = (
    "INSERT INTO commits AS known (connection, number, begun_at)"
    " VALUES ('{connection}', {by}, {now})"
    " ON CONFLICT (connection) DO UPDATE"
    " SET number = known.number + excluded.number, begun_at = excluded.begun_at"
    " RETURNING begun_at, number"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """
    What a transaction leaves behind if it is committed.

    Attributes:
        connection: The name of its connection, given to no other.
        number: It was this connection's transaction of that number, from 1.
    """

    connection: str
    number: int


def new_connection_name() -> str:
    """Name a connection."""
    return new_hex_id()


def counting(connection: str) -> str:
    """Give the statement that returns a transaction's time and number."""
    return _COUNT.format(connection=connection, by=1, now=NOW)


def was_committed(connection: sa.Connection, mark: Mark) -> bool:
    """
    Tell whether the transaction of *mark* was committed; waits for one that is under way.

    Adding nothing to the row, rather than reading it, has this transaction wait also for one that
    has just made the row. Nobody uses the connection of *mark* any more.
    """
    statement = sa.text(_COUNT.format(connection=mark.connection, by=0, now=NOW))
    _, number = connection.execute(statement).one()
    return bool(number >= mark.number)


def forget_connections(connection: sa.Connection, *, now_s: float) -> None:
    """Remove the rows of connections that are long gone."""
    is_old = commits.c.begun_at < now_s - FORGOTTEN_AFTER_S
    connection.execute(sa.delete(commits).where(is_old))
