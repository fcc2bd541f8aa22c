"""One step of one item: checked, written and shown in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from image2model.backends.sql.jobs_ledger import change_attempt, read_attempts, start_attempt
from image2model.backends.sql.jobs_locked import LockedJob, lock_and_touch_job, no_lease
from image2model.backends.sql.jobs_read import read_summary
from image2model.backends.sql.rows import (
    Row,
    Values,
    file_values,
    job_of,
    problem_value,
    progress_of,
    progress_values,
)
from image2model.backends.sql.tables import items, result_files
from image2model.backends.sql.transaction import Transaction
from image2model.core.errors import LeaseLost
from image2model.core.job import Attempt, Progress, Result
from image2model.core.rules import IllegalStep, check_transition, next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, ItemState
from image2model.ports.jobstore import Claim, Step

_HELD = sa.select(
    items.c.id,
    items.c.name,
    items.c.version,
    items.c.fraction,
    items.c.phase,
    items.c.queue_position,
    items.c.eta_s,
    items.c.cancel_requested,
).where(
    items.c.job_id == sa.bindparam("job"),
    items.c.place == sa.bindparam("place"),
    items.c.lease_owner == sa.bindparam("worker"),
    items.c.fence == sa.bindparam("fence"),
    items.c.state == sa.bindparam("state"),
)
_WRITE = sa.update(items).where(items.c.id == sa.bindparam("item_id"))


def write_step(tx: Transaction, claim: Claim, step: Step) -> Claim:
    """Write a step, if the lease still holds."""
    check_transition(claim.item.state, step.to)
    # Statements are what a step costs: the claim tells what nobody else can have changed.
    job = lock_and_touch_job(tx, claim.ref.job)
    row = None if job is None else _held_item(tx, claim)
    if job is None or row is None:
        raise LeaseLost(job=claim.ref.job, index=claim.ref.index)
    attempts = _next_attempts(tx, job, row, claim, step)
    if step.result is not None:
        _write_files(tx, row.id, step.result, anew=claim.item.result is not None)
    progress = next_progress(progress_of(row), step.to, step.progress)
    values = _next_values(tx, job, step, progress) | {"attempts": len(attempts)}
    tx.run(_WRITE, {"item_id": row.id, **values})
    if step.to in FINAL_STATES:
        seen = read_summary(tx, job.finish(job.row) or job.row)
    else:
        # Counting all items of a large job at each step of each would cost more than the step.
        seen = job_of(job.row, claim.job.counts)
    item = replace(
        claim.item,
        state=step.to,
        progress=progress,
        problem=step.problem,
        result=step.result or claim.item.result,
        attempts=attempts,
        cancel_requested=row.cancel_requested,
        version=job.version,
    )
    return replace(claim, job=seen, item=item)


def _held_item(tx: Transaction, claim: Claim) -> Row | None:
    parameters = {
        "job": claim.ref.job,
        "place": claim.ref.index,
        "worker": claim.worker,
        "fence": claim.fence,
        "state": claim.item.state,
    }
    return tx.run(_HELD, parameters).one_or_none()


def _next_attempts(
    tx: Transaction, job: LockedJob, row: Row, claim: Claim, step: Step
) -> Sequence[Attempt]:
    attempts = claim.item.attempts
    if row.version != claim.item.version:
        # Somebody else has touched the item, such as a webhook that brought a late answer.
        attempts = read_attempts(tx, row.id)
    if step.start is not None:
        started = start_attempt(
            tx, job, row, step.start, budget=step.budget, number=len(attempts) + 1
        )
        return (*attempts, started)
    if step.attempt is not None:
        if not attempts:
            raise IllegalStep("there is no attempt to change")
        return (*attempts[:-1], change_attempt(tx, attempts[-1], step.attempt))
    return attempts


def _next_values(tx: Transaction, job: LockedJob, step: Step, progress: Progress) -> Values:
    values: Values = {
        "version": job.version,
        "state": step.to,
        "problem": problem_value(step.problem),
        **progress_values(progress),
    }
    if step.result is not None:
        values["facts"] = dict(step.result.facts)
    if step.to not in ACTIVE_STATES:
        values |= no_lease()
    if step.to is ItemState.QUEUED:
        values["not_before"] = tx.now_s + step.delay_s
    elif step.to in FINAL_STATES or step.to is ItemState.UNCERTAIN:
        values["not_before"] = None
    return values


def replace_files(tx: Transaction, row: Row, result: Result) -> None:
    """Write the files of *result* in place of those that the item of *row* has."""
    _write_files(tx, row.id, result, anew=row.facts is not None)


def _write_files(tx: Transaction, item_id: str, result: Result, *, anew: bool) -> None:
    if anew:
        tx.run(sa.delete(result_files).where(result_files.c.item_id == item_id))
    files = [
        file_values(file, item_id=item_id, place=place) for place, file in enumerate(result.files)
    ]
    if files:
        tx.run(sa.insert(result_files), files)
