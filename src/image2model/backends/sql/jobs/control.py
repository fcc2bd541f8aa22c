"""What people do to running jobs: rename, cancel, retry, pause, resume, resolve, stop."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.ledger import change_attempts, read_attempts
from image2model.backends.sql.jobs.locking import (
    LockedJob,
    lock_job,
    no_lease,
    queued_again_values,
    standing_values,
)
from image2model.backends.sql.jobs.reading import read_job
from image2model.backends.sql.rows import Row, Values, expiry_of, name_values, to_micro_usd
from image2model.backends.sql.tables import items
from image2model.core.errors import WrongState
from image2model.core.ids import JobId
from image2model.core.job import Job, Problem
from image2model.core.rules import can_be_resubmitted, is_in_doubt, undelivered_attempt
from image2model.core.states import ACTIVE_STATES, AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, Resolution

_RECALL_QUEUED = (
    sa.update(items)
    .where(items.c.job_id == sa.bindparam("of_job"), items.c.state == ItemState.QUEUED)
    .values(**no_lease())
)
_RETRIABLE = frozenset({ItemState.FAILED, ItemState.CANCELLED})


def update_job(tx: Transaction, job: JobId, *, name: str | None, starred: bool | None) -> Job:
    """Change a job's name or star."""
    locked = lock_job(tx, job)
    row, values = locked.row, Values()
    if name is not None and name != row.name:
        values |= name_values(name)
    if starred is not None and starred != row.starred:
        values["starred"] = starred
        expires_at = None if starred else expiry_of(row.finished_at, life_s=row.life_s)
        values["expires_at"] = expires_at
    if values:
        locked.touch(**values)
    return read_job(tx, job)


def set_budget(tx: Transaction, job: JobId, budget_usd: Decimal | None) -> None:
    """Change the most that a job may cost."""
    locked = lock_job(tx, job)
    locked.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
    budget_micro_usd = to_micro_usd(budget_usd)
    if locked.row.budget_micro_usd != budget_micro_usd:
        locked.touch(budget_micro_usd=budget_micro_usd)


def cancel_items(tx: Transaction, job: JobId, indexes: Collection[int] | None) -> Sequence[ItemRef]:
    """Cancel queued items at once; ask those under way to stop."""
    locked = lock_job(tx, job)
    is_draft = locked.row.state is JobState.DRAFT
    if is_draft and indexes is not None:
        locked.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
    chosen = locked.choose(indexes)
    queued = [row for row in chosen if row.state is ItemState.QUEUED]
    active = [row for row in chosen if row.state in ACTIVE_STATES]
    asked = [row for row in active if not row.cancel_requested]
    locked.change(queued, standing_values(ItemState.CANCELLED, None))
    locked.change(asked, {"cancel_requested": True})
    if is_draft:
        locked.touch_or_finish(state=JobState.RUNNING, started_at=tx.now_s)
    elif queued or asked:
        locked.touch_or_finish()
    return _refs(locked, active)


def retry_items(tx: Transaction, job: JobId, indexes: Collection[int] | None) -> Sequence[ItemRef]:
    """Queue failed or cancelled items again."""
    locked = lock_job(tx, job)
    locked.insist(JobState.RUNNING, JobState.PAUSED, JobState.FINISHED)
    chosen = locked.choose(indexes)
    if indexes is None:
        chosen = [row for row in chosen if row.state is ItemState.FAILED]
    for row in chosen:
        if row.state not in _RETRIABLE:
            _refuse(row, _RETRIABLE)
    if chosen:
        locked.change(chosen, queued_again_values(tx.now_s))
        locked.touch(**_running_again(locked))
    return _refs(locked, chosen)


def _running_again(job: LockedJob) -> Values:
    """Give the columns of a job of which an item is queued again."""
    if job.row.state is not JobState.FINISHED:
        return {}
    return {"state": JobState.RUNNING, "finished_at": None, "expires_at": None}


def pause_job(tx: Transaction, job: JobId) -> None:
    """Let no further items of a job be claimed, and take queued ones from their workers."""
    _switch(tx, job, JobState.PAUSED)
    tx.run(_RECALL_QUEUED, {"of_job": job})


def resume_job(tx: Transaction, job: JobId) -> Sequence[ItemRef]:
    """Let a paused job go on."""
    locked = _switch(tx, job, JobState.RUNNING)
    rows = locked.choose(None)
    return _refs(locked, (row for row in rows if row.state is ItemState.QUEUED))


def resolve_item(
    tx: Transaction, ref: ItemRef, resolution: Resolution, *, problem: Problem
) -> None:
    """Queue an item in doubt, or one to be paid for again, or fail it."""
    locked = lock_job(tx, ref.job)
    chosen = locked.choose([ref.index])
    (row,) = chosen
    attempts = read_attempts(tx, row.id)
    resubmits = resolution is Resolution.RESUBMIT and can_be_resubmitted(row.state, attempts)
    if not resubmits and not is_in_doubt(row.state, attempts):
        _refuse(row, [ItemState.UNCERTAIN])
    if resubmits:
        if (undelivered := undelivered_attempt(attempts)) is not None:
            change_attempts(tx, [(undelivered, AttemptChange(state=AttemptState.FAILED))])
        locked.change(chosen, queued_again_values(tx.now_s))
        locked.touch(**_running_again(locked))
    else:
        locked.change(chosen, standing_values(ItemState.FAILED, problem))
        locked.touch_or_finish()


def stop_job(
    tx: Transaction, job: JobId, indexes: Collection[int] | None, *, problem: Problem
) -> None:
    """Fail queued items of a job: those at *indexes*, or all."""
    locked = lock_job(tx, job)
    queued = [
        row
        for row in locked.choose(None)
        if row.state is ItemState.QUEUED and (indexes is None or row.place in indexes)
    ]
    if queued and locked.row.state is not JobState.DRAFT:
        locked.change(queued, standing_values(ItemState.FAILED, problem))
        locked.touch_or_finish()


def _switch(tx: Transaction, job: JobId, to: JobState) -> LockedJob:
    locked = lock_job(tx, job)
    locked.insist(JobState.RUNNING, JobState.PAUSED)
    if locked.row.state is not to:
        locked.touch(state=to)
    return locked


def _refuse(row: Row, allowed: Iterable[ItemState]) -> None:
    raise WrongState(what=f"Item {row.place}", state=row.state, allowed=sorted(allowed))


def _refs(job: LockedJob, rows: Iterable[Row]) -> list[ItemRef]:
    return [ItemRef(job.id, row.place) for row in rows]
