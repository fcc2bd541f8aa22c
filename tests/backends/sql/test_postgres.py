"""What the PostgreSQL database does besides the port: opening, sharing, surviving restarts."""

import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from image2model.backends.sql.connections.postgres import (
    CONNECTIONS,
    PostgresDatabase,
    open_postgres,
)
from image2model.backends.sql.connections.postgres_commits import FORGOTTEN_AFTER_S
from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_schema
from image2model.backends.sql.jobs.locking import lock_job
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.migrate import read_revision, run_migrations
from image2model.backends.sql.tables import REVISION, commits, metadata, sessions
from image2model.core.errors import (
    AccessEnded,
    DatabaseUnavailable,
    ExtraMissing,
    InvalidSetting,
    JobNotFound,
)
from tests.contracts.job_stores import make_job, new_start, refs, take
from tests.contracts.wrong_clock import check_wrong_clock
from tests.harness.patience import PATIENCE_S, waiting_for
from tests.servers.cutting_proxy import CuttingProxy
from tests.servers.postgres import PostgresServer
from tests.servers.process import free_port

pytestmark = pytest.mark.anyio

SHORT_S = 0.3
"""How long calls wait for a server in tests in which it does not come back."""


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresDatabase]:
    """Open the database at *url* for the block, however that ends."""
    database = await open_postgres(url, **options)
    try:
        yield database
    finally:
        await database.aclose()


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    async with opened(postgres_url) as database:
        yield database


def insert_session(tx: Transaction, token: str) -> str:
    tx.run(
        sa.insert(sessions).values(
            token_sha256=token,
            session=token,
            owner="o",
            issued_at=0.0,
            ends_at=0.0,
            expires_at=0.0,
            is_confirmed=False,
        )
    )
    return token


def read_tokens(tx: Transaction) -> list[str]:
    return sorted(tx.run(sa.select(sessions.c.token_sha256)).scalars())


# --- opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "jobs.db", "postgresql://host", "mysql://h/d"])
async def test_url_must_name_a_database(url: str) -> None:
    with pytest.raises(InvalidSetting, match="IMAGE2MODEL_DATABASE_URL"):
        await open_postgres(url)


async def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ExtraMissing, match="EXTRA=scaled"):
        await open_postgres("postgresql://localhost/jobs")


async def test_nobody_there_is_told_after_some_patience() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):
        await open_postgres(f"postgresql://127.0.0.1:{free_port()}/jobs", patience_s=SHORT_S)


async def test_server_that_starts_is_waited_for(
    new_postgres: Callable[..., PostgresServer],
) -> None:
    with new_postgres() as server:
        url = server.make_database()
        server.stop()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, server.start)
            async with opened(url) as database:
                await database.write(insert_session, "a")


async def test_several_may_create_it_together(postgres_url: str) -> None:
    """Several find no tables, create them at the same moment, and write to them."""

    async def create() -> None:
        async with opened(postgres_url) as database:
            for _ in range(10):
                await SqlJobStore(database).add_job(make_job(count=1))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(create)
    async with opened(postgres_url) as database:
        assert await SqlJobStore(database).count_unfinished(make_job().owner) == 50


async def test_who_opens_it_waits_for_who_makes_the_tables(
    postgres_url: str, database: PostgresDatabase
) -> None:
    is_open = anyio.Event()

    async def open_it() -> None:
        async with opened(postgres_url):
            is_open.set()

    url = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    async with anyio.create_task_group() as tasks:
        with engine.begin() as connection:
            lock_schema(connection)
            tasks.start_soon(open_it)
            while not await database.read(anybody_waits):
                assert not is_open.is_set()
        await is_open.wait()


async def test_migrations_make_the_tables(database: PostgresDatabase) -> None:
    """All migrations, one after the other, lead to what a new database gets at once."""

    def check(tx: Transaction) -> None:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        metadata.drop_all(tx.connection)
        tx.connection.execute(sa.text("DROP TABLE alembic_version"))
        run_migrations(tx.connection)
        assert read_revision(tx.connection) == REVISION
        assert compare_metadata(context, metadata) == []

    await database.write(check)


async def test_newer_database_is_refused(postgres_url: str, database: PostgresDatabase) -> None:
    await database.write(
        lambda tx: tx.run(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(DatabaseUnavailable, match="newer version"):
        await open_postgres(postgres_url)


# --- time -------------------------------------------------------------------------------------


async def test_wrong_clock_of_a_worker_is_harmless(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_wrong_clock(postgres_url, monkeypatch)


# --- transactions -----------------------------------------------------------------------------


async def test_reads_see_one_state_and_never_write(database: PostgresDatabase) -> None:
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(tx: Transaction) -> list[list[str]]:
        before = read_tokens(tx)
        looked.set()
        assert go_on.wait(PATIENCE_S)
        return [before, read_tokens(tx)]

    async def write_between() -> None:
        await anyio.to_thread.run_sync(looked.wait, 10)
        await database.write(insert_session, "a")
        go_on.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write_between)
        assert await database.read(look_twice) == [[], []]
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        await database_without_patience(database).read(insert_session, "b")
    assert await database.read(read_tokens) == ["a"]


def database_without_patience(database: PostgresDatabase) -> PostgresDatabase:
    return PostgresDatabase(database._engine, clock=None, patience_s=0.0)


async def test_mistakes_are_raised_and_rolled_back(database: PostgresDatabase) -> None:
    def wrong(tx: Transaction) -> None:
        insert_session(tx, "a")
        raise JobNotFound(job="a")

    def twice(tx: Transaction) -> None:
        insert_session(tx, "b")
        insert_session(tx, "b")

    with pytest.raises(JobNotFound):
        await database.write(wrong)
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(twice)
    assert await database.read(read_tokens) == []


async def test_more_calls_than_connections_take_turns(database: PostgresDatabase) -> None:
    tokens = [f"{number:03}" for number in range(5 * CONNECTIONS)]
    async with anyio.create_task_group() as tasks:
        for token in tokens:
            tasks.start_soon(database.write, insert_session, token)
    assert await database.read(read_tokens) == tokens


async def test_deadlock_is_done_again(database: PostgresDatabase) -> None:
    """Two transactions that wait for each other both come to their end."""
    both_hold = threading.Barrier(2, timeout=PATIENCE_S)
    tries: Counter[str] = Counter()
    for token in "ab":
        await database.write(insert_session, token)

    def lock(tx: Transaction, first: str, second: str) -> None:
        tries[first] += 1
        for token in (first, second):
            of_token = sa.update(sessions).where(sessions.c.token_sha256 == token)
            tx.run(of_token.values(expires_at=sessions.c.expires_at + 1.0))
            if token == first and tries.total() <= 2:
                both_hold.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, lock, "a", "b")
        tasks.start_soon(database.write, lock, "b", "a")
    # More than once, where one of them is quick to lock again what the other waits for.
    assert tries.total() >= 3
    ends = await database.read(lambda tx: tx.run(sa.select(sessions.c.expires_at)).scalars().all())
    assert ends == [2.0, 2.0]


async def test_whoever_starts_while_an_end_waits_for_others_sees_it(
    database: PostgresDatabase,
) -> None:
    """Also in a job that is added meanwhile, which nobody waits for."""
    store = SqlJobStore(database)
    held = await store.add_job(make_job(count=1))
    holds, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        lock_job(tx, held.id)
        holds.set()
        assert go_on.wait(PATIENCE_S)

    def waiting(tx: Transaction) -> int:
        of_lock = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        count: int = tx.run(sa.text(of_lock)).scalar_one()
        return count

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, hold)
        await anyio.to_thread.run_sync(holds.wait, PATIENCE_S)
        tasks.start_soon(store.end_owner, held.owner)
        try:
            with waiting_for("the end to wait"):
                while not await database.read(waiting):  # noqa: ASYNC110 - the server knows
                    await anyio.sleep(0.01)
            added = await store.add_job(make_job(count=1))
            claim = await take(store, refs(added)[0])
            with pytest.raises(AccessEnded):
                await store.step(claim, new_start())
        finally:
            go_on.set()


# --- servers that go away ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_restart_loses_and_doubles_nothing(
    new_postgres: Callable[..., PostgresServer], end: str
) -> None:
    """Calls under way when the server goes, and those made while it is away, are all done once."""
    with new_postgres() as server:
        async with opened(server.make_database()) as database:
            written: list[str] = []
            marks = {30: anyio.Event(), 150: anyio.Event()}

            async def write(worker: int) -> None:
                for number in range(40):
                    written.append(await database.write(insert_session, f"{worker}-{number:02}"))
                    if (mark := marks.get(len(written))) is not None:
                        mark.set()

            async with anyio.create_task_group() as tasks:
                for worker in range(CONNECTIONS):
                    tasks.start_soon(write, worker)
                for mark in marks.values():
                    await mark.wait()
                    await anyio.to_thread.run_sync(getattr(server, end))
                    await anyio.to_thread.run_sync(server.start)
            assert await database.read(read_tokens) == sorted(written)
            assert len(written) == 40 * CONNECTIONS


async def test_server_that_stays_away_fails_calls_at_once(
    new_postgres: Callable[..., PostgresServer],
) -> None:
    """The first calls are patient; later ones do not add up their patience."""
    with new_postgres() as server:
        async with opened(server.make_database(), patience_s=SHORT_S) as database:
            server.stop()
            with pytest.raises(DatabaseUnavailable):
                await database.write(insert_session, "a")
            pauses = 0

            async def sleep(_delay_s: float) -> None:
                nonlocal pauses
                pauses += 1

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(anyio, "sleep", sleep)
                for _ in range(5):
                    with pytest.raises(DatabaseUnavailable):
                        await database.read(read_tokens)
            assert pauses == 0
            server.start()
            await database.write(insert_session, "b")
            assert await database.read(read_tokens) == ["b"]


@pytest.mark.parametrize("cut_after", [b"BEGIN", b"INSERT INTO sessions", b"COMMIT"])
async def test_lost_answer_is_not_taken_for_a_failure(
    postgres_server: PostgresServer, postgres_url: str, cut_after: bytes
) -> None:
    """Wherever the connection breaks, the row is written, and written once."""
    insert = CountedInsert()
    with CuttingProxy(postgres_server.port) as proxy:
        async with opened(through(proxy, postgres_server, postgres_url)) as database:
            proxy.cut_after = cut_after
            await database.write(insert)
            # A commit that was done is not done again; whatever came to nothing before it is.
            expected = 1 if cut_after != b"INSERT INTO sessions" else 2
            assert proxy.cuts == 1
            assert insert.calls == expected
            assert await database.read(read_tokens) == [f"{expected}"]


@pytest.mark.parametrize("others", [0, 3])
async def test_crash_before_the_log_is_not_taken_for_a_commit(
    new_postgres: Callable[..., PostgresServer], others: int
) -> None:
    """A transaction that a crash undid is done again, though its id was given to another."""
    insert = CountedInsert()
    with new_postgres() as server, CuttingProxy(server.port) as proxy:
        url = server.make_database()
        async with opened(through(proxy, server, url)) as database:
            proxy.hold = b"COMMIT"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(database.write, insert)
                assert await anyio.to_thread.run_sync(proxy.held.wait, 30)
                server.kill()
                await anyio.to_thread.run_sync(server.start)
                async with opened(url) as other:
                    for number in range(others):
                        await other.write(insert_session, f"other {number}")
                proxy.cut_held()
            expected = ["2", *(f"other {number}" for number in range(others))]
            assert await database.read(read_tokens) == expected


@pytest.mark.parametrize(("ends", "calls"), [("hand_on_held", 1), ("drop_held", 2)])
async def test_commit_under_way_is_waited_for(
    postgres_server: PostgresServer, postgres_url: str, ends: str, calls: int
) -> None:
    """A transaction that the server has not ended yet is neither done nor undone: it may be."""
    insert = CountedInsert()
    with CuttingProxy(postgres_server.port) as proxy:
        async with opened(through(proxy, postgres_server, postgres_url)) as database:
            proxy.hold = b"COMMIT"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(database.write, insert)
                assert await anyio.to_thread.run_sync(proxy.held.wait, 30)
                proxy.cut_held()
                while not await database.read(anybody_waits):
                    await anyio.lowlevel.checkpoint()
                getattr(proxy, ends)()
            assert insert.calls == calls
            assert await database.read(read_tokens) == [f"{calls}"]


class CountedInsert:
    """Work that inserts a row named after how often it was done."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, tx: Transaction) -> None:
        """Do it."""
        self.calls += 1
        insert_session(tx, f"{self.calls}")


def through(proxy: CuttingProxy, server: PostgresServer, url: str) -> str:
    """Name the database at *url* as it is reached by way of *proxy*."""
    return url.replace(f":{server.port}/", f":{proxy.port}/")


def anybody_waits(tx: Transaction) -> bool:
    """Tell whether somebody in this database waits for a lock."""
    here = "datname = current_database() AND wait_event_type = 'Lock'"
    count = tx.run(sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE {here}"))
    return bool(count.scalar_one())


async def test_rows_of_connections_long_gone_are_removed(postgres_url: str) -> None:
    """Only those: a process that froze for a day still learns what became of its commit."""

    def names(tx: Transaction) -> set[str]:
        return set(tx.run(sa.select(commits.c.connection)).scalars())

    def add(tx: Transaction) -> None:
        for name, age_s in (("frozen", 86_400.0), ("gone", FORGOTTEN_AFTER_S + 1.0)):
            values = {"connection": name, "number": 1, "begun_at": tx.now_s - age_s}
            tx.run(sa.insert(commits), values)

    async with opened(postgres_url) as database:
        await database.write(add)
        before = await database.read(names)
        async with opened(postgres_url) as other:
            assert await other.read(names) == before - {"gone"}


async def test_process_that_froze_lets_go_of_its_locks(
    postgres_url: str, database: PostgresDatabase
) -> None:
    """A transaction in which nothing happens any more is ended, so nobody waits for it for ever."""

    def limit(tx: Transaction) -> str:
        shown = tx.run(sa.text("SHOW idle_in_transaction_session_timeout")).scalar_one()
        return str(shown)

    assert await database.write(limit) == "10s"
