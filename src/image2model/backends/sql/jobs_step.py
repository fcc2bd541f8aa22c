"""One step of one item: checked, written and shown in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from image2model.backends.sql.jobs_ledger import change_attempt, read_attempts, start_attempt
from image2model.backends.sql.jobs_locked import LockedJob, no_lease, try_lock_job
from image2model.backends.sql.jobs_read import read_summary
from image2model.backends.sql.rows import (
    Row,
    Values,
    file_values,
    item_of,
    job_of,
    problem_value,
    progress_of,
    progress_values,
)
from image2model.backends.sql.tables import items, result_files
from image2model.backends.sql.transaction import Transaction
from image2model.core.errors import LeaseLost
from image2model.core.job import Attempt, Result
from image2model.core.rules import IllegalStep, check_transition, next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, ItemState
from image2model.ports.jobstore import Claim, Step

_HELD = sa.select(items).where(
    items.c.job_id == sa.bindparam("job"),
    items.c.place == sa.bindparam("place"),
    items.c.lease_owner == sa.bindparam("worker"),
    items.c.fence == sa.bindparam("fence"),
    items.c.state == sa.bindparam("state"),
)
_WRITE = sa.update(items).where(items.c.id == sa.bindparam("item_id")).returning(items)


def write_step(tx: Transaction, claim: Claim, step: Step) -> Claim:
    """Write a step, if the lease still holds."""
    check_transition(claim.item.state, step.to)
    job = try_lock_job(tx, claim.ref.job)
    row = _held_item(tx, claim)
    if job is None or row is None:
        raise LeaseLost(job=claim.ref.job, index=claim.ref.index)
    attempts = _next_attempts(tx, job, row, step)
    if step.result is not None:
        replace_files(tx, row, step.result)
    values = _next_values(tx, job, row, step) | {"attempts": len(attempts)}
    after = tx.run(_WRITE, {"item_id": row.id, **values}).one()
    if step.to in FINAL_STATES:
        seen = read_summary(tx, job.touch_or_finish())
    else:
        # Counting all items of a large job at each step of each would cost more than the step.
        seen = job_of(job.touch(), claim.job.counts)
    result = step.result or claim.item.result
    item = item_of(
        after,
        pictures=claim.item.pictures,
        attempts=attempts,
        files=() if result is None else result.files,
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


def _next_attempts(tx: Transaction, job: LockedJob, row: Row, step: Step) -> Sequence[Attempt]:
    attempts = read_attempts(tx, row.id) if row.attempts else ()
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


def _next_values(tx: Transaction, job: LockedJob, row: Row, step: Step) -> Values:
    values: Values = {
        "version": job.version,
        "state": step.to,
        "problem": problem_value(step.problem),
        **progress_values(next_progress(progress_of(row), step.to, step.progress)),
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
    if row.facts is not None:
        tx.run(sa.delete(result_files).where(result_files.c.item_id == row.id))
    files = [
        file_values(file, item_id=row.id, place=place) for place, file in enumerate(result.files)
    ]
    if files:
        tx.run(sa.insert(result_files), files)
