"""What an operator sees of all owners together."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import seconds
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.derived_files import derived_bytes_of
from image2model.backends.redis.jobs.listing import read_lines
from image2model.backends.redis.jobs.snapshot import find
from image2model.core.ids import JobId, OwnerId
from image2model.core.money import MONTH_S
from image2model.core.states import ItemState
from image2model.jobs.records.document import JobRecord, LedgerLine
from image2model.jobs.records.overview import owner_line, queue_of, spending_of
from image2model.ports.overview import OwnerLine, Queue, SpendingLine

_AT_ONCE = 500


async def read_queue(database: RedisDatabase) -> Queue:
    """Count the items that are to be made."""
    records: list[JobRecord] = []
    for owner in await _owners(database):
        jobs = await database.run("SMEMBERS", keys.unfinished_of(owner))
        records += [record async for record in _records(database, sorted(jobs))]
    return queue_of(records)


async def is_sending(database: RedisDatabase) -> bool:
    """Tell whether any item is being sent."""
    for owner in await _owners(database):
        jobs = await database.run("SMEMBERS", keys.unfinished_of(owner))
        counts = await database.run_all(
            [("HGET", keys.counts_key(JobId(job)), ItemState.SUBMITTING) for job in jobs]
        )
        if any(int(count or 0) for count in counts):
            return True
    return False


async def read_spending(database: RedisDatabase) -> Sequence[SpendingLine]:
    """Add up the last 30 days' attempts."""
    now = await database.now()
    since = f"({seconds(now - timedelta(seconds=MONTH_S))}"
    started = await database.run("ZRANGE", keys.LEDGER, since, "+inf", "BYSCORE")
    lines: list[LedgerLine] = []
    for first in range(0, len(started), _AT_ONCE):
        lines += await read_lines(database, started[first : first + _AT_ONCE])
    return spending_of(lines, now=now)


async def read_owners(database: RedisDatabase) -> Sequence[OwnerLine]:
    """Add up what owners have."""
    derived_bytes = await derived_bytes_of(database)
    found = []
    for owner in await _owners(database):
        jobs = await database.run("ZRANGE", keys.jobs_of(owner), 0, -1)
        if records := [record async for record in _records(database, jobs)]:
            size_bytes = derived_bytes.get(owner, 0)
            found.append(owner_line(owner, records, derived_bytes=size_bytes))
    return found


async def _owners(database: RedisDatabase) -> list[OwnerId]:
    return [OwnerId(owner) for owner in sorted(await database.run("SMEMBERS", keys.OWNERS))]


async def _records(database: RedisDatabase, jobs: Sequence[str]) -> AsyncIterator[JobRecord]:
    for job in jobs:
        if (found := await find(database, JobId(job))) is not None:
            yield found.record()
