"""Connections to PostgreSQL: a pool of them, each used from a worker thread."""

import logging
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from image2model.backends.sql.connections.batching import Together
from image2model.backends.sql.connections.postgres_commits import (
    NOW,
    Mark,
    counting,
    forget_connections,
    new_connection_name,
    was_committed,
)
from image2model.backends.sql.connections.postgres_errors import (
    is_conflict,
    is_mistake,
    is_outage,
    reason_of,
    wrong_part,
)
from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.migrate import migrate
from image2model.core.errors import DatabaseUnavailable, ExtraMissing, InvalidSetting
from image2model.jobs.limits.fair import FairLimiter
from image2model.ports.clock import Clock

_P = ParamSpec("_P")
_T = TypeVar("_T")
_A = TypeVar("_A")

_log = logging.getLogger(__name__)

CONNECTIONS = 8
"""The most connections of one process. More threads than that would wait for each other here."""

PATIENCE_S = 10.0
"""How long calls wait for a server that went away: longer than it takes to restart."""

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5

_CONNECT_ARGUMENTS = {
    # We begin transactions ourselves, in one exchange with reading the clock.
    "autocommit": True,
    # Statements prepared on one connection fail on another, and a pool such as PgBouncer gives
    # each transaction any of its own.
    "prepare_threshold": None,
    "connect_timeout": 5,
    "application_name": "image2model",
    # A server that vanished without a word is noticed after 10 + 3 × 5 seconds.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

# One exchange for all: to begin, to end transactions of processes that froze while they held
# locks, and to read the database's clock, for workers' clocks may be wrong.
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITING = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'"

_BEGINS = "image2model_begins"
_NAME = "image2model_name"
_BEGUN = "image2model_begun"


class _Begins(Enum):
    """How an engine begins transactions."""

    READING = auto()
    WRITING = auto()
    MARKED = auto()


@dataclass(frozen=True, slots=True)
class _Begun:
    """When a transaction began by the database's clock, and what tells whether it is committed."""

    now_s: float
    mark: Mark | None


class _InDoubt(Exception):
    """The connection broke while the transaction of *mark* was being committed."""

    def __init__(self, mark: Mark, cause: sa.exc.DBAPIError) -> None:
        super().__init__(mark)
        self.mark = mark
        self.cause = cause


@dataclass(slots=True)
class _Outage:
    """Since when the database has not answered, on the monotonic clock; None: it answers."""

    since_s: float | None = None

    def is_over(self) -> None:
        if self.since_s is not None:
            _log.warning("the database answers again")
        self.since_s = None

    def allows_waiting(self, reason: str, *, patience_s: float) -> bool:
        """Tell whether a call should wait rather than fail."""
        now_s = time.monotonic()
        if self.since_s is None:
            _log.warning("the database does not answer: %s", reason)
            self.since_s = now_s
        return now_s - self.since_s < patience_s


class PostgresDatabase:
    """
    A `Database` over PostgreSQL whose schema is in place; belongs to one event loop.

    Calls survive a restart or a crash of the server, and a standby that takes over: what had not
    been committed is done once more, and of a commit whose answer was lost the database tells what
    became of it. When the server stays away, calls fail at once until it is back. Where many wait
    for a connection, owners take turns.

    Args:
        engine: An engine of `CONNECTIONS` connections, as `open_postgres` makes it.
        clock: Where times come from; None: the database's own clock.
        patience_s: How long calls wait for a server that went away, in seconds.
    """

    def __init__(
        self, engine: sa.Engine, *, clock: Clock | None, patience_s: float = PATIENCE_S
    ) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_BEGINS: _Begins.MARKED})
        self._reader = engine.execution_options(**{_BEGINS: _Begins.READING})
        self._clock = clock
        self._patience_s = patience_s
        self._calling = FairLimiter(CONNECTIONS)
        self._threads = anyio.CapacityLimiter(CONNECTIONS)
        self._outage = _Outage()
        self._together = Together(self.write)

    async def write(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do *work* in a transaction that is committed, or rolled back if it raises."""
        answers: list[_T] = []
        while True:
            try:
                await self._persist(
                    partial(self._transact, self._writer, work, args, kwargs, answers)
                )
            except _InDoubt as doubt:
                _log.warning("a commit was not answered: %s", reason_of(doubt.cause))
                if not await self._persist(partial(self._was_committed, doubt.mark)):
                    continue
            return answers[-1]

    async def write_together(
        self, work: Callable[[Transaction, Sequence[_A]], Sequence[_T]], about: str, argument: _A
    ) -> _T:
        """Do *work* with *argument*, and with those that others ask for meanwhile."""
        answer: _T = await self._together.do(work, about, argument)
        return answer

    async def read(
        self,
        work: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do *work*, which only reads, in a transaction that sees one state of the database."""
        answers: list[_T] = []
        await self._persist(partial(self._transact, self._reader, work, args, kwargs, answers))
        return answers[-1]

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await anyio.to_thread.run_sync(self._engine.dispose)

    async def _persist(self, do: Callable[[], _T]) -> _T:
        """Call *do* in a thread until the database has answered, or has been away for too long."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._calling.hold():
                    answer = await anyio.to_thread.run_sync(do, limiter=self._threads)
            except sa.exc.DBAPIError as error:
                if is_mistake(error):
                    raise
                reason = reason_of(error)
                waits = is_outage(error) and self._outage.allows_waiting(
                    reason, patience_s=self._patience_s
                )
                if not waits and not is_conflict(error):
                    raise DatabaseUnavailable(reason=reason, wrong=wrong_part(error)) from error
            else:
                self._outage.is_over()
                return answer
            await anyio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    def _transact(
        self,
        engine: sa.Engine,
        work: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        answers: list[_T],
    ) -> None:
        with engine.connect() as connection:
            transaction = connection.begin()
            begun: _Begun = connection.info[_BEGUN]
            now_s = begun.now_s if self._clock is None else self._clock.now().timestamp()
            with transaction:
                answers.append(work(Transaction(connection, round(now_s, 6)), *args, **kwargs))
                try:
                    transaction.commit()
                except sa.exc.DBAPIError as error:
                    if begun.mark is None or not is_outage(error):
                        raise
                    # Whatever was wrong with it: its next transaction would be taken for this one.
                    connection.invalidate(error)
                    raise _InDoubt(begun.mark, error) from error

    def _was_committed(self, mark: Mark) -> bool:
        with self._engine.begin() as connection:
            return was_committed(connection, mark)

    def _prepare(self) -> None:
        migrate(self._engine)
        with self._engine.begin() as connection:
            begun: _Begun = connection.info[_BEGUN]
            forget_connections(connection, now_s=begun.now_s)


async def open_postgres(
    url: str, *, clock: Clock | None = None, patience_s: float = PATIENCE_S
) -> PostgresDatabase:
    """
    Open the PostgreSQL database at *url*, creating or migrating its tables where needed.

    Several processes may do so at the same time. Waits for a server that is just starting.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with libpq's parameters, such as
            `?sslmode=verify-full`.
        clock: Where times come from; None: the database's own clock.
        patience_s: How long calls, and this one, wait for a server that is away, in seconds.

    Raises:
        InvalidSetting: *url* is no such URL.
        ExtraMissing: The driver is not installed.
        DatabaseUnavailable: It cannot be opened, or a newer version of the product made it.
    """
    engine = _engine(_parse(url))
    database = PostgresDatabase(engine, clock=clock, patience_s=patience_s)
    try:
        await database._persist(database._prepare)  # noqa: SLF001  the same module
    except sa.exc.ProgrammingError as error:
        with anyio.CancelScope(shield=True):
            await database.aclose()
        if (wrong := wrong_part(error)) and not error.connection_invalidated:
            reason = f"the {wrong} cannot be right: {reason_of(error)}."
            raise InvalidSetting(setting="IMAGE2MODEL_DATABASE_URL", reason=reason) from error
        raise
    except BaseException:
        with anyio.CancelScope(shield=True):
            await database.aclose()
        raise
    return database


def _parse(url: str) -> URL:
    parsed = None
    with suppress(sa.exc.ArgumentError, ValueError):
        parsed = sa.make_url(url)
    if parsed is None or parsed.get_backend_name() != "postgresql" or not parsed.database:
        raise InvalidSetting(
            setting="IMAGE2MODEL_DATABASE_URL",
            reason="must name a database: postgresql://USER:PASSWORD@HOST/DATABASE",
        )
    return parsed.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> sa.Engine:
    try:
        engine = sa.create_engine(
            url, pool_size=CONNECTIONS, max_overflow=0, connect_args=_CONNECT_ARGUMENTS
        )
    except ModuleNotFoundError as error:
        raise ExtraMissing(feature="PostgreSQL", extra="scaled") from error
    sa.event.listen(engine, "connect", _name)
    sa.event.listen(engine, "begin", _begin)
    sa.event.listen(engine, "checkout", _refuse_dead)
    return engine


def _name(_connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    entry.info[_NAME] = new_connection_name()


def _refuse_dead(
    connection: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """Have the pool connect anew where the server has ended connections: it said so to them."""
    if _has_input(connection.fileno()):
        raise sa.exc.InvalidatePoolError


def _has_input(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Not on Windows, whose select knows no limit of numbers.
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _begin(connection: sa.Connection) -> None:
    begins = connection.get_execution_options().get(_BEGINS, _Begins.WRITING)
    name: str = connection.info[_NAME]
    statements = _beginning(begins, name)
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        # Not prepared: only so are several statements sent, and answered, at once.
        cursor = driver.execute(statements, prepare=False)
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    except connection.dialect.loaded_dbapi.Error as error:
        connection.invalidate(error)
        raise sa.exc.OperationalError(
            statements, None, error, connection_invalidated=True
        ) from error
    mark = Mark(name, row[1]) if begins is _Begins.MARKED else None
    connection.info[_BEGUN] = _Begun(row[0], mark)


def _beginning(begins: _Begins, name: str) -> str:
    if begins is _Begins.READING:
        return f"{_BEGIN_READING}; SELECT {NOW}"
    return f"{_BEGIN_WRITING}; {counting(name) if begins is _Begins.MARKED else f'SELECT {NOW}'}"
