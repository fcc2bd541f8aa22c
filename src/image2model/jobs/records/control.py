"""What people do to jobs; each function changes the record, or raises and does not."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from image2model.core.errors import WrongState
from image2model.core.job import Attempt, Problem, Result
from image2model.core.rules import can_be_resubmitted, is_in_doubt, undelivered_attempt
from image2model.core.states import ACTIVE_STATES, AttemptState, ItemState, JobState
from image2model.jobs.records.document import ItemRecord, JobRecord
from image2model.jobs.records.steps import changed_attempt
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Resolution

_RETRIABLE = frozenset({ItemState.FAILED, ItemState.CANCELLED})


def update_job(record: JobRecord, *, name: str | None, starred: bool | None, now: datetime) -> None:
    """Change its name or star."""
    before = record.job
    after = replace(
        before,
        name=before.name if name is None else name,
        starred=before.starred if starred is None else starred,
    )
    if after.starred != before.starred:
        after = replace(after, expires_at=after.due_to_expire_at)
    if after != before:
        record.job = after
        record.touch((), now)


def set_budget(record: JobRecord, budget_usd: Decimal | None, *, now: datetime) -> None:
    """Change the most that it may cost."""
    record.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
    if record.job.budget_usd != budget_usd:
        record.job = replace(record.job, budget_usd=budget_usd)
        record.touch((), now)


def set_expiry(record: JobRecord, expires_at: datetime | None, *, now: datetime) -> None:
    """Set when it is deleted, where it is finished and not starred."""
    if record.job.starred or record.job.state is not JobState.FINISHED:
        return
    if record.job.expires_at != expires_at:
        record.job = replace(record.job, expires_at=expires_at)
        record.touch((), now)


def replace_result(record: JobRecord, index: int, result: Result, *, now: datetime) -> None:
    """Give a succeeded item another result."""
    found = record.record(index)
    _insist(found, ItemState.SUCCEEDED)
    found.item = replace(found.item, result=result)
    record.touch([found], now)


def cancel_items(
    record: JobRecord, indexes: Collection[int] | None, *, now: datetime
) -> Sequence[ItemRef]:
    """Cancel queued items at once; ask those under way to stop, and list them."""
    chosen = record.chosen(indexes)
    if record.job.state is JobState.DRAFT:
        if indexes is not None:
            allowed = [JobState.RUNNING, JobState.PAUSED]
            raise WrongState(what=f"Job {record.job.id}", state="draft", allowed=allowed)
        record.job = replace(record.job, state=JobState.RUNNING, started_at=now)
    queued = [found for found in chosen if found.item.state is ItemState.QUEUED]
    active = [found for found in chosen if found.item.state in ACTIVE_STATES]
    asked = [found for found in active if not found.item.cancel_requested]
    for found in queued:
        found.come_to(ItemState.CANCELLED, problem=None, now=now)
    for found in asked:
        found.item = replace(found.item, cancel_requested=True)
    if queued or asked or (record.job.state is JobState.RUNNING and record.is_over):
        record.touch([*queued, *asked], now)
    return refs(active)


def retry_items(
    record: JobRecord, indexes: Collection[int] | None, *, now: datetime
) -> Sequence[ItemRef]:
    """Queue failed or cancelled items again, and list them."""
    record.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
    chosen = record.chosen(indexes)
    if indexes is None:
        chosen = [found for found in chosen if found.item.state is ItemState.FAILED]
    for found in chosen:
        _insist(found, *sorted(_RETRIABLE))
    if chosen:
        for found in chosen:
            found.queue_again(now)
        _run_again(record)
        record.touch(chosen, now)
    return refs(chosen)


def _run_again(record: JobRecord) -> None:
    """Let a finished job run again, for one of its items is queued."""
    if record.job.state is JobState.FINISHED:
        record.job = replace(record.job, state=JobState.RUNNING, finished_at=None, expires_at=None)


def switch_job(record: JobRecord, to: JobState, *, now: datetime) -> None:
    """Pause it, taking its queued items from their workers, or let it go on."""
    record.insist(JobState.RUNNING, JobState.PAUSED)
    if record.job.state is not to:
        record.job = replace(record.job, state=to)
        if to is JobState.PAUSED:
            for found in queued_items(record):
                found.end_lease()
        record.touch((), now)


def resolve_item(
    record: JobRecord,
    index: int,
    resolution: Resolution,
    *,
    attempts: Sequence[Attempt],
    problem: Problem,
    now: datetime,
) -> Attempt | None:
    """
    Queue an item in doubt, or one to be paid for again, or fail it.

    Returns:
        The attempt of *attempts*, the item's, that ends with it, as it is then; None: none does.
    """
    found = record.record(index)
    resubmits = resolution is Resolution.RESUBMIT and can_be_resubmitted(found.item.state, attempts)
    if not resubmits and not is_in_doubt(found.item.state, attempts):
        _insist(found, ItemState.UNCERTAIN)
    closed: Attempt | None = None
    if resolution is Resolution.RESUBMIT:
        if (undelivered := undelivered_attempt(attempts)) is not None:
            closed = changed_attempt(undelivered, AttemptChange(state=AttemptState.FAILED), now=now)
        found.queue_again(now)
        _run_again(record)
    else:
        found.come_to(ItemState.FAILED, problem=problem, now=now)
    record.touch([found], now)
    return closed


def stop_job(
    record: JobRecord, indexes: Collection[int] | None, *, problem: Problem, now: datetime
) -> None:
    """Fail queued items: those at *indexes*, or all."""
    queued = [
        found for found in queued_items(record) if indexes is None or found.item.index in indexes
    ]
    if queued and record.job.state is not JobState.DRAFT:
        for found in queued:
            found.come_to(ItemState.FAILED, problem=problem, now=now)
        record.touch(queued, now)


def queued_items(record: JobRecord) -> list[ItemRecord]:
    """List the items that wait to be claimed."""
    return [found for found in record.chosen(None) if found.item.state is ItemState.QUEUED]


def refs(records: Iterable[ItemRecord]) -> list[ItemRef]:
    """Name items."""
    return [ItemRef(record.item.job, record.item.index) for record in records]


def _insist(found: ItemRecord, *allowed: ItemState) -> None:
    if found.item.state not in allowed:
        raise WrongState(what=f"Item {found.item.index}", state=found.item.state, allowed=allowed)
