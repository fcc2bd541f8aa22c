"""Steps of items: checked, written and shown in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.events import add_item_events
from image2model.backends.sql.jobs.ledger import (
    Start,
    change_attempts,
    read_attempts,
    start_attempts,
)
from image2model.backends.sql.jobs.locking import LockedJob, lock_and_touch_job, no_lease
from image2model.backends.sql.jobs.reading import read_counts
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
from image2model.core.errors import LeaseLost
from image2model.core.job import Attempt, Item, Progress, Result
from image2model.core.rules import IllegalStep, check_transition, next_progress
from image2model.core.states import ACTIVE_STATES, FINAL_STATES, ItemState
from image2model.ports.jobstore import Claim, Step

Asked = tuple[Claim, Step]

_HELD = (
    sa.select(
        items.c.id,
        items.c.place,
        items.c.name,
        items.c.state,
        items.c.version,
        items.c.fraction,
        items.c.phase,
        items.c.queue_position,
        items.c.eta_s,
        items.c.cancel_requested,
        items.c.lease_owner,
        items.c.fence,
    )
    .where(
        items.c.job_id == sa.bindparam("job"),
        items.c.place.in_(sa.bindparam("places", expanding=True)),
    )
    .order_by(items.c.place)
    # Nobody claims them now whose lease has run out; rendered on PostgreSQL only.
    .with_for_update()
)
_FORGET_FILES = sa.delete(result_files).where(result_files.c.item_id == sa.bindparam("of_item"))
_ADD_FILES = sa.insert(result_files)
_WRITE = sa.update(items).where(items.c.id == sa.bindparam("item_id"))


class _Taken:
    """A step whose lease holds, and what becomes of its item."""

    def __init__(self, claim: Claim, step: Step, row: Row, *, version: int) -> None:
        self.claim = claim
        self.step = step = step.unless_cancelled(cancel_requested=row.cancel_requested)
        self.row = row
        self.version = version
        self.attempts: Sequence[Attempt] = claim.item.attempts
        self.progress = next_progress(progress_of(row), step.to, step.progress)

    def values(self, now_s: float) -> Values:
        """Give the columns of the item after the step."""
        values = _next_values(now_s, self.step, self.progress)
        return values | {"version": self.version, "attempts": len(self.attempts)}

    def item(self) -> Item:
        """Give the item after the step."""
        return replace(
            self.claim.item,
            state=self.step.to,
            progress=self.progress,
            problem=self.step.problem,
            result=self.step.result or self.claim.item.result,
            attempts=self.attempts,
            cancel_requested=self.row.cancel_requested,
            version=self.version,
        )


def write_steps(tx: Transaction, asked: Sequence[Asked]) -> list[Claim]:
    """
    Write steps of items of one job, a version each; all of them, if all their leases hold.

    Several cost hardly more exchanges with the database than one.

    Raises:
        LeaseLost: A lease does not hold, or two steps are of the same item.
        BudgetExceeded: Their submissions are too expensive together.
        IllegalStep: See `JobStore.step`.
    """
    for claim, step in asked:
        check_transition(claim.item.state, step.to)
    job, taken = _take(tx, asked)
    _write_attempts(tx, job, taken)
    _write_results(tx, taken)
    _write_items(tx, taken)
    return _claims(tx, job, taken)


def _take(tx: Transaction, asked: Sequence[Asked]) -> tuple[LockedJob, Sequence[_Taken]]:
    """Lock the job and the items, and insist that they are held as the claims say."""
    # Statements are what a step costs: the claim tells what nobody else can have changed.
    ref = asked[0][0].ref
    job = lock_and_touch_job(tx, ref.job, times=len(asked))
    if job is None:
        raise LeaseLost(job=ref.job, index=ref.index)
    places = [claim.ref.index for claim, _ in asked]
    rows = {row.place: row for row in tx.run(_HELD, {"job": ref.job, "places": places})}
    taken = []
    for version, (claim, step) in enumerate(asked, job.version - len(asked) + 1):
        row = rows.pop(claim.ref.index, None)
        if row is None or not _is_held(row, claim) or not step.may_be_taken(job.row.state):
            raise LeaseLost(job=claim.ref.job, index=claim.ref.index)
        taken.append(_Taken(claim, step, row, version=version))
    return job, taken


def _is_held(row: Row, claim: Claim) -> bool:
    return (row.lease_owner, row.fence, row.state) == (
        claim.worker,
        claim.fence,
        claim.item.state,
    )


def _write_attempts(tx: Transaction, job: LockedJob, taken: Sequence[_Taken]) -> None:
    for one in taken:
        if one.row.version != one.claim.item.version:
            # Somebody else has touched the item, such as a webhook that brought a late answer.
            one.attempts = read_attempts(tx, one.row.id)
    starting = [(one, one.step.start) for one in taken if one.step.start is not None]
    starts = [
        Start(item=one.row, start=start, budget=one.step.budget, number=len(one.attempts) + 1)
        for one, start in starting
    ]
    for (one, _), begun in zip(starting, start_attempts(tx, job, starts), strict=True):
        one.attempts = (*one.attempts, begun)
    changing = [(one, one.step.attempt) for one in taken if one.step.attempt is not None]
    if not all(one.attempts for one, _ in changing):
        raise IllegalStep("there is no attempt to change")
    changes = [(one.attempts[-1], change) for one, change in changing]
    for (one, _), changed in zip(changing, change_attempts(tx, changes), strict=True):
        one.attempts = (*one.attempts[:-1], changed)


def _write_results(tx: Transaction, taken: Sequence[_Taken]) -> None:
    made = [(one.row.id, one.step.result) for one in taken if one.step.result is not None]
    for one in taken:
        if one.step.result is not None and one.claim.item.result is not None:
            tx.run(_FORGET_FILES, {"of_item": one.row.id})
    _insert_files(tx, made)


def _write_items(tx: Transaction, taken: Sequence[_Taken]) -> None:
    # Steps of the same kind write the same columns, and go together.
    alike: dict[frozenset[str], list[Values]] = defaultdict(list)
    for one in taken:
        values = {"item_id": one.row.id, **one.values(tx.now_s)}
        alike[frozenset(values)].append(values)
    for some in alike.values():
        tx.run_each(_WRITE, some)


def _claims(tx: Transaction, job: LockedJob, taken: Sequence[_Taken]) -> list[Claim]:
    """Give the claims as if the steps had been written one after the other."""
    add_item_events(tx, job.row, [(one.row, one.step.to) for one in taken])
    ending = [one for one in taken if one.step.to in FINAL_STATES]
    counts = read_counts(tx, job.id) if ending else {}
    finished = job.finish(job.row) if ending else None
    claims = []
    for one in taken:
        if one.step.to not in FINAL_STATES:
            # Counting all items of a large job at each step of each would cost more than the step.
            seen = job_of(job.row, one.claim.job.counts)
        elif finished is not None and one is ending[-1]:
            seen = job_of(finished, counts)
        else:
            seen = job_of(job.row, counts)
        seen = replace(seen, version=one.version)
        claims.append(replace(one.claim, job=seen, item=one.item()))
    return claims


def _next_values(now_s: float, step: Step, progress: Progress) -> Values:
    values: Values = {
        "state": step.to,
        "problem": problem_value(step.problem),
        **progress_values(progress),
    }
    if step.result is not None:
        values["facts"] = dict(step.result.facts)
    if step.to not in ACTIVE_STATES or step.delay_s:
        values |= no_lease()
    if step.to is ItemState.QUEUED or step.delay_s:
        values["not_before"] = now_s + step.delay_s
    elif step.to in FINAL_STATES or step.to is ItemState.UNCERTAIN:
        values["not_before"] = None
    return values


def replace_files(tx: Transaction, row: Row, result: Result) -> None:
    """Write the files of *result* in place of those that the item of *row* has."""
    tx.run(_FORGET_FILES, {"of_item": row.id})
    _insert_files(tx, [(row.id, result)])


def _insert_files(tx: Transaction, results: Sequence[tuple[str, Result]]) -> None:
    files = [
        file_values(file, item_id=item_id, place=place)
        for item_id, result in results
        for place, file in enumerate(result.files)
    ]
    tx.run_each(_ADD_FILES, files)
