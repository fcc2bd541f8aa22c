"""The ledger: every try that may cost money, what it cost, and what may still be spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_ledger
from image2model.backends.sql.jobs.derived_files import read_stored
from image2model.backends.sql.jobs.locking import LockedJob, try_lock_job
from image2model.backends.sql.jobs.owner_ends import insist_on_access
from image2model.backends.sql.rows import (
    Row,
    attempt_of,
    attempt_values,
    from_micro_usd,
    from_seconds,
    to_seconds,
)
from image2model.backends.sql.tables import attempts, items, jobs
from image2model.backends.sql.tables import spending_stop as spending_stops
from image2model.core.errors import BudgetExceeded, SpendingStopped
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId, SubmitKey
from image2model.core.job import Attempt
from image2model.core.money import Budget, BudgetScope, Cap, SpendingStop, frees_at
from image2model.core.rules import (
    IllegalStep,
    format_position,
    next_attempt,
    parse_position,
    revives,
)
from image2model.core.states import FINAL_STATES, AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    AttemptStart,
    Counts,
    LedgerEntry,
    LedgerPage,
    LedgerQuery,
    Usage,
)

CHARGE = sa.func.coalesce(attempts.c.cost_micro_usd, attempts.c.estimated_micro_usd)
"""What an attempt counts against budgets; `core.rules.charge_usd` in SQL."""

_THE_STOP = 1
"""The id of the only row."""

_FIND_STOP = sa.select(spending_stops).where(spending_stops.c.id == _THE_STOP)

_OF_ITEM = (
    sa.select(attempts)
    .where(attempts.c.item_id == sa.bindparam("item_id"))
    .order_by(attempts.c.number)
)
_START = sa.insert(attempts)
_CHANGE = sa.update(attempts).where(attempts.c.submit_key == sa.bindparam("of_key"))


def read_attempts(tx: Transaction, item_id: str) -> tuple[Attempt, ...]:
    """Read the attempts of one item, oldest first."""
    return tuple(attempt_of(row) for row in tx.run(_OF_ITEM, {"item_id": item_id}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """
    A submission that is about to be sent.

    Attributes:
        item: The row of the item it is for.
        start: What is known of it.
        budget: What may be spent.
        number: The how many-eth of the item's attempts it is.
    """

    item: Row
    start: AttemptStart
    budget: Budget
    number: int


def start_attempts(tx: Transaction, job: LockedJob, starts: Sequence[Start]) -> list[Attempt]:
    """
    Write down that submissions are about to be sent.

    Raises:
        AccessEnded: The job's owner is past their end.
        BudgetExceeded: Together they would cost more than a budget has left.
        SpendingStopped: Spending is stopped, and they cost something, or everything is.
        IllegalStep: A submit key is in the ledger already.
    """
    if not starts:
        return []
    insist_on_access(tx, job.row.owner)
    _check_spending(tx, job, starts)
    begun = [
        Attempt(
            number=one.number,
            submit_key=one.start.submit_key,
            provider=one.start.provider,
            state=AttemptState.SUBMITTING,
            submission=one.start.submission,
            submitted_at=tx.now,
        )
        for one in starts
    ]
    lines = [
        attempt_values(attempt)
        | {
            "item_id": one.item.id,
            "job_id": job.id,
            "item_name": one.item.name,
            "owner": job.row.owner,
            "generator": job.row.generator,
        }
        for one, attempt in zip(starts, begun, strict=True)
    ]
    try:
        tx.run_each(_START, lines)
    except sa.exc.IntegrityError as error:
        keys = ", ".join(attempt.submit_key for attempt in begun)
        raise IllegalStep(f"submit key {keys} belongs to another attempt") from error
    return begun


def _check_spending(tx: Transaction, job: LockedJob, starts: Sequence[Start]) -> None:
    paid = [one for one in starts if one.start.is_paid]
    caps = _caps(job, paid) if paid else []
    lock_ledger(tx.connection, alone=any(cap.scope.period_s for cap in caps))
    stop = spending_stop(tx)
    if stop is not None and stop.holds(is_paid=bool(paid)):
        raise SpendingStopped(reason=stop.reason, everything=stop.everything)
    wanted_usd = sum((one.start.submission.estimated_usd for one in paid), start=Decimal())
    for cap in caps:
        counted = _counted(tx, cap.scope, owner=job.row.owner, job=job.id)
        needed_usd = _spent_usd(tx, counted) + wanted_usd
        if needed_usd > cap.limit_usd:
            raise BudgetExceeded(
                budget_usd=float(cap.limit_usd),
                needed_usd=float(needed_usd),
                scope=cap.scope,
                frees_at=frees_at(_charges(tx, counted), cap=cap, wanted_usd=wanted_usd),
            )


def _caps(job: LockedJob, starts: Sequence[Start]) -> Sequence[Cap]:
    """List the lowest limit of each scope."""
    job_usd = from_micro_usd(job.row.budget_micro_usd)
    every = [cap for one in starts for cap in one.budget.caps(job_usd=job_usd)]
    lowest = {cap.scope: cap for cap in sorted(every, key=lambda cap: -cap.limit_usd)}
    return [lowest[scope] for scope in BudgetScope if scope in lowest]


def _counted(
    tx: Transaction, scope: BudgetScope, *, owner: OwnerId, job: JobId | None = None
) -> sa.ColumnElement[bool]:
    """Tell which attempts count for a budget of *scope*."""
    if scope.period_s is None:
        return attempts.c.job_id == job
    recent = attempts.c.submitted_at > tx.now_s - scope.period_s
    return sa.and_(recent, attempts.c.owner == owner) if scope.is_of_owner else recent


def _charges(tx: Transaction, which: sa.ColumnElement[bool]) -> Sequence[tuple[datetime, Decimal]]:
    rows = tx.run(sa.select(attempts.c.submitted_at, CHARGE).where(which))
    return [(from_seconds(submitted_at), from_micro_usd(micro)) for submitted_at, micro in rows]


def spent_usd(tx: Transaction, scope: BudgetScope, *, owner: OwnerId) -> Decimal:
    """Add up what a budget of a day or month counts now."""
    return _spent_usd(tx, _counted(tx, scope, owner=owner))


def stop_spending(tx: Transaction, *, reason: str, by: str, everything: bool) -> SpendingStop:
    """Let no attempt start that costs, or none, once those that start now have started."""
    lock_ledger(tx.connection, alone=True)
    stop = SpendingStop(reason=reason, by=by, at=tx.now, everything=everything)
    known = spending_stop(tx)
    if known is not None and known.covers(stop):
        return known
    allow_spending(tx)
    row = {"id": _THE_STOP, "reason": reason, "stopped_by": by, "stopped_at": tx.now_s}
    tx.run(sa.insert(spending_stops), row | {"everything": everything})
    return stop


def allow_spending(tx: Transaction) -> None:
    """Let attempts start again."""
    tx.run(sa.delete(spending_stops).where(spending_stops.c.id == _THE_STOP))


def spending_stop(tx: Transaction) -> SpendingStop | None:
    """Tell whether spending is stopped."""
    row = tx.run(_FIND_STOP).one_or_none()
    if row is None:
        return None
    return SpendingStop(
        reason=row.reason,
        by=row.stopped_by,
        at=from_seconds(row.stopped_at),
        everything=row.everything,
    )


def read_counts(tx: Transaction, owner: OwnerId) -> Counts:
    """Count *owner*'s drafts and unfinished items."""
    of_owner = jobs.c.owner == owner
    drafts = sa.select(sa.func.count()).where(of_owner, jobs.c.state == JobState.DRAFT)
    unfinished = (
        sa.select(sa.func.count())
        .select_from(items.join(jobs, jobs.c.id == items.c.job_id))
        .where(
            of_owner,
            jobs.c.state.in_([JobState.RUNNING, JobState.PAUSED]),
            items.c.state.not_in(sorted(FINAL_STATES)),
        )
    )
    return Counts(
        drafts=tx.run(drafts).scalar_one(), unfinished_items=tx.run(unfinished).scalar_one()
    )


def read_usage(tx: Transaction, owner: OwnerId) -> Usage:
    """Add up what *owner* has here, and what all owners spent in a day."""
    counts = read_counts(tx, owner)
    return Usage(
        jobs=tx.run(sa.select(sa.func.count()).where(jobs.c.owner == owner)).scalar_one(),
        drafts=counts.drafts,
        unfinished_items=counts.unfinished_items,
        stored=read_stored(tx, owner),
        day_usd=spent_usd(tx, BudgetScope.DAY, owner=owner),
    )


def _spent_usd(tx: Transaction, which: sa.ColumnElement[bool]) -> Decimal:
    total = tx.run(sa.select(sa.func.sum(CHARGE)).where(which)).scalar_one()
    return from_micro_usd(int(total or 0))


def change_attempts(
    tx: Transaction, changes: Sequence[tuple[Attempt, AttemptChange]]
) -> list[Attempt]:
    """
    Write down what became of attempts.

    Raises:
        IllegalStep: The provider gave the same request id to another attempt.
    """
    changed = [
        next_attempt(
            before,
            state=change.state,
            handle=change.handle,
            cost_usd=change.cost_usd,
            now=tx.now,
        )
        for before, change in changes
    ]
    lines = [{"of_key": after.submit_key, **attempt_values(after)} for after in changed]
    try:
        tx.run_each(_CHANGE, lines)
    except sa.exc.IntegrityError as error:
        handles = ", ".join(str(change.handle) for _, change in changes)
        raise IllegalStep(f"the request of {handles} belongs to another attempt") from error
    return changed


def find_attempt(tx: Transaction, submit_key: SubmitKey) -> tuple[ItemRef | None, Attempt] | None:
    """Find a line of the ledger, and the item it was made for."""
    statement = (
        sa.select(attempts, items.c.place)
        .join(items, items.c.id == attempts.c.item_id, isouter=True)
        .where(attempts.c.submit_key == submit_key)
    )
    row = tx.run(statement).one_or_none()
    if row is None:
        return None
    ref = None if row.place is None else ItemRef(JobId(row.job_id), row.place)
    return ref, attempt_of(row)


def uncertain_items(tx: Transaction, *, since: datetime, limit: int) -> Sequence[ItemRef]:
    """List uncertain items whose latest attempt was started after *since*."""
    is_latest = sa.and_(attempts.c.item_id == items.c.id, attempts.c.number == items.c.attempts)
    statement = (
        sa.select(items.c.job_id, items.c.place)
        .join(attempts, is_latest)
        .where(items.c.state == ItemState.UNCERTAIN, attempts.c.submitted_at > to_seconds(since))
        .order_by(attempts.c.submitted_at)
        .limit(limit)
    )
    return [ItemRef(JobId(row.job_id), row.place) for row in tx.run(statement)]


def list_ledger(tx: Transaction, query: LedgerQuery) -> LedgerPage:
    """List attempts, newest first, or raise `InvalidRequest` for a wrong position."""
    statement = sa.select(attempts).where(attempts.c.owner == query.owner)
    if query.since is not None:
        statement = statement.where(attempts.c.submitted_at >= to_seconds(query.since))
    if query.until is not None:
        statement = statement.where(attempts.c.submitted_at < to_seconds(query.until))
    if query.after is not None:
        started_at, last = parse_position(query.after)
        same_time = sa.and_(attempts.c.submitted_at == started_at, attempts.c.submit_key < last)
        statement = statement.where(sa.or_(attempts.c.submitted_at < started_at, same_time))
    newest_first = statement.order_by(attempts.c.submitted_at.desc(), attempts.c.submit_key.desc())
    rows = tx.run(newest_first.limit(query.limit + 1)).all()
    page = rows[: query.limit]
    more = bool(page) and len(rows) > len(page)
    return LedgerPage(
        entries=[_entry_of(row) for row in page],
        next=format_position(from_seconds(page[-1].submitted_at), JobId(page[-1].submit_key))
        if more
        else None,
    )


def _entry_of(row: Row) -> LedgerEntry:
    return LedgerEntry(
        job=JobId(row.job_id),
        item_name=row.item_name,
        generator=GeneratorId(row.generator),
        attempt=attempt_of(row),
    )


def book_late_answer(
    tx: Transaction, submit_key: SubmitKey, change: AttemptChange
) -> Attempt | None:
    """Write what became of an attempt whose item has gone on without it."""
    which = sa.select(attempts).where(attempts.c.submit_key == submit_key)
    known = tx.run(which).one_or_none()
    if known is None:
        return None
    job = try_lock_job(tx, JobId(known.job_id))
    # Read once more: before the lock was held, somebody else may have changed it. Of a job that
    # is gone only the line itself can be locked.
    line = tx.run(which.with_for_update()).one_or_none()
    if line is None:
        return None
    (after,) = change_attempts(tx, [(attempt_of(line), change)])
    if job is not None and line.item_id is not None:
        _tell_item(tx, job, line, after)
    return after


def _tell_item(tx: Transaction, job: LockedJob, line: Row, attempt: Attempt) -> None:
    of_item = items.c.id == line.item_id
    item = tx.run(sa.select(items).where(of_item)).one()
    goes_on = (
        item.state is ItemState.UNCERTAIN and line.number == item.attempts and revives(attempt)
    )
    job.change(
        [item],
        {"state": ItemState.GENERATING, "problem": None, "not_before": tx.now_s} if goes_on else {},
    )
    job.touch()
