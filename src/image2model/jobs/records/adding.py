"""Adding jobs: fresh records, and results taken over from earlier ones."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from image2model.core.errors import AlreadyRunning
from image2model.core.ids import JobId
from image2model.core.job import Item, Job, Result
from image2model.core.rules import is_reusable, is_still_to_come
from image2model.core.states import ItemState, JobState
from image2model.core.text.names import unique_name
from image2model.jobs.records.document import ItemRecord, JobRecord


def new_record(job: Job, now: datetime) -> JobRecord:
    """Make the record of a new *job*; it is not touched yet."""
    runs = job.state is not JobState.DRAFT
    taken: set[str] = set()
    items = {}
    for item in sorted(job.items, key=lambda item: item.index):
        name = unique_name(item.name, taken)
        taken.add(name)
        named = replace(item, job=job.id, name=name, attempts=())
        due = now if runs and item.state is ItemState.QUEUED else None
        items[item.index] = ItemRecord(item=named, not_before=due)
    started_at = now if runs else None
    fresh = replace(job, version=0, created_at=now, started_at=started_at, items=(), counts={})
    return JobRecord(job=fresh, items=items, touched_at=now)


def take_over(
    record: JobRecord, earlier: Callable[[str], Sequence[Item]], *, now: datetime
) -> None:
    """
    Give queued items of a new job the results of earlier ones.

    Args:
        record: The new job.
        earlier: Lists items of the owner's started jobs that have a made key, oldest first.
        now: The time.

    Raises:
        AlreadyRunning: Earlier items with such a key are unfinished, or paid for and still to be
            fetched.
    """
    running: set[JobId] = set()
    for found in record.items.values():
        if found.item.state is not ItemState.QUEUED or not found.item.made_key:
            continue
        same = earlier(found.item.made_key)
        if (result := _reusable(same, record.job, now)) is not None:
            found.come_to(ItemState.SUCCEEDED, problem=None, now=now)
            found.item = replace(found.item, result=result)
        else:
            running.update(_unfinished(same))
    if running:
        raise AlreadyRunning(jobs=sorted(running))


def _unfinished(items: Iterable[Item]) -> Iterable[JobId]:
    return (item.job for item in items if is_still_to_come(item))


def _reusable(same: Sequence[Item], job: Job, now: datetime) -> Result | None:
    results = (item.result for item in reversed(same) if item.state is ItemState.SUCCEEDED)
    usable = (r for r in results if r is not None and is_reusable(r, keep=job.keep, now=now))
    return next(usable, None)
