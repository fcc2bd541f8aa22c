"""Which items are due, who holds them, and whose turn it is."""

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import add_if_absent, lock_rows
from image2model.backends.sql.jobs.locking import no_lease
from image2model.backends.sql.jobs.reading import complete_item, read_summary
from image2model.backends.sql.tables import items, jobs, turns
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId, OwnerId, WorkerId
from image2model.core.states import ACTIVE_STATES, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Claim, DueJob, Renewed

Held = tuple[ItemRef, int]

_HELD_AT_ONCE = 500
"""How many leases one statement names: three parameters each, and SQLite takes 32,766."""

_IS_FREE = sa.and_(
    items.c.not_before <= sa.bindparam("now_s"), items.c.lease_until <= sa.bindparam("now_s")
)
_JOB_WORKS = sa.or_(
    jobs.c.state == JobState.RUNNING,
    sa.and_(
        jobs.c.state == JobState.PAUSED,
        sa.or_(*(items.c.state == state for state in sorted(ACTIVE_STATES))),
    ),
)
_DUE = (
    sa.select(items.c.job_id, items.c.place)
    .join(jobs, jobs.c.id == items.c.job_id)
    .where(_IS_FREE, _JOB_WORKS)
    .order_by(items.c.not_before, items.c.job_id, items.c.place)
    .limit(sa.bindparam("most"))
)
_DUE_JOBS = (
    sa.select(jobs.c.id, jobs.c.owner, jobs.c.generator, sa.func.min(items.c.place))
    .join(items, jobs.c.id == items.c.job_id)
    .where(_IS_FREE, _JOB_WORKS)
    .group_by(jobs.c.id, jobs.c.owner, jobs.c.generator)
    .order_by(sa.func.min(items.c.not_before), jobs.c.id)
    .limit(sa.bindparam("most"))
)
_CLAIM = (
    sa.update(items)
    .where(
        items.c.job_id == sa.bindparam("of_job"),
        items.c.place == sa.bindparam("at_place"),
        _IS_FREE,
        sa.exists().where(jobs.c.id == items.c.job_id, _JOB_WORKS).correlate(items),
    )
    .values(
        lease_owner=sa.bindparam("worker"),
        lease_until=sa.bindparam("until_s"),
        fence=items.c.fence + 1,
    )
    .returning(items)
)
_JOB = sa.select(jobs).where(jobs.c.id == sa.bindparam("job"))


def due_items(tx: Transaction, *, limit: int) -> Sequence[ItemRef]:
    """List items that may be claimed now, those waiting longest first."""
    rows = tx.run(_DUE, {"now_s": tx.now_s, "most": limit})
    return [ItemRef(JobId(job), place) for job, place in rows]


def due_jobs(tx: Transaction, *, limit: int) -> Sequence[DueJob]:
    """List jobs of which items may be claimed now, those waiting longest first."""
    rows = tx.run(_DUE_JOBS, {"now_s": tx.now_s, "most": limit})
    return [
        DueJob(
            first=ItemRef(JobId(job), place),
            owner=OwnerId(owner),
            generator=GeneratorId(generator),
        )
        for job, owner, generator, place in rows
    ]


def claim_item(tx: Transaction, ref: ItemRef, *, worker: WorkerId, lease_s: float) -> Claim | None:
    """Take the lease of an item that is due."""
    until_s = tx.now_s + lease_s
    parameters = {"of_job": ref.job, "at_place": ref.index, "worker": worker, "until_s": until_s}
    row = tx.run(_CLAIM, {"now_s": tx.now_s, **parameters}).one_or_none()
    if row is None:
        return None
    of_job = tx.run(_JOB, {"job": ref.job}).one()
    if not _works(of_job.state, row.state):
        # The job was paused while the first statement waited, which did not see that.
        tx.run(sa.update(items).where(items.c.id == row.id).values(**no_lease()))
        return None
    job = read_summary(tx, of_job)
    return Claim(ref=ref, worker=worker, fence=row.fence, job=job, item=complete_item(tx, row))


def _works(job: JobState, item: ItemState) -> bool:
    return job is JobState.RUNNING or (job is JobState.PAUSED and item in ACTIVE_STATES)


def renew_leases(
    tx: Transaction, worker: WorkerId, claims: Collection[Held], *, lease_s: float
) -> Sequence[Renewed]:
    """Prolong leases."""
    renewed = []
    for which in _held(tx, worker, claims):
        statement = (
            sa.update(items)
            .where(which)
            .values(lease_until=tx.now_s + lease_s)
            .returning(items.c.job_id, items.c.place, items.c.fence, items.c.cancel_requested)
        )
        for job, place, fence, wanted in tx.run(statement):
            ref = ItemRef(JobId(job), place)
            renewed.append(Renewed(ref=ref, fence=fence, cancel_requested=wanted))
    return renewed


def release_leases(tx: Transaction, worker: WorkerId, claims: Collection[Held]) -> None:
    """Give leases back."""
    for which in _held(tx, worker, claims):
        tx.run(sa.update(items).where(which).values(**no_lease()))


def take_turn(tx: Transaction, duty: str, *, worker: WorkerId, lease_s: float) -> bool:
    """Take, or keep, the turn at what one process at a time is enough for."""
    add_if_absent(tx.connection, turns, {"duty": duty, "worker": worker, "until": 0.0})
    is_open = sa.or_(turns.c.worker == worker, turns.c.until <= tx.now_s)
    taken = sa.update(turns).where(turns.c.duty == duty, is_open)
    return tx.run(taken.values(worker=worker, until=tx.now_s + lease_s)).rowcount == 1


def _held(
    tx: Transaction, worker: WorkerId, claims: Collection[Held]
) -> Iterator[sa.ColumnElement[bool]]:
    """Lock the jobs of *claims*; say in a few conditions which items they are, if still held."""
    # Everybody locks jobs before items, so nobody waits for one who waits for him.
    held_jobs = sa.select(jobs.c.id).where(jobs.c.id.in_({ref.job for ref, _ in claims}))
    lock_rows(tx.connection, held_jobs.order_by(jobs.c.id))
    names = [(ref.job, ref.index, fence) for ref, fence in claims]
    name = sa.tuple_(items.c.job_id, items.c.place, items.c.fence)
    return (
        sa.and_(items.c.lease_owner == worker, name.in_(names[start : start + _HELD_AT_ONCE]))
        for start in range(0, len(names), _HELD_AT_ONCE)
    )
