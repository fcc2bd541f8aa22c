"""The ledger: every try that may cost money, what it cost, and what may still be spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from image2model.backends.sql.dialect import lock_ledger
from image2model.backends.sql.jobs_ends import insist_on_access
from image2model.backends.sql.jobs_locked import LockedJob, try_lock_job
from image2model.backends.sql.rows import (
    Row,
    attempt_of,
    attempt_values,
    from_micro_usd,
    from_seconds,
    to_seconds,
)
from image2model.backends.sql.tables import attempts, items, jobs, pictures, result_files
from image2model.backends.sql.transaction import Transaction
from image2model.core.errors import BudgetExceeded
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId, SubmitKey
from image2model.core.job import Attempt
from image2model.core.rules import (
    BUDGET_DAY_S,
    IllegalStep,
    format_position,
    next_attempt,
    parse_position,
    revives,
)
from image2model.core.states import AttemptState, ItemState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    AttemptStart,
    Budget,
    LedgerEntry,
    LedgerPage,
    LedgerQuery,
    Usage,
)

_CHARGE = sa.func.coalesce(attempts.c.cost_micro_usd, attempts.c.estimated_micro_usd)
"""What an attempt counts against budgets; `core.rules.charge_usd` in SQL."""


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
        BudgetExceeded: Together they would cost more than the job or the day may.
        IllegalStep: A submit key is in the ledger already.
    """
    if not starts:
        return []
    insist_on_access(tx, job.row.owner)
    _check_budget(tx, job, starts)
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


def _check_budget(tx: Transaction, job: LockedJob, starts: Sequence[Start]) -> None:
    wanted_usd = sum((one.start.submission.estimated_usd for one in starts), start=Decimal())
    job_usd = from_micro_usd(job.row.budget_micro_usd)
    if job_usd is not None:
        spent = _spent_usd(tx, attempts.c.job_id == job.id)
        _insist(spent + wanted_usd, job_usd, period="job")
    limits = [one.budget.day_usd for one in starts if one.budget.day_usd is not None]
    if limits:
        lock_ledger(tx.connection)
        spent = _spent_usd(tx, attempts.c.submitted_at > tx.now_s - BUDGET_DAY_S)
        _insist(spent + wanted_usd, min(limits), period="day")


def _insist(needed: Decimal, limit: Decimal, *, period: str) -> None:
    if needed > limit:
        raise BudgetExceeded(budget_usd=float(limit), needed_usd=float(needed), period=period)


def read_usage(tx: Transaction, owner: OwnerId) -> Usage:
    """Add up what *owner* has here, and what all owners spent in a day."""
    own = sa.select(items.c.id).join(jobs, jobs.c.id == items.c.job_id).where(jobs.c.owner == owner)
    # Results that were taken over share their files, and a union knows each but once.
    stored = sa.union(
        *(
            sa.select(table.c.artifact, table.c.size_bytes).where(
                table.c.item_id.in_(own), table.c.artifact.is_not(None)
            )
            for table in (pictures, result_files)
        )
    ).subquery()
    count = tx.run(sa.select(sa.func.count()).where(jobs.c.owner == owner)).scalar_one()
    stored_bytes = tx.run(sa.select(sa.func.sum(stored.c.size_bytes))).scalar_one()
    return Usage(
        jobs=count,
        stored_bytes=int(stored_bytes or 0),
        day_usd=_spent_usd(tx, attempts.c.submitted_at > tx.now_s - BUDGET_DAY_S),
    )


def _spent_usd(tx: Transaction, which: sa.ColumnElement[bool]) -> Decimal:
    total = tx.run(sa.select(sa.func.sum(_CHARGE)).where(which)).scalar_one()
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
    # Read once more: before the lock was held, somebody else may have changed it.
    line = tx.run(which).one_or_none()
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
