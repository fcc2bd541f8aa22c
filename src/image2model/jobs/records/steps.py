"""One step of one item, and what it does to the ledger."""

from dataclasses import replace
from datetime import datetime, timedelta

from image2model.core.job import Attempt, Job
from image2model.core.rules import fold_text, next_attempt, next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, AttemptState, ItemState
from image2model.jobs.records.document import ItemRecord, LedgerLine
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, AttemptStart, JobQuery, LedgerQuery, Step


def take_step(record: ItemRecord, step: Step, *, now: datetime) -> None:
    """Change the item, but for its attempts, as *step* says."""
    before = record.item
    record.item = replace(
        before,
        state=step.to,
        progress=next_progress(before.progress, step.to, step.progress),
        problem=step.problem,
        result=step.result or before.result,
    )
    if step.to is ItemState.QUEUED or step.delay_s:
        record.not_before = now + timedelta(seconds=step.delay_s)
    if step.to in FINAL_STATES or step.to is ItemState.UNCERTAIN:
        record.not_before = None
    if step.to not in ACTIVE_STATES or step.delay_s:
        record.end_lease()


def started_line(
    job: Job, record: ItemRecord, start: AttemptStart, *, number: int, now: datetime
) -> LedgerLine:
    """Make the line of the ledger of an attempt that is about to start."""
    attempt = Attempt(
        number=number,
        submit_key=start.submit_key,
        provider=start.provider,
        state=AttemptState.SUBMITTING,
        submission=start.submission,
        submitted_at=now,
    )
    return LedgerLine(
        ref=ItemRef(record.item.job, record.item.index),
        owner=job.owner,
        generator=job.generator,
        item_name=record.item.name,
        attempt=attempt,
    )


def changed_attempt(attempt: Attempt, change: AttemptChange, *, now: datetime) -> Attempt:
    """Tell what an attempt is after *change*."""
    return next_attempt(
        attempt, state=change.state, handle=change.handle, cost_usd=change.cost_usd, now=now
    )


def revive(record: ItemRecord, *, now: datetime) -> None:
    """Let an uncertain item go on, for the provider has its latest attempt after all."""
    record.item = replace(record.item, state=ItemState.GENERATING, problem=None)
    record.not_before = now


def is_asked_for(job: Job, query: JobQuery) -> bool:
    """Tell whether *query*, its position apart, lists *job*."""
    return (
        query.owner in {None, job.owner}
        and fold_text(query.text) in fold_text(job.name)
        and query.state in {None, job.state}
        and query.starred in {None, job.starred}
    )


def is_in_ledger_of(line: LedgerLine, query: LedgerQuery) -> bool:
    """Tell whether *query*, its position apart, lists *line*."""
    started_at = line.attempt.submitted_at
    return (
        line.owner == query.owner
        and (query.since is None or started_at >= query.since)
        and (query.until is None or started_at < query.until)
    )
