"""Connections to SQLite: one that writes, a few that read, each used from worker threads."""

import os
import sqlite3
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.migrate import migrate
from image2model.core.errors import DatabaseUnavailable, InvalidSetting
from image2model.jobs.limits.fair import FairLimiter
from image2model.ports.clock import Clock

_P = ParamSpec("_P")
_T = TypeVar("_T")
_A = TypeVar("_A")

READERS = 4
MOST_TOGETHER = 50
"""How many calls are committed together at most: a call does not wait long for its batch."""

BUSY_MS = 10_000
"""How long SQLite waits for another process to finish its transaction, in milliseconds."""

_PRAGMAS = {
    "busy_timeout": BUSY_MS,
    "foreign_keys": "ON",
    "temp_store": "MEMORY",
    "cache_size": -20_000,
    "mmap_size": 128 * 1024 * 1024,
    "journal_size_limit": 64 * 1024 * 1024,
}


class _Call:
    """A piece of work that waits to be written, and what came of it."""

    def __init__(self, work: Callable[[Transaction], None]) -> None:
        self.work = work
        self.is_done = False
        self.error: Exception | None = None


class SqliteDatabase:
    """
    A `Database` over a SQLite file whose schema is in place; belongs to one event loop.

    A call runs as a whole in a worker thread: handing each of its statements to a thread takes
    three times as long. Calls that wait to write while another one is written are committed
    together, each in a savepoint of its own: a commit waits for the disk, which takes longer than
    all the rest, and waits no longer for fifty calls than for one. Where many wait, owners take
    turns.

    Args:
        writer: An engine of one connection that may write.
        reader: An engine of `READERS` connections.
        clock: Where times come from; None: the database's own clock.
    """

    def __init__(self, *, writer: sa.Engine, reader: sa.Engine, clock: Clock | None) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._waiting: deque[_Call] = deque()
        self._writing = FairLimiter(2 * MOST_TOGETHER)
        self._write_turn = anyio.Lock()
        self._write_thread = anyio.CapacityLimiter(1)
        self._reading = FairLimiter(READERS)
        self._read_threads = anyio.CapacityLimiter(READERS)
        self._is_closed = False

    async def write(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do *work* in a transaction that is committed, or rolled back if it raises."""
        answers: list[_T] = []
        call = _Call(lambda tx: answers.append(work(tx, *args, **kwargs)))
        # Whoever asked must learn what was written, and somebody else may be writing it already.
        with anyio.CancelScope(shield=True):
            async with self._writing.hold():
                self._waiting.append(call)
                async with self._write_turn:
                    if not call.is_done:
                        await anyio.to_thread.run_sync(
                            self._write_calls, limiter=self._write_thread
                        )
        if call.error is not None:
            raise call.error
        return answers[-1]

    async def write_together(
        self, work: Callable[[Transaction, Sequence[_A]], Sequence[_T]], about: str, argument: _A
    ) -> _T:
        """Do *work* with *argument*; here all calls that wait are committed together anyway."""
        del about
        (answer,) = await self.write(work, [argument])
        return answer

    async def read(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do *work*, which only reads, in a transaction that sees one state of the database."""

        def transact() -> _T:
            with _driver_errors_told(), self._reader.begin() as connection:
                return work(self._transaction(connection), *args, **kwargs)

        async with self._reading.hold():
            return await anyio.to_thread.run_sync(transact, limiter=self._read_threads)

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(DatabaseUnavailable):
                await self.write(_optimize)
        for engine in (self._reader, self._writer):
            await anyio.to_thread.run_sync(engine.dispose)

    def _write_calls(self) -> None:
        """Write the calls that wait, oldest first, in one transaction."""
        calls: list[_Call] = []
        try:
            # The one connection is also what keeps threads apart, should the task that waits for
            # this one be torn away: so calls are taken, and done, while it is held.
            with _driver_errors_told(), self._writer.connect() as connection:
                while self._waiting and len(calls) < MOST_TOGETHER:
                    calls.append(self._waiting.popleft())
                self._commit_together(connection, calls)
        except Exception as error:  # noqa: BLE001  everybody whose call it was must hear of it
            for call in calls:
                call.error = error
                call.is_done = True

    def _commit_together(self, connection: sa.Connection, calls: list[_Call]) -> None:
        with connection.begin():
            for call in calls:
                try:
                    with _savepoint(connection):
                        call.work(self._transaction(connection))
                except Exception as error:
                    if _is_failure_of_database(error):
                        raise
                    call.error = error
        for call in calls:
            call.is_done = True

    def _transaction(self, connection: sa.Connection) -> Transaction:
        # The database runs in this process: its clock is the same as Python's.
        now_s = time.time() if self._clock is None else self._clock.now().timestamp()
        return Transaction(connection, round(now_s, 6))


async def open_sqlite(url: str, *, clock: Clock | None = None) -> SqliteDatabase:
    """
    Open the SQLite database at *url*, creating or migrating it where needed.

    Several processes may do so at the same time.

    Args:
        url: `sqlite:///` and the path of a file whose folder exists.
        clock: Where times come from; None: the database's own clock.

    Raises:
        InvalidSetting: *url* names no file.
        DatabaseUnavailable: It cannot be opened, or a newer version of the product made it.
    """
    parsed = _parse(url)
    writer = _engine(parsed, size=1, begin="BEGIN IMMEDIATE", pragmas={"synchronous": "FULL"})
    reader = _engine(parsed, size=READERS, begin="BEGIN", pragmas={"query_only": "ON"})

    path = str(parsed.database)

    def prepare() -> None:
        with _driver_errors_told(path):
            _keep_private(path)
            _enter_wal(path)
            migrate(writer)

    await anyio.to_thread.run_sync(prepare)
    return SqliteDatabase(writer=writer, reader=reader, clock=clock)


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL", reason="is no database URL."
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL",
            reason="must name a file: sqlite:////absolute/path/image2model.db",
        )
    return parsed.set(drivername="sqlite+pysqlite")


def _engine(url: URL, *, size: int, begin: str, pragmas: dict[str, str]) -> sa.Engine:
    # The driver must not begin transactions by itself: a deferred one that reads before it
    # writes fails at once with "database is locked" when another process has written.
    engine = sa.create_engine(
        url, pool_size=size, max_overflow=0, connect_args={"isolation_level": None}
    )
    statements = [f"PRAGMA {name}={value}" for name, value in (_PRAGMAS | pragmas).items()]

    def set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    sa.event.listen(engine, "connect", set_pragmas)
    sa.event.listen(engine, "begin", begin_transaction)
    return engine


def _keep_private(path: str) -> None:
    """
    Create the file so that only its owner may read it, or take it from everybody else.

    SQLite gives the files beside it the same mode. A group that was let in stays so.
    """
    if os.name != "posix":
        return
    for file in (path, f"{path}-wal", f"{path}-shm"):
        with suppress(OSError):  # It is not there, or somebody else's to decide about.
            mode = stat.S_IMODE(Path(file).stat().st_mode)
            if mode & stat.S_IRWXO:
                Path(file).chmod(mode & ~stat.S_IRWXO)
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600))


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
def _savepoint(connection: sa.Connection) -> Iterator[None]:
    """
    Take back what the block wrote if it raises.

    Past SQLAlchemy, whose nested transactions cost as much as two more statements in each call.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("SAVEPOINT one_call")
    try:
        yield
    except BaseException:
        driver.execute("ROLLBACK TO one_call")
        driver.execute("RELEASE one_call")
        raise
    driver.execute("RELEASE one_call")


def _is_failure_of_database(error: Exception) -> bool:
    if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError | sa.exc.DataError):
        return False  # What was asked of it was wrong.
    return isinstance(error, sa.exc.DBAPIError | sa.exc.TimeoutError | sqlite3.Error)


_OF_PATH = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY})


@contextmanager
def _driver_errors_told(path: str = "") -> Iterator[None]:
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error) as error:
        if not _is_failure_of_database(error):
            raise
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        is_of_path = getattr(cause, "sqlite_errorcode", 0) & 0xFF in _OF_PATH
        raise DatabaseUnavailable(
            reason=f"{path}: {cause}" if path else str(cause),
            wrong="path of the file" if is_of_path else "",
        ) from error


def _optimize(tx: Transaction) -> None:
    """Let SQLite see whether its statistics are out of date, as it wants before closing."""
    tx.connection.exec_driver_sql("PRAGMA optimize")
