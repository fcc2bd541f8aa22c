"""What an operator sees of all owners together."""

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.ledger import CHARGE
from image2model.backends.sql.rows import from_micro_usd, from_seconds
from image2model.backends.sql.tables import (
    attempts,
    derived_files,
    items,
    jobs,
    pictures,
    result_files,
)
from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId
from image2model.core.money import DAY_S, MONTH_S
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.ports.overview import OwnerLine, Queue, QueueLine, SpendingLine

_OF_JOBS = items.join(jobs, jobs.c.id == items.c.job_id)


def read_queue(tx: Transaction) -> Queue:
    """Count the items that are to be made."""
    is_open = (
        jobs.c.state.in_([JobState.RUNNING, JobState.PAUSED]),
        items.c.state.not_in(sorted(FINAL_STATES)),
    )
    counted = (
        sa.select(jobs.c.generator, items.c.state, sa.func.count())
        .select_from(_OF_JOBS)
        .where(*is_open)
        .group_by(jobs.c.generator, items.c.state)
        .order_by(jobs.c.generator, items.c.state)
    )
    oldest = (
        sa.select(sa.func.min(sa.func.coalesce(jobs.c.started_at, jobs.c.created_at)))
        .select_from(_OF_JOBS)
        .where(jobs.c.state == JobState.RUNNING, items.c.state == ItemState.QUEUED)
    )
    return Queue(
        lines=[
            QueueLine(generator=GeneratorId(generator), state=state, items=count)
            for generator, state, count in tx.run(counted)
        ],
        waiting_since=from_seconds(tx.run(oldest).scalar_one()),
    )


def read_is_sending(tx: Transaction) -> bool:
    """Tell whether any item is being sent."""
    sent = (
        sa.select(items.c.id)
        .select_from(_OF_JOBS)
        .where(
            jobs.c.state.in_([JobState.RUNNING, JobState.PAUSED]),
            items.c.state == ItemState.SUBMITTING,
        )
        .limit(1)
    )
    return tx.run(sent).first() is not None


def read_spending(tx: Transaction) -> Sequence[SpendingLine]:
    """Add up the last 30 days' attempts."""
    of_today = attempts.c.submitted_at > tx.now_s - DAY_S
    by = (attempts.c.owner, attempts.c.provider, attempts.c.generator)
    statement = (
        sa.select(
            *by,
            sa.func.count().label("attempts"),
            sa.func.sum(sa.case((of_today, CHARGE), else_=0)).label("day"),
            sa.func.sum(CHARGE).label("month"),
        )
        .where(attempts.c.submitted_at > tx.now_s - MONTH_S)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        SpendingLine(
            owner=OwnerId(row.owner),
            provider=row.provider,
            generator=GeneratorId(row.generator),
            attempts=row.attempts,
            day_usd=from_micro_usd(int(row.day)),
            month_usd=from_micro_usd(int(row.month)),
        )
        for row in tx.run(statement)
    ]


def read_owners(tx: Transaction) -> Sequence[OwnerLine]:
    """Add up what owners have."""
    unfinished = sa.case((jobs.c.state != JobState.FINISHED, 1), else_=0)
    statement = (
        sa.select(
            jobs.c.owner,
            sa.func.count().label("jobs"),
            sa.func.sum(unfinished).label("unfinished"),
            sa.func.max(jobs.c.created_at).label("last_job_at"),
        )
        .group_by(jobs.c.owner)
        .order_by(jobs.c.owner)
    )
    picture_bytes = _kept_bytes(tx, pictures)
    result_bytes = _kept_bytes(tx, result_files)
    derived = sa.select(derived_files.c.owner, sa.func.sum(derived_files.c.size_bytes))
    derived_bytes = _by_owner(tx, derived.group_by(derived_files.c.owner))
    return [
        OwnerLine(
            owner=OwnerId(row.owner),
            jobs=row.jobs,
            unfinished_jobs=int(row.unfinished),
            last_job_at=from_seconds(row.last_job_at),
            picture_bytes=picture_bytes[row.owner],
            result_bytes=result_bytes[row.owner],
            derived_bytes=derived_bytes[row.owner],
        )
        for row in tx.run(statement)
    ]


def _kept_bytes(tx: Transaction, table: sa.Table) -> dict[str, int]:
    # Results that were taken over share their files: each counts once.
    files = (
        sa.select(jobs.c.owner, table.c.artifact, table.c.size_bytes)
        .select_from(_OF_JOBS.join(table, table.c.item_id == items.c.id))
        .where(table.c.artifact.is_not(None))
        .distinct()
        .subquery()
    )
    sizes = sa.select(files.c.owner, sa.func.sum(files.c.size_bytes)).group_by(files.c.owner)
    return _by_owner(tx, sizes)


def _by_owner(tx: Transaction, sizes: sa.Select[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    found.update({owner: int(size_bytes or 0) for owner, size_bytes in tx.run(sizes)})
    return found
