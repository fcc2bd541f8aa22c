"""Adding jobs: once for each idempotency key, and without making anything twice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from image2model.backends.sql.dialect import lock_owner
from image2model.backends.sql.engine import Transaction
from image2model.backends.sql.jobs_read import read_items, read_job
from image2model.backends.sql.rows import (
    file_values,
    from_seconds,
    item_values,
    job_values,
    picture_values,
)
from image2model.backends.sql.tables import items, jobs, pictures, result_files
from image2model.core.errors import AlreadyRunning, IdempotencyKeyReused
from image2model.core.ids import JobId, new_hex_id
from image2model.core.job import Item, Job, Progress, Result
from image2model.core.names import unique_name
from image2model.core.rules import is_reusable
from image2model.core.states import FINAL_STATES, ItemState, JobState


async def add_job(tx: Transaction, job: Job, *, reuse: bool) -> Job:
    """Add a draft or running job with its items."""
    await lock_owner(tx.connection, job.owner)
    known = await _job_of_key(tx, job)
    if known is not None:
        return await read_job(tx, known)
    now_s = await tx.now_s()
    fresh = _numbered(job)
    runs = job.state is not JobState.DRAFT
    if reuse and runs:
        fresh = await _take_over(tx, job, fresh, now_s)
    over = runs and all(item.state in FINAL_STATES for item in fresh)
    values = job_values(job) | {
        "version": 1,
        "created_at": now_s,
        "touched_at": now_s,
        "started_at": now_s if runs else None,
    }
    if over:
        values |= {"state": JobState.FINISHED, "finished_at": now_s}
    await tx.run(sa.insert(jobs), values)
    await _insert_items(tx, fresh, due_s=now_s if runs else None)
    return await read_job(tx, job.id)


async def _job_of_key(tx: Transaction, job: Job) -> JobId | None:
    if job.idempotency_key is None:
        return None
    statement = sa.select(jobs.c.id, jobs.c.fingerprint).where(
        jobs.c.owner == job.owner, jobs.c.idempotency_key == job.idempotency_key
    )
    row = (await tx.run(statement)).one_or_none()
    if row is None:
        return None
    if row.fingerprint != job.fingerprint:
        raise IdempotencyKeyReused(key=job.idempotency_key)
    return JobId(row.id)


def _numbered(job: Job) -> list[Item]:
    taken: set[str] = set()
    numbered = []
    for item in sorted(job.items, key=lambda item: item.index):
        name = unique_name(item.name, taken)
        taken.add(name)
        numbered.append(replace(item, job=job.id, name=name, version=1))
    return numbered


async def _take_over(tx: Transaction, job: Job, wanted: Sequence[Item], now_s: float) -> list[Item]:
    """Give queued items the results of earlier ones, or raise `AlreadyRunning`."""
    queued = {item.made_key for item in wanted if item.state is ItemState.QUEUED}
    earlier = await _earlier_items(tx, job, queued - {""})
    running: set[JobId] = set()
    after = []
    for item in wanted:
        same = earlier[item.made_key] if item.state is ItemState.QUEUED else []
        result = _reusable(same, job, now_s)
        if result is not None:
            done = Progress(fraction=1.0)
            after.append(replace(item, state=ItemState.SUCCEEDED, result=result, progress=done))
        else:
            running.update(other.job for other in same if other.state not in FINAL_STATES)
            after.append(item)
    if running:
        raise AlreadyRunning(jobs=sorted(running))
    return after


async def _earlier_items(
    tx: Transaction, job: Job, made_keys: set[str]
) -> defaultdict[str, list[Item]]:
    """Find the owner's items of *made_keys*, those of the newest job first."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    own = sa.select(jobs.c.id).where(jobs.c.owner == job.owner, jobs.c.state != JobState.DRAFT)
    which = (items.c.made_key.in_(sorted(made_keys)), items.c.job_id.in_(own))
    same = await read_items(tx, *which)
    ages = sa.select(jobs.c.id, jobs.c.created_at).where(jobs.c.id.in_({item.job for item in same}))
    created = {row.id: row.created_at for row in await tx.run(ages)}
    for item in sorted(same, key=lambda item: (created[item.job], item.job), reverse=True):
        found[item.made_key].append(item)
    return found


def _reusable(same: Sequence[Item], job: Job, now_s: float) -> Result | None:
    results = (item.result for item in same if item.state is ItemState.SUCCEEDED)
    now = from_seconds(now_s)
    return next((r for r in results if r and is_reusable(r, keep=job.keep, now=now)), None)


async def _insert_items(tx: Transaction, fresh: Sequence[Item], *, due_s: float | None) -> None:
    ids = [new_hex_id() for _ in fresh]
    named = list(zip(ids, fresh, strict=True))
    rows = [
        item_values(item, item_id=item_id)
        | {"not_before": due_s if item.state is ItemState.QUEUED else None}
        for item_id, item in named
    ]
    seen = [picture_values(p, item_id=item_id) for item_id, item in named for p in item.pictures]
    made = [
        file_values(file, item_id=item_id, place=place)
        for item_id, item in named
        if item.result is not None
        for place, file in enumerate(item.result.files)
    ]
    for table, values in ((items, rows), (pictures, seen), (result_files, made)):
        if values:
            await tx.run(sa.insert(table), values)
