"""The ledger in Redis, whose memory is small: what is kept of it, and for how long."""

from collections.abc import AsyncIterator

import pytest

from image2model.backends.redis import keys
from image2model.backends.redis.connection.database import RedisDatabase, open_redis
from image2model.backends.redis.jobs.listing import LEDGER_S, forget_old_lines
from image2model.backends.redis.jobs.store import RedisJobStore
from image2model.core.ids import LOCAL_OWNER
from image2model.core.job import Job
from image2model.ports.jobstore import LedgerQuery
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import make_job, refs, succeed

pytestmark = pytest.mark.anyio

DAY_S = 86_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(redis_url: str, clock: FakeClock) -> AsyncIterator[RedisDatabase]:
    database = open_redis(redis_url, clock=clock)
    yield database
    await database.aclose()


@pytest.fixture
def store(database: RedisDatabase) -> RedisJobStore:
    return RedisJobStore(database)


async def paid_job(store: RedisJobStore, *, count: int = 1) -> Job:
    """Make a job whose items were made, and paid for."""
    job = await store.add_job(make_job(count=count))
    for ref in refs(job):
        await succeed(store, ref)
    return job


async def tidy(store: RedisJobStore) -> None:
    """Do what housekeeping does every few minutes."""
    await store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=DAY_S, limit=100)


async def known(store: RedisJobStore) -> list[str]:
    """Name the jobs that the ledger has lines of, a line each, oldest first."""
    page = await store.list_ledger(LedgerQuery(owner=LOCAL_OWNER, limit=1_000))
    return [entry.job for entry in reversed(page.entries)]


async def traces(database: RedisDatabase) -> set[str]:
    """Name the keys in which something of the ledger is left."""
    names = [keys.ATTEMPTS, keys.CHARGES, keys.REQUESTS, keys.LEDGER, keys.ledger_of(LOCAL_OWNER)]
    found = await database.run_all([("EXISTS", name) for name in names])
    return {name for name, is_there in zip(names, found, strict=True) if is_there}


async def test_lines_outlive_their_job_by_thirty_days(
    store: RedisJobStore, database: RedisDatabase, clock: FakeClock
) -> None:
    job = await paid_job(store)
    await store.delete_job(job.id)
    await clock.advance(LEDGER_S - 1.0)
    await tidy(store)
    assert await known(store) == [job.id]
    await clock.advance(2.0)
    await tidy(store)
    assert await known(store) == []
    assert await traces(database) == set()


async def test_lines_of_a_job_that_is_still_there_stay(
    store: RedisJobStore, database: RedisDatabase, clock: FakeClock
) -> None:
    gone, starred = await paid_job(store), await paid_job(store)
    await store.update_job(starred.id, starred=True)
    await store.delete_job(gone.id)
    await clock.advance(10 * LEDGER_S)
    await tidy(store)
    assert await known(store) == [starred.id]
    await store.delete_job(starred.id)
    await tidy(store)
    assert await traces(database) == set()


async def test_lines_that_stay_hold_up_no_others(
    store: RedisJobStore, database: RedisDatabase, clock: FakeClock
) -> None:
    """More old lines of starred jobs than are read at once come before what is to be forgotten."""
    starred = await paid_job(store, count=5)
    await clock.advance(1.0)
    gone = await paid_job(store, count=5)
    await clock.advance(1.0)
    last = await paid_job(store)
    for job in (starred, last):
        await store.update_job(job.id, starred=True)
    await store.delete_job(gone.id)
    await clock.advance(LEDGER_S)
    await forget_old_lines(database, before=clock.now(), at_once=2)
    assert await known(store) == [starred.id] * 5 + [last.id]
