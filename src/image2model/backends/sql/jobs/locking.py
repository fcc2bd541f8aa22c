"""A job that no other transaction can change: where every change of a job begins and ends."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.events import add_events, add_item_events
from image2model.backends.sql.rows import Row, Values, end_values, problem_value
from image2model.backends.sql.tables import items, jobs
from image2model.core.errors import ItemNotFound, JobNotFound, WrongState
from image2model.core.ids import JobId
from image2model.core.job import Problem
from image2model.core.states import FINAL_STATES, ItemState, JobState
from image2model.core.webhooks import EventType

_LOCK = sa.select(jobs).where(jobs.c.id == sa.bindparam("job")).with_for_update()
"""The lock is rendered on PostgreSQL only: on SQLite the transaction has everything for itself."""

_LOCK_AND_TOUCH = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("job"))
    .values(version=jobs.c.version + sa.bindparam("times"), touched_at=sa.bindparam("at_s"))
    .returning(jobs)
)
_TOUCH = sa.update(jobs).where(jobs.c.id == sa.bindparam("job")).returning(jobs)
_FINISH = (
    sa.update(jobs)
    .where(
        jobs.c.id == sa.bindparam("job"),
        sa.or_(jobs.c.state == JobState.RUNNING, jobs.c.state == JobState.PAUSED),
        ~sa.exists().where(
            items.c.job_id == jobs.c.id,
            sa.and_(*(items.c.state != state for state in sorted(FINAL_STATES))),
        ),
    )
    .returning(jobs)
)


class LockedJob:
    """
    A job's row, locked before anything else of the job is read or written.

    So a job's versions are committed in their order, and of two transactions that end the last
    two items the second sees what the first did and finishes the job.
    """

    def __init__(self, tx: Transaction, row: Row, *, version: int) -> None:
        self._tx = tx
        self.id = JobId(row.id)
        self.row = row
        self.version = version
        """The version that the items touched by this transaction get."""

    def insist(self, *allowed: JobState) -> None:
        """Raise `WrongState` where the job is in none of the *allowed* states."""
        if self.row.state not in allowed:
            raise WrongState(what=f"Job {self.id}", state=self.row.state, allowed=allowed)

    def choose(self, indexes: Collection[int] | None) -> Sequence[Row]:
        """Read the items at *indexes*, or all, in order; or raise `ItemNotFound`."""
        statement = sa.select(items).where(items.c.job_id == self.id).order_by(items.c.place)
        rows = self._tx.run(statement).all()
        if indexes is None:
            return rows
        missing = set(indexes) - {row.place for row in rows}
        if missing:
            raise ItemNotFound(job=self.id, index=min(missing))
        return [row for row in rows if row.place in indexes]

    def change(self, rows: Collection[Row], values: Values) -> None:
        """Write the same *values* into several items, and mark them."""
        if rows:
            if "state" in values:
                add_item_events(self._tx, self.row, [(row, values["state"]) for row in rows])
            which = items.c.id.in_([row.id for row in rows])
            statement = sa.update(items).where(which)
            self._tx.run(statement.values(version=self.version, **values))

    def touch(self, **values: Any) -> Row:
        """Raise the job's version, write *values* into it, and return its row as it is now."""
        if self.row.state is JobState.DRAFT and values.get("state") is JobState.RUNNING:
            add_events(self._tx, self.row, [(EventType.JOB_STARTED, None)])
        values = {"version": self.version, "touched_at": self._tx.now_s, **values}
        return self._tx.run(_TOUCH, {"job": self.id, **values}).one()

    def touch_or_finish(self, **values: Any) -> Row:
        """Touch the job, and finish it if it is running or paused and all its items are final."""
        touched = self.touch(**values)
        return self.finish(touched) or touched

    def finish(self, touched: Row) -> Row | None:
        """Finish the job as touched, if it is running or paused and all its items are final."""
        finished = end_values(self._tx.now_s, life_s=touched.life_s, starred=touched.starred)
        row = self._tx.run(_FINISH, {"job": self.id, **finished}).one_or_none()
        if row is not None:
            add_events(self._tx, row, [(EventType.JOB_FINISHED, None)])
        return row


def lock_job(tx: Transaction, job: JobId) -> LockedJob:
    """Lock *job* until the transaction ends, or raise `JobNotFound`."""
    row = try_lock_job(tx, job)
    if row is None:
        raise JobNotFound(job=job)
    return row


def try_lock_job(tx: Transaction, job: JobId) -> LockedJob | None:
    """Lock *job* until the transaction ends; None: there is none."""
    row = tx.run(_LOCK, {"job": job}).one_or_none()
    return None if row is None else LockedJob(tx, row, version=row.version + 1)


def lock_and_touch_job(tx: Transaction, job: JobId, *, times: int) -> LockedJob | None:
    """
    Lock *job* and touch it *times* in one statement, for what is done often.

    Returns:
        The job with the last of its new versions; None: there is none.
    """
    row = tx.run(_LOCK_AND_TOUCH, {"job": job, "times": times, "at_s": tx.now_s}).one_or_none()
    return None if row is None else LockedJob(tx, row, version=row.version)


def standing_values(state: ItemState, problem: Problem | None) -> Values:
    """Give the columns of an item that comes to a final state in which nobody works on it."""
    return {
        "state": state,
        "problem": problem_value(problem),
        "phase": "",
        "queue_position": None,
        "eta_s": None,
        "not_before": None,
        **no_lease(),
    }


def queued_again_values(now_s: float) -> Values:
    """Give the columns of an item that is made again from its beginning."""
    return {
        **standing_values(ItemState.QUEUED, None),
        "fraction": 0.0,
        "cancel_requested": False,
        "not_before": now_s,
    }


def no_lease() -> Values:
    """Give the columns of an item that nobody holds."""
    return {"lease_owner": None, "lease_until": 0.0}
