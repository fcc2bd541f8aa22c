"""Connections: one that writes, a few that read, and what is set on each."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from image2model.backends.sql.dialect import EpochNow, tidy
from image2model.backends.sql.migrate import migrate
from image2model.core.errors import DatabaseUnavailable, InvalidSetting
from image2model.ports.clock import Clock

READERS = 4
WAIT_FOR_CONNECTION_S = 60
"""How long a call waits for its turn before it says that the database is not available."""

BUSY_MS = 10_000
"""How long SQLite waits for another process to finish its transaction, in milliseconds."""

_SQLITE_PRAGMAS = {
    "busy_timeout": BUSY_MS,
    "foreign_keys": "ON",
    "temp_store": "MEMORY",
    "cache_size": -20_000,
    "mmap_size": 128 * 1024 * 1024,
    "journal_size_limit": 64 * 1024 * 1024,
}

_OWN_MISTAKES = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError)
"""Errors of the driver that say nothing about whether the database works."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """
    One transaction under way.

    Attributes:
        connection: Where its statements run.
        now: The time in seconds since 1970, as SQL.
    """

    connection: AsyncConnection
    now: sa.ColumnElement[float]

    async def run(
        self, statement: sa.Executable, parameters: Any = None
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        """Execute *statement*, once or for each of the *parameters*."""
        return await self.connection.execute(statement, parameters)

    async def now_s(self) -> float:
        """Tell the time in seconds since 1970, to the microsecond that a datetime can hold."""
        now_s: float = (await self.run(sa.select(self.now))).scalar_one()
        return round(now_s, 6)


class Database:
    """
    A database with its schema in place; belongs to one event loop.

    Args:
        writer: Its transactions may write, one after the other or side by side.
        reader: Its transactions see one state of the database from their first statement on.
        clock: Where times come from; None: the database's own clock.
    """

    def __init__(
        self, *, writer: AsyncEngine, reader: AsyncEngine, clock: Clock | None = None
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._is_closed = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """
        Open a transaction that is committed at the end of the block, or rolled back by an error.

        Cancelling ends the wait for its turn; once begun, it is carried to its end, so that the
        caller always learns what was written.

        Raises:
            DatabaseUnavailable: The database cannot be used; nothing was written.
        """
        with _driver_errors_told():
            connection = await self._writer.connect()
            with anyio.CancelScope(shield=True):
                try:
                    async with connection.begin():
                        yield self._transaction(connection)
                finally:
                    await connection.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """
        Open a transaction that reads one state of the database.

        Raises:
            DatabaseUnavailable: The database cannot be used.
        """
        with _driver_errors_told():
            async with self._reader.connect() as connection, connection.begin():
                yield self._transaction(connection)

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(DatabaseUnavailable):
                async with self.writing() as tx:
                    await tidy(tx.connection)
        await self._reader.dispose()
        await self._writer.dispose()

    def _transaction(self, connection: AsyncConnection) -> Transaction:
        if self._clock is None:
            return Transaction(connection, EpochNow())
        return Transaction(connection, sa.literal(self._clock.now().timestamp(), sa.Double()))


async def open_database(url: str, *, clock: Clock | None = None) -> Database:
    """
    Open the SQLite database at *url*, creating or migrating it where needed.

    Several processes may do so at the same time.

    Args:
        url: `sqlite:///` and the path of a file whose folder exists.
        clock: Where times come from; None: the database's own clock.

    Raises:
        InvalidSetting: *url* names no database that can be used.
        DatabaseUnavailable: It cannot be opened, or a newer version of the product made it.
    """
    parsed = _parse(url)
    writer = _sqlite_engine(
        parsed, size=1, begin="BEGIN IMMEDIATE", pragmas={"synchronous": "FULL"}
    )
    reader = _sqlite_engine(parsed, size=READERS, begin="BEGIN", pragmas={"query_only": "ON"})
    with _driver_errors_told():
        await anyio.to_thread.run_sync(_enter_wal, str(parsed.database))
        await migrate(writer)
    return Database(writer=writer, reader=reader, clock=clock)


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL", reason="is no database URL."
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL",
            reason="must name a file: sqlite:////absolute/path/image2model.db",
        )
    return parsed.set(drivername="sqlite+aiosqlite")


def _sqlite_engine(url: URL, *, size: int, begin: str, pragmas: dict[str, str]) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=WAIT_FOR_CONNECTION_S,
        # The driver must not begin transactions by itself: a deferred one that reads before it
        # writes fails at once with "database is locked" when another process has written.
        connect_args={"isolation_level": None},
    )
    statements = [f"PRAGMA {name}={value}" for name, value in (_SQLITE_PRAGMAS | pragmas).items()]

    def set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine.sync_engine, "connect", set_pragmas)
    sa.event.listen(engine.sync_engine, "begin", begin_transaction)
    return engine


def _enter_wal(path: str) -> None:
    """Have readers and the writer not wait for each other; the file remembers it."""
    deadline_s = time.monotonic() + BUSY_MS / 1000
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None)
    try:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # SQLite does not wait for others that are doing the same.
                locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not locked or time.monotonic() > deadline_s:
                    raise
                time.sleep(0.01)
            else:
                return
    finally:
        connection.close()


@contextmanager
def _driver_errors_told() -> Iterator[None]:
    try:
        yield
    except _OWN_MISTAKES:
        raise
    except sa.exc.DBAPIError as error:
        raise DatabaseUnavailable(reason=str(error.orig)) from error
    except (sqlite3.Error, sa.exc.TimeoutError) as error:
        raise DatabaseUnavailable(reason=str(error)) from error
