"""No call walks through all rows of a table, however many jobs there have been."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from image2model.backends.sql.connections.sqlite import SqliteDatabase, open_sqlite
from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.store import SqlJobStore
from image2model.backends.sql.tables import metadata
from image2model.core.states import JobState
from image2model.ports.jobstore import AttemptChange, JobQuery, LedgerQuery, Resolution
from tests.contracts.job_stores import (
    LEASE_S,
    PROBLEM,
    WORKER,
    doubt,
    fail,
    generate,
    make_artifact,
    make_draft,
    make_item,
    make_job,
    make_picture,
    new_start,
    refs,
    succeed,
    take,
    terms_of,
)

pytestmark = pytest.mark.anyio

Statements = dict[str, Any]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await open_sqlite(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield database
    await database.aclose()


@pytest.fixture
def statements(database: SqliteDatabase) -> Statements:
    """All statements that are run, with parameters they were run with."""
    found: Statements = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            found[statement] = parameters[0] if many else parameters

    for engine in (database._writer, database._reader):
        sa.event.listen(engine, "before_cursor_execute", note)
    return found


async def live(store: SqlJobStore) -> None:
    """Make every call of the store at least once."""
    job = await store.add_job(make_job(count=6, idempotency_key="k"))
    await store.add_job(make_draft(count=2))
    done, bad, doubtful, active, waiting, _ = refs(job)
    await succeed(store, done)
    await fail(store, bad)
    lost = await doubt(store, doubtful)
    change = AttemptChange(state=lost.item.attempts[-1].state)
    await store.book_late_answer(lost.item.attempts[-1].submit_key, change)
    claim = await generate(store, active)
    other = await store.step(await take(store, waiting), new_start(day_usd="9"))
    held = [(claim.ref, claim.fence), (other.ref, other.fence)]
    await store.renew_leases(WORKER, held, lease_s=LEASE_S)
    await store.release_leases(WORKER, held)
    await store.resolve_item(doubtful, Resolution.RESUBMIT, problem=PROBLEM)
    await store.pause_job(job.id)
    await store.resume_job(job.id)
    await store.cancel_items(job.id, [0, 3])
    await store.retry_items(job.id)
    await store.stop_job(job.id, problem=PROBLEM)
    await store.update_job(job.id, name="new", starred=True)
    await store.due_items(limit=9)
    await store.due_jobs(limit=9)
    await store.changes_since(job.id, 3)
    await store.get_item(done)
    for query in (JobQuery(owner=job.owner), JobQuery(owner=job.owner, state=JobState.RUNNING)):
        await store.list_jobs(query)
    await store.count_unfinished(job.owner)
    await store.usage(job.owner)
    await store.is_sending()
    await store.has_key(job.owner, "a key")
    page = await store.list_ledger(LedgerQuery(owner=job.owner, limit=1))
    await store.list_ledger(LedgerQuery(owner=job.owner, after=page.next, limit=1))
    draft = await store.add_job(make_draft(count=3))
    first, second, _ = refs(draft)
    await store.put_picture(first, make_picture(), name=None, item_limit=9)
    await store.move_item(first, to=2)
    await store.remove_item(second)
    await store.change_draft(draft.id, replace(terms_of(draft), options={"n": 1}))
    await store.start_job(await store.get_job(draft.id))
    await store.set_expiry(draft.id, None)
    await store.add_job(make_job(make_item(0, made_key="new")), reuse=True)
    await store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9, limit=9)
    await store.unreferenced([make_artifact()])
    await store.delete_job(job.id)


async def test_every_statement_uses_an_index(
    database: SqliteDatabase, statements: Statements
) -> None:
    await live(SqlJobStore(database))

    def walks(tx: Transaction) -> list[tuple[str, str]]:
        """Find steps of plans that read a whole table; its name follows `SCAN`."""
        return [
            (statement, row.detail)
            for statement, parameters in list(statements.items())
            for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            if any(f"SCAN {table}" in row.detail for table in metadata.tables)
        ]

    assert len(statements) > 30
    assert await database.read(walks) == []
