"""What the SQLite database does besides the port: opening, sharing, committing together."""

import asyncio
import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa

from image2model.backends.sql.connections.sqlite import MOST_TOGETHER, SqliteDatabase, open_sqlite
from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.tables import checks, sessions
from image2model.core.errors import DatabaseUnavailable, InvalidSetting, JobNotFound
from image2model.core.ids import JobId
from image2model.core.shares import Share, working_for
from image2model.core.states import ItemState
from image2model.ports.jobstore import JobQuery
from tests.contracts.job_stores import generate, make_job, new_start, refs, take
from tests.harness.patience import PATIENCE_S

pytestmark = pytest.mark.anyio

NOWHERE = JobId("0" * 32)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqliteDatabase]:
    """Open the database at *url* for the block, however that ends."""
    database = await open_sqlite(url)
    try:
        yield database
    finally:
        await database.aclose()


@pytest.fixture
async def database(url: str) -> AsyncIterator[SqliteDatabase]:
    async with opened(url) as database:
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


async def test_jobs_outlive_the_process(url: str) -> None:
    async with opened(url) as database:
        job = await SqlJobStore(database).add_job(make_job())
    async with opened(url) as database:
        assert await SqlJobStore(database).get_job(job.id) == job


async def test_times_are_the_machines_without_a_clock(database: SqliteDatabase) -> None:
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=1))
    claim = await take(store, refs(job)[0], lease_s=0.0)
    assert await store.due_items(limit=9) == [claim.ref]
    assert (await store.get_job(job.id)).created_at == job.created_at


async def test_what_is_set_on_connections(database: SqliteDatabase) -> None:
    """The ledger is on the disk when a call returns; readers never wait and never write."""

    def pragmas(tx: Transaction) -> list[object]:
        names = ["journal_mode", "synchronous", "foreign_keys", "query_only"]
        return [tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert await database.write(pragmas) == ["wal", 2, 1, 0]
    assert (await database.read(pragmas))[2:] == [1, 1]


@pytest.mark.parametrize("url", ["", "jobs.db", "sqlite://", "sqlite:///:memory:", "mysql://h/d"])
async def test_url_must_name_a_file(url: str) -> None:
    with pytest.raises(InvalidSetting):
        await open_sqlite(url)


async def test_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await open_sqlite(f"sqlite:///{tmp_path / 'missing' / 'jobs.db'}")


async def test_file_must_be_a_database(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseUnavailable):
        await open_sqlite(f"sqlite:///{tmp_path / 'jobs.db'}")


CREATE = """
import asyncio, sys
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.connections.sqlite import open_sqlite
from tests.contracts.job_stores import make_job

async def main():
    sys.stdin.readline()
    store = SqlJobStore(await open_sqlite(sys.argv[1]))
    for _ in range(10):
        await store.add_job(make_job(count=1))
    await store.aclose()

asyncio.run(main())
"""


def test_processes_may_create_it_together(url: str) -> None:
    """Several processes find no file, create it at the same moment, and write to it."""
    root = Path(__file__).parents[3]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, url], stdin=subprocess.PIPE, text=True, cwd=root
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=PATIENCE_S)
    assert [process.returncode for process in processes] == [0, 0, 0]

    async def count() -> int:
        async with opened(url) as database:
            page = await SqlJobStore(database).list_jobs(JobQuery(owner=make_job().owner, limit=99))
            return len(page.jobs)

    assert anyio.run(count) == 30


# --- transactions -----------------------------------------------------------------------------


async def test_waiting_calls_are_committed_together(database: SqliteDatabase) -> None:
    """One commit serves them all; one that fails takes back only what it did itself."""
    commits = 0

    def count(_connection: sa.Connection) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(database._writer, "commit", count)
    go_on = threading.Event()
    answers: dict[str, str] = {}
    failures: list[str] = []

    def slow(tx: Transaction) -> None:
        assert go_on.wait(10)

    def insert(tx: Transaction, token: str) -> str:
        insert_session(tx, token)
        if token.endswith("3"):
            raise JobNotFound(job=token)
        return token

    async def write(token: str) -> None:
        try:
            answers[token] = await database.write(insert, token)
        except JobNotFound:
            failures.append(token)

    tokens = [f"{number:02}" for number in range(MOST_TOGETHER + 10)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, slow)
        await anyio.wait_all_tasks_blocked()
        for token in tokens:
            tasks.start_soon(write, token)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    good = [token for token in tokens if not token.endswith("3")]
    assert answers == {token: token for token in good}
    assert len(failures) == len(tokens) - len(good)
    assert await database.read(read_tokens) == good
    assert commits == 3


async def test_mistake_in_one_call_leaves_the_others(database: SqliteDatabase) -> None:
    def wrong(tx: Transaction) -> None:
        insert_session(tx, "a")
        raise KeyError("wrong")

    def twice(tx: Transaction) -> None:
        insert_session(tx, "b")
        insert_session(tx, "b")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, insert_session, "c")
        with pytest.raises(KeyError, match="wrong"):
            await database.write(wrong)
        with pytest.raises(sa.exc.IntegrityError):
            await database.write(twice)
    assert await database.read(read_tokens) == ["c"]


async def test_lost_database_fails_every_waiting_call(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    """Nothing is written, everybody is told, and the next call works when it is back."""
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    try:
        await database.write(insert_session, "a")
        with database._writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=1")
        other.execute("BEGIN IMMEDIATE")
        failures: list[str] = []

        async def write(token: str) -> None:
            with pytest.raises(DatabaseUnavailable) as caught:
                await database.write(insert_session, token)
            failures.append(caught.value.details["reason"])

        async with anyio.create_task_group() as tasks:
            for token in "bcd":
                tasks.start_soon(write, token)
        assert failures == ["database is locked"] * 3
        other.execute("ROLLBACK")
        await database.write(insert_session, "e")
        assert await database.read(read_tokens) == ["a", "e"]
    finally:
        other.close()


async def test_unwritable_database_is_told(database: SqliteDatabase) -> None:
    """A call that cannot write says so instead of blaming the caller."""

    def refuse(tx: Transaction) -> None:
        tx.connection.exec_driver_sql("PRAGMA query_only=ON")
        tx.run(sa.insert(checks).values(id=7, checked_at=0.0))

    with pytest.raises(DatabaseUnavailable):
        await database.write(refuse)


async def test_reader_sees_one_state(database: SqliteDatabase) -> None:
    """What is committed while somebody reads is seen by the next reader only."""
    read_once, written = threading.Event(), threading.Event()

    def read_twice(tx: Transaction) -> tuple[list[str], list[str]]:
        first = read_tokens(tx)
        read_once.set()
        assert written.wait(PATIENCE_S)
        return first, read_tokens(tx)

    seen: list[tuple[list[str], list[str]]] = []

    async def read() -> None:
        seen.append(await database.read(read_twice))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.to_thread.run_sync(read_once.wait, PATIENCE_S)
        await database.write(insert_session, "a")
        written.set()
    assert seen == [([], [])]
    assert await database.read(read_tokens) == ["a"]


# --- cancelling -------------------------------------------------------------------------------


async def test_cancelled_writer_learns_what_was_written(database: SqliteDatabase) -> None:
    """A step that is under way when its task is cancelled is written, and its caller knows."""
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=1))
    claim = await take(store, refs(job)[0])
    with anyio.CancelScope() as scope:
        scope.cancel()
        claim = await store.step(claim, new_start())
    assert claim.item.state is ItemState.SUBMITTING
    assert await store.get_item(claim.ref) == claim.item


async def test_torn_tasks_leave_the_store_working(database: SqliteDatabase) -> None:
    """Tasks that are cancelled anywhere, by asyncio itself, block nobody and lose nothing."""
    store = SqlJobStore(database)
    job = await store.add_job(make_job(count=30))
    chance = random.Random(5)
    tasks = [asyncio.create_task(generate(store, ref)) for ref in refs(job)]
    while any(not task.done() for task in tasks):
        await asyncio.sleep(0.002)
        chance.choice(tasks).cancel()
    done = [task for task in tasks if not task.cancelled()]
    after = await store.get_job(job.id)
    assert all(task.result().item in after.items for task in done)
    await store.check()
    with pytest.raises(JobNotFound):
        await store.get_job(NOWHERE)


def modes_in(folder: Path) -> list[int]:
    return [stat.S_IMODE(file.stat().st_mode) for file in folder.glob("jobs.db*")]


@pytest.mark.skipif(os.name != "posix", reason="there are no such modes")
async def test_nobody_else_may_read_it(url: str, tmp_path: Path) -> None:
    """Also in a folder that was made beforehand, and where an older version made the files."""
    os.chmod(tmp_path, 0o755)  # noqa: PTH101  in a test nobody else waits
    umask = os.umask(0o022)
    try:
        for before, after in ((None, 0o600), (0o644, 0o640)):
            if before is not None:
                os.chmod(tmp_path / "jobs.db", before)  # noqa: PTH101
            async with opened(url) as database:
                await SqlJobStore(database).add_job(make_job())
                assert modes_in(tmp_path) == [after] * 3, "the file, -wal and -shm"
    finally:
        os.umask(umask)


# --- taking turns -----------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "most_before"), [("read", 10), ("write", 4 * MOST_TOGETHER)])
async def test_whoever_asks_much_keeps_nobody_waiting(
    database: SqliteDatabase, way: str, most_before: int
) -> None:
    call = getattr(database, way)
    done: list[str] = []
    began = anyio.Event()

    async def ask(owner: str) -> None:
        with working_for(Share(owner)):
            await call(lambda _tx: time.sleep(0.001))
        done.append(owner)
        began.set()

    async with anyio.create_task_group() as group:
        for _ in range(600):
            group.start_soon(ask, "many")
        await began.wait()
        before = len(done)
        await ask("one")
        assert done.index("one") - before <= most_before
        assert len(done) < 500
        group.cancel_scope.cancel()
