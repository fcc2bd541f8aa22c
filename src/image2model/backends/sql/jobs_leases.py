"""Which items are due, and who holds them."""

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from image2model.backends.sql.dialect import lock_rows
from image2model.backends.sql.engine import Transaction
from image2model.backends.sql.jobs_locked import no_lease
from image2model.backends.sql.jobs_read import complete_items, read_summary
from image2model.backends.sql.tables import items, jobs
from image2model.core.ids import JobId, WorkerId
from image2model.core.states import ACTIVE_STATES, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Claim, Renewed

Held = tuple[ItemRef, int]

_HELD_AT_ONCE = 500
"""How many leases one statement names: three parameters each, and SQLite takes 32,766."""

_JOB_WORKS = sa.or_(
    jobs.c.state == JobState.RUNNING,
    sa.and_(jobs.c.state == JobState.PAUSED, items.c.state.in_(sorted(ACTIVE_STATES))),
)


async def due_items(tx: Transaction, *, limit: int) -> Sequence[ItemRef]:
    """List items that may be claimed now, those waiting longest first."""
    statement = (
        sa.select(items.c.job_id, items.c.place)
        .join(jobs, jobs.c.id == items.c.job_id)
        .where(*_is_free(tx), _JOB_WORKS)
        .order_by(items.c.not_before, items.c.job_id, items.c.place)
        .limit(limit)
    )
    return [ItemRef(JobId(job), place) for job, place in await tx.run(statement)]


async def claim_item(
    tx: Transaction, ref: ItemRef, *, worker: WorkerId, lease_s: float
) -> Claim | None:
    """Take the lease of an item that is due."""
    works = sa.exists().where(jobs.c.id == items.c.job_id, _JOB_WORKS).correlate(items)
    taken = (
        sa.update(items)
        .where(items.c.job_id == ref.job, items.c.place == ref.index, *_is_free(tx), works)
        .values(lease_owner=worker, lease_until=tx.now + lease_s, fence=items.c.fence + 1)
        .returning(items)
    )
    row = (await tx.run(taken)).one_or_none()
    if row is None:
        return None
    job = (await tx.run(sa.select(jobs).where(jobs.c.id == ref.job))).one()
    (item,) = await complete_items(tx, [row], [items.c.id == row.id])
    return Claim(
        ref=ref, worker=worker, fence=row.fence, job=await read_summary(tx, job), item=item
    )


async def renew_leases(
    tx: Transaction, worker: WorkerId, claims: Collection[Held], *, lease_s: float
) -> Sequence[Renewed]:
    """Prolong leases."""
    renewed = []
    for which in await _held(tx, worker, claims):
        statement = (
            sa.update(items)
            .where(which)
            .values(lease_until=tx.now + lease_s)
            .returning(items.c.job_id, items.c.place, items.c.fence, items.c.cancel_requested)
        )
        for job, place, fence, wanted in await tx.run(statement):
            ref = ItemRef(JobId(job), place)
            renewed.append(Renewed(ref=ref, fence=fence, cancel_requested=wanted))
    return renewed


async def release_leases(tx: Transaction, worker: WorkerId, claims: Collection[Held]) -> None:
    """Give leases back."""
    for which in await _held(tx, worker, claims):
        await tx.run(sa.update(items).where(which).values(**no_lease()))


async def _held(
    tx: Transaction, worker: WorkerId, claims: Collection[Held]
) -> Iterator[sa.ColumnElement[bool]]:
    """Lock the jobs of *claims*; say in a few conditions which items they are, if still held."""
    # Everybody locks jobs before items, so nobody waits for one who waits for him.
    held_jobs = sa.select(jobs.c.id).where(jobs.c.id.in_({ref.job for ref, _ in claims}))
    await lock_rows(tx.connection, held_jobs.order_by(jobs.c.id))
    names = [(ref.job, ref.index, fence) for ref, fence in claims]
    name = sa.tuple_(items.c.job_id, items.c.place, items.c.fence)
    return (
        sa.and_(items.c.lease_owner == worker, name.in_(names[start : start + _HELD_AT_ONCE]))
        for start in range(0, len(names), _HELD_AT_ONCE)
    )


def _is_free(tx: Transaction) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return items.c.not_before <= tx.now, items.c.lease_until <= tx.now
