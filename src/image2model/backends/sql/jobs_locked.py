"""A job that no other transaction can change: where every change of a job begins and ends."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from image2model.backends.sql.engine import Transaction
from image2model.backends.sql.rows import Row, Values, problem_value
from image2model.backends.sql.tables import items, jobs
from image2model.core.errors import ItemNotFound, JobNotFound, WrongState
from image2model.core.ids import JobId
from image2model.core.job import Problem
from image2model.core.states import FINAL_STATES, ItemState, JobState


class LockedJob:
    """
    A job's row, locked before anything else of the job is read or written.

    So a job's versions are committed in their order, and of two transactions that end the last
    two items the second sees what the first did and finishes the job.
    """

    def __init__(self, tx: Transaction, row: Row) -> None:
        self._tx = tx
        self.id = JobId(row.id)
        self.row = row
        self.now_s = round(row.now_s, 6)
        self.version: int = row.version + 1
        """The version that the items touched by this transaction get."""

    def insist(self, *allowed: JobState) -> None:
        """Raise `WrongState` where the job is in none of the *allowed* states."""
        if self.row.state not in allowed:
            raise WrongState(what=f"Job {self.id}", state=self.row.state, allowed=allowed)

    async def choose(self, indexes: Collection[int] | None) -> Sequence[Row]:
        """Read the items at *indexes*, or all, in order; or raise `ItemNotFound`."""
        statement = sa.select(items).where(items.c.job_id == self.id).order_by(items.c.place)
        rows = (await self._tx.run(statement)).all()
        if indexes is None:
            return rows
        missing = set(indexes) - {row.place for row in rows}
        if missing:
            raise ItemNotFound(job=self.id, index=min(missing))
        return [row for row in rows if row.place in indexes]

    async def change(self, rows: Collection[Row], values: Values) -> None:
        """Write the same *values* into several items, and mark them."""
        if rows:
            which = items.c.id.in_([row.id for row in rows])
            statement = sa.update(items).where(which)
            await self._tx.run(statement.values(version=self.version, **values))

    async def touch(self, **values: Any) -> Row:
        """
        Raise the job's version, write *values* into it, and finish it if it is over.

        Returns:
            Its row as it is now.
        """
        values = {"version": self.version, "touched_at": self.now_s, **values}
        state = values.get("state", self.row.state)
        if state in {JobState.RUNNING, JobState.PAUSED}:
            unfinished = items.c.state.not_in(list(FINAL_STATES))
            is_over = ~sa.exists().where(items.c.job_id == self.id, unfinished)
            finished = sa.literal(JobState.FINISHED, jobs.c.state.type)
            values["state"] = sa.case(
                (is_over, finished), else_=sa.literal(state, jobs.c.state.type)
            )
            values["finished_at"] = sa.case((is_over, self.now_s), else_=None)
        statement = sa.update(jobs).where(jobs.c.id == self.id).values(**values).returning(jobs)
        return (await self._tx.run(statement)).one()


async def lock_job(tx: Transaction, job: JobId) -> LockedJob:
    """Lock *job* until the transaction ends, or raise `JobNotFound`."""
    row = await try_lock_job(tx, job)
    if row is None:
        raise JobNotFound(job=job)
    return row


async def try_lock_job(tx: Transaction, job: JobId) -> LockedJob | None:
    """Lock *job* until the transaction ends; None: there is none."""
    statement = sa.select(jobs, tx.now.label("now_s")).where(jobs.c.id == job)
    # Rendered on PostgreSQL only: a transaction that writes to SQLite has it all for itself.
    row = (await tx.run(statement.with_for_update(of=jobs))).one_or_none()
    return None if row is None else LockedJob(tx, row)


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
