"""Adding jobs: once for each idempotency key, and without making anything twice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_owner
from image2model.backends.sql.jobs.events import add_events
from image2model.backends.sql.jobs.reading import Scope, read_items, read_job
from image2model.backends.sql.rows import (
    end_values,
    file_values,
    item_values,
    job_values,
    picture_values,
)
from image2model.backends.sql.tables import items, jobs, pictures, result_files
from image2model.core.errors import AlreadyRunning, IdempotencyKeyReused
from image2model.core.ids import JobId, new_hex_id
from image2model.core.job import Item, Job, Progress, Result
from image2model.core.rules import is_reusable, is_still_to_come
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.core.text.names import unique_name
from image2model.core.webhooks import TOLD_STATES, EventType

_SAME = Scope(
    items.c.made_key.in_(sa.bindparam("made_keys", expanding=True)),
    items.c.job_id.in_(
        sa.select(jobs.c.id).where(
            jobs.c.owner == sa.bindparam("owner"), jobs.c.state != JobState.DRAFT
        )
    ),
)
"""Items that were to become the same as those of a new job."""


def add_job(tx: Transaction, job: Job, *, reuse: bool) -> Job:
    """Add a draft or running job with its items."""
    lock_owner(tx.connection, job.owner)
    known = _job_of_key(tx, job)
    if known is not None:
        return read_job(tx, known)
    fresh = _numbered(job)
    runs = job.state is not JobState.DRAFT
    if reuse and runs:
        fresh = _take_over(tx, job, fresh)
    over = runs and all(item.state in FINAL_STATES for item in fresh)
    values = job_values(job) | {
        "version": 1,
        "created_at": tx.now_s,
        "touched_at": tx.now_s,
        "started_at": tx.now_s if runs else None,
    }
    if over:
        values |= end_values(tx.now_s, life_s=job.life_s, starred=job.starred)
    tx.run(sa.insert(jobs), values)
    _insert_items(tx, fresh, due_s=tx.now_s if runs else None)
    if runs:
        _add_events(tx, job, fresh, over=over)
    return read_job(tx, job.id)


def _add_events(tx: Transaction, job: Job, fresh: Sequence[Item], *, over: bool) -> None:
    told = [(TOLD_STATES[item.state], item.index) for item in fresh if item.state in TOLD_STATES]
    ends = [(EventType.JOB_FINISHED, None)] if over else []
    add_events(tx, job, [(EventType.JOB_STARTED, None), *told, *ends])


def _job_of_key(tx: Transaction, job: Job) -> JobId | None:
    if job.idempotency_key is None:
        return None
    statement = sa.select(jobs.c.id, jobs.c.fingerprint).where(
        jobs.c.owner == job.owner, jobs.c.idempotency_key == job.idempotency_key
    )
    row = tx.run(statement).one_or_none()
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


def _take_over(tx: Transaction, job: Job, wanted: Sequence[Item]) -> list[Item]:
    """Give queued items the results of earlier ones, or raise `AlreadyRunning`."""
    queued = {item.made_key for item in wanted if item.state is ItemState.QUEUED}
    earlier = _earlier_items(tx, job, queued - {""})
    running: set[JobId] = set()
    after = []
    for item in wanted:
        same = earlier[item.made_key] if item.state is ItemState.QUEUED else []
        result = _reusable(same, job, tx.now)
        if result is not None:
            done = Progress(fraction=1.0)
            after.append(replace(item, state=ItemState.SUCCEEDED, result=result, progress=done))
        else:
            running.update(other.job for other in same if is_still_to_come(other))
            after.append(item)
    if running:
        raise AlreadyRunning(jobs=sorted(running))
    return after


def _earlier_items(tx: Transaction, job: Job, made_keys: set[str]) -> defaultdict[str, list[Item]]:
    """Find the owner's items of *made_keys*, those of the newest job first."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    same = read_items(tx, _SAME, made_keys=sorted(made_keys), owner=job.owner)
    ages = sa.select(jobs.c.id, jobs.c.created_at).where(jobs.c.id.in_({item.job for item in same}))
    created = {row.id: row.created_at for row in tx.run(ages)}
    for item in sorted(same, key=lambda item: (created[item.job], item.job), reverse=True):
        found[item.made_key].append(item)
    return found


def _reusable(same: Sequence[Item], job: Job, now: datetime) -> Result | None:
    results = (item.result for item in same if item.state is ItemState.SUCCEEDED)
    return next((r for r in results if r and is_reusable(r, keep=job.keep, now=now)), None)


def _insert_items(tx: Transaction, fresh: Sequence[Item], *, due_s: float | None) -> None:
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
            tx.run(sa.insert(table), values)
