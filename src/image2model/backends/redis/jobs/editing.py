"""Changing whole jobs: locked, read, changed by the rules all stores share, written."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change
from image2model.backends.redis.connection.codec import read_record
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.listing import read_jobs, read_lines
from image2model.backends.redis.jobs.snapshot import Found, find, find_job
from image2model.backends.redis.jobs.writes import (
    delete_whole,
    forget_line,
    write_ledger,
    write_whole,
)
from image2model.core.errors import IdempotencyKeyReused
from image2model.core.ids import ArtifactId, JobId, OwnerId
from image2model.core.job import Item, Job, Problem, Result
from image2model.core.rules import may_have_cost
from image2model.core.states import JobState
from image2model.jobs.records import adding, control
from image2model.jobs.records.document import JobRecord
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Resolution

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Edited(Generic[_T]):
    """
    What came of a change of a whole job.

    Attributes:
        job: The job with its items.
        answer: What the change returned.
        gone: The files that nothing names any more.
    """

    job: Job
    answer: _T
    gone: Sequence[ArtifactId]


async def edit_job(
    database: RedisDatabase, job: JobId, edit: Callable[[JobRecord, datetime], _T]
) -> Edited[_T]:
    """
    Change *job* by *edit*, while nobody else does.

    Raises:
        JobNotFound: There is none.
    """

    async def attempt() -> Edited[_T]:
        async with database.locked(job) as lock:
            return await _edit(database, job, edit, lock)

    return await database.unopposed(attempt)


async def replace_result(
    database: RedisDatabase, ref: ItemRef, result: Result
) -> Sequence[ArtifactId]:
    """Give a succeeded item another result."""
    owner = (await find_job(database, ref.job)).job.owner

    def edit(record: JobRecord, now: datetime) -> None:
        control.replace_result(record, ref.index, result, now=now)

    async def attempt() -> Sequence[ArtifactId]:
        # Another job of the same owner may be about to take the result over.
        async with _alone_for(database, ref.job, owner) as locks:
            return (await _edit(database, ref.job, edit, locks)).gone

    return await database.unopposed(attempt)


async def _edit(
    database: RedisDatabase,
    job: JobId,
    edit: Callable[[JobRecord, datetime], _T],
    locks: dict[str, str],
) -> Edited[_T]:
    found = await find_job(database, job)
    after = found.record()
    answer = edit(after, found.now)
    gone: Sequence[ArtifactId] = ()
    if after.job.version != found.job.version:
        change = Change(locks=locks)
        write_whole(change, found.record(), after)
        gone = (await database.commit(change)).gone
    return Edited(_whole(after), answer, gone)


async def resolve_item(
    database: RedisDatabase, ref: ItemRef, resolution: Resolution, *, problem: Problem
) -> None:
    """Queue an item that is or may be paid for again, or fail it."""

    async def attempt() -> None:
        async with database.locked(ref.job) as lock:
            found = await find_job(database, ref.job)
            after = found.record()
            record = after.record(ref.index)
            attempts = record.item.attempts
            closed = control.resolve_item(
                after, ref.index, resolution, problem=problem, attempts=attempts, now=found.now
            )
            change = Change(locks=lock)
            if closed is not None:
                record.item = replace(record.item, attempts=(*attempts[:-1], closed))
                for line in await read_lines(database, [closed.submit_key]):
                    write_ledger(change, line, replace(line, attempt=closed), has_job=True)
            write_whole(change, found.record(), after)
            await database.commit(change)

    await database.unopposed(attempt)


async def add_job(database: RedisDatabase, job: Job, *, reuse: bool) -> Job:
    """Add a draft or running job with its items."""

    async def attempt() -> Job:
        # Locked for its owner: of two equal jobs the second must see the first.
        async with database.locked(job.owner) as lock:
            known = await _job_of_key(database, job)
            if known is not None:
                return (await find_job(database, known)).whole()
            now = await database.now()
            record = adding.new_record(job, now)
            if reuse and job.state is not JobState.DRAFT:
                earlier = await _earlier(database, record)
                adding.take_over(record, lambda key: earlier.get(key, ()), now=now)
            record.touch(record.items.values(), now)
            change = Change(locks=lock)
            change.check(keys.job_key(job.id), "job", None)
            write_whole(change, None, record)
            await database.commit(change)
            return _whole(record)

    return await database.unopposed(attempt)


async def _job_of_key(database: RedisDatabase, job: Job) -> JobId | None:
    if job.idempotency_key is None:
        return None
    known = await database.run("HGET", keys.idempotency_of(job.owner), job.idempotency_key)
    if known is None:
        return None
    for found in await read_jobs(database, [known]):
        if found.fingerprint != job.fingerprint:
            raise IdempotencyKeyReused(key=job.idempotency_key)
        return found.id
    return None


async def _earlier(database: RedisDatabase, record: JobRecord) -> dict[str, list[Item]]:
    """Read the owner's items that were to become the same as those of *record*, oldest first."""
    owner = record.job.owner
    made_keys = {found.item.made_key for found in record.items.values()} - {""}
    ordered = sorted(made_keys)
    sets = await database.run_all([("SMEMBERS", keys.made_by(owner, key)) for key in ordered])
    refs = [(key, keys.ref_of(m)) for key, some in zip(ordered, sets, strict=True) for m in some]
    jobs = {job.id: job for job in await read_jobs(database, {ref.job for _, ref in refs})}
    texts = await database.run_all(
        [("HGET", keys.job_key(ref.job), f"item:{ref.index}") for _, ref in refs]
    )
    found: dict[str, list[Item]] = {}
    for (key, _), text in zip(refs, texts, strict=True):
        if text is not None:
            found.setdefault(key, []).append(read_record(text, None, version=0).item)
    for some in found.values():
        some.sort(key=lambda item: (jobs[item.job].created_at, item.job, item.index))
    return found


async def delete_job(database: RedisDatabase, job: JobId) -> Sequence[ArtifactId]:
    """Remove a job and all about it; the ledger stays."""
    owner = (await find_job(database, job)).job.owner

    async def attempt() -> Sequence[ArtifactId]:
        async with _alone_for(database, job, owner) as locks:
            return await _delete(database, await find_job(database, job), locks)

    return await database.unopposed(attempt)


async def expire_job(
    database: RedisDatabase,
    job: JobId,
    is_over: Callable[[RedisDatabase, Found], Awaitable[bool]],
) -> Sequence[ArtifactId] | None:
    """Remove a job that is over."""
    first = await find(database, job)
    if first is None:
        return None

    async def attempt() -> Sequence[ArtifactId] | None:
        async with _alone_for(database, job, first.job.owner) as locks:
            found = await find(database, job)
            if found is None or not await is_over(database, found):
                return None
            return await _delete(database, found, locks)

    return await database.unopposed(attempt)


@asynccontextmanager
async def _alone_for(
    database: RedisDatabase, job: JobId, owner: OwnerId
) -> AsyncIterator[dict[str, str]]:
    # A job of the same owner that is being added may be about to name the same files.
    async with database.locked(owner) as of_owner, database.locked(job) as of_job:
        yield of_owner | of_job


async def _delete(
    database: RedisDatabase, found: Found, locks: dict[str, str]
) -> Sequence[ArtifactId]:
    record = found.record()
    change = Change(locks=locks)
    delete_whole(change, record)
    tried = [attempt.submit_key for item in record.items.values() for attempt in item.item.attempts]
    for line in await read_lines(database, tried):
        if not may_have_cost(line.attempt):
            forget_line(change, line)
    return (await database.commit(change)).gone


def _whole(record: JobRecord) -> Job:
    items = tuple(found.item for found in record.chosen(None))
    return replace(record.summary(), items=items)
