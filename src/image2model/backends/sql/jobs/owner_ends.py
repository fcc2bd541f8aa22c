"""Owners whose access ends: from then on nothing of theirs is sent any more."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_rows
from image2model.backends.sql.rows import to_seconds
from image2model.backends.sql.tables import jobs, owner_ends
from image2model.core.errors import AccessEnded
from image2model.core.ids import OwnerId
from image2model.core.states import JobState

_END = sa.text(
    "INSERT INTO owner_ends (owner, ends_at) VALUES (:owner, :ends_at)"
    " ON CONFLICT (owner) DO UPDATE SET ends_at = excluded.ends_at"
)
_IS_OVER = sa.select(owner_ends.c.owner).where(
    owner_ends.c.owner == sa.bindparam("of_owner"),
    owner_ends.c.ends_at <= sa.bindparam("now_s"),
)
_IS_UNFINISHED = jobs.c.state != JobState.FINISHED


def end_owner(tx: Transaction, owner: OwnerId, *, at: datetime | None) -> None:
    """Let no attempt of an owner's jobs start from a moment on, but for those that start now."""
    tx.run(_END, {"owner": owner, "ends_at": tx.now_s if at is None else to_seconds(at)})


def await_starts(tx: Transaction, owner: OwnerId) -> None:
    """Wait for attempts that began to start before an end was written."""
    # Whoever starts an attempt holds its job. In a transaction of its own: else a job that is
    # added between the two statements would be waited for by nobody, nor see the end.
    unfinished = sa.select(jobs.c.id).where(jobs.c.owner == owner, _IS_UNFINISHED)
    lock_rows(tx.connection, unfinished.order_by(jobs.c.id))


def reopen_owner(tx: Transaction, owner: OwnerId) -> None:
    """Let attempts of an owner's jobs start again."""
    tx.run(sa.delete(owner_ends).where(owner_ends.c.owner == owner))


def ended_owners(tx: Transaction, *, limit: int) -> Sequence[OwnerId]:
    """List owners past their end who have running or paused jobs."""
    begun = jobs.c.state.in_([JobState.RUNNING, JobState.PAUSED])
    has_jobs = sa.exists().where(jobs.c.owner == owner_ends.c.owner, begun)
    statement = (
        sa.select(owner_ends.c.owner)
        .where(owner_ends.c.ends_at <= tx.now_s, has_jobs)
        .order_by(owner_ends.c.ends_at, owner_ends.c.owner)
        .limit(limit)
    )
    return [OwnerId(owner) for owner in tx.run(statement).scalars()]


def insist_on_access(tx: Transaction, owner: OwnerId) -> None:
    """
    Insist that an owner may have something sent.

    Raises:
        AccessEnded: They are past their end.
    """
    if tx.run(_IS_OVER, {"of_owner": owner, "now_s": tx.now_s}).first() is not None:
        raise AccessEnded
