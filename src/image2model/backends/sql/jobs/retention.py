"""What is kept how long, and which files nothing names any more."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.dialect import lock_owner, put_row
from image2model.backends.sql.jobs.locking import lock_job, try_lock_job
from image2model.backends.sql.jobs.steps import replace_files
from image2model.backends.sql.rows import to_seconds
from image2model.backends.sql.tables import (
    attempts,
    derived_files,
    facts,
    items,
    jobs,
    pictures,
    result_files,
)
from image2model.core.errors import JsonValue, WrongState
from image2model.core.ids import ArtifactId, JobId, OwnerId
from image2model.core.job import Result
from image2model.core.rules import ENDED_ATTEMPTS
from image2model.core.states import ItemState, JobState
from image2model.ports.dispatcher import ItemRef

_ARTIFACTS_AT_ONCE = 1000
_CHECK = sa.text(
    "INSERT INTO checks (id, checked_at) VALUES (1, :now_s)"
    " ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at"
)


def set_expiry(tx: Transaction, job: JobId, expires_at: datetime | None) -> None:
    """Set when a finished job is deleted."""
    locked = try_lock_job(tx, job)
    if locked is None or locked.row.starred or locked.row.state is not JobState.FINISHED:
        return
    if locked.row.expires_at != to_seconds(expires_at):
        locked.touch(expires_at=to_seconds(expires_at))


def expired_jobs(
    tx: Transaction, *, draft_life_s: float, empty_draft_life_s: float, limit: int
) -> Sequence[JobId]:
    """List jobs past their `expires_at`, and drafts long untouched."""
    is_over = _is_over(tx, draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s)
    statement = (
        sa.select(jobs.c.id)
        .where(is_over)
        .order_by(sa.func.coalesce(jobs.c.expires_at, jobs.c.touched_at), jobs.c.id)
        .limit(limit)
    )
    return [JobId(job) for job in tx.run(statement).scalars()]


def expire_job(
    tx: Transaction, job: JobId, *, draft_life_s: float, empty_draft_life_s: float
) -> Sequence[ArtifactId] | None:
    """Remove a job that is over."""
    if try_lock_job(tx, job) is None:
        return None
    is_over = _is_over(tx, draft_life_s=draft_life_s, empty_draft_life_s=empty_draft_life_s)
    if tx.run(sa.select(jobs.c.id).where(jobs.c.id == job, is_over)).first() is None:
        return None
    return delete_job(tx, job)


def _is_over(
    tx: Transaction, *, draft_life_s: float, empty_draft_life_s: float
) -> sa.ColumnElement[bool]:
    is_empty = ~sa.exists().where(items.c.job_id == jobs.c.id)
    is_old_draft = sa.and_(
        jobs.c.state == JobState.DRAFT,
        sa.or_(
            jobs.c.touched_at <= tx.now_s - draft_life_s,
            sa.and_(jobs.c.touched_at <= tx.now_s - empty_draft_life_s, is_empty),
        ),
    )
    return sa.or_(jobs.c.expires_at <= tx.now_s, is_old_draft)


def owners_of_jobs(tx: Transaction, owners: Sequence[OwnerId]) -> set[OwnerId]:
    """Tell which owners have a job."""
    statement = sa.select(jobs.c.owner).where(jobs.c.owner.in_(owners)).distinct()
    return {OwnerId(owner) for owner in tx.run(statement).scalars()}


def delete_job(tx: Transaction, job: JobId) -> Sequence[ArtifactId]:
    """Remove a job and all about it; the ledger stays."""
    locked = lock_job(tx, job)
    # A job of the same owner that is being added may be about to name the same files.
    lock_owner(tx.connection, locked.row.owner)
    named: list[ArtifactId] = []
    for table in (pictures, result_files):
        statement = sa.select(table.c.artifact).join(items, items.c.id == table.c.item_id)
        of_job = statement.where(items.c.job_id == job, table.c.artifact.is_not(None))
        named += tx.run(of_job).scalars().all()
    tx.run(
        sa.delete(attempts).where(
            attempts.c.job_id == job,
            attempts.c.state.in_(sorted(ENDED_ATTEMPTS)),
            sa.func.coalesce(attempts.c.cost_micro_usd, attempts.c.estimated_micro_usd) == 0,
        )
    )
    tx.run(sa.delete(jobs).where(jobs.c.id == job))
    return with_derived(tx, orphans(tx, named))


def replace_result(tx: Transaction, ref: ItemRef, result: Result) -> Sequence[ArtifactId]:
    """Give a succeeded item another result."""
    locked = lock_job(tx, ref.job)
    (item,) = locked.choose([ref.index])
    if item.state is not ItemState.SUCCEEDED:
        raise WrongState(what=f"Item {ref.index}", state=item.state, allowed=[ItemState.SUCCEEDED])
    # Another job of the same owner may be about to take the result over, or to let go of it.
    lock_owner(tx.connection, locked.row.owner)
    of_item = sa.select(result_files.c.artifact).where(
        result_files.c.item_id == item.id, result_files.c.artifact.is_not(None)
    )
    named = tx.run(of_item).scalars().all()
    replace_files(tx, item, result)
    locked.change([item], {"facts": dict(result.facts)})
    locked.touch()
    return with_derived(tx, orphans(tx, named))


def orphans(tx: Transaction, artifacts: Iterable[ArtifactId]) -> list[ArtifactId]:
    """Tell which of *artifacts* nothing names, each once."""
    candidates = list(dict.fromkeys(artifacts))
    named: set[ArtifactId] = set()
    for start in range(0, len(candidates), _ARTIFACTS_AT_ONCE):
        some = candidates[start : start + _ARTIFACTS_AT_ONCE]
        for table in (pictures, result_files):
            statement = sa.select(table.c.artifact).where(table.c.artifact.in_(some))
            named.update(tx.run(statement).scalars())
        # A row can outlive its source where one was written while the other went.
        alive = sa.or_(
            *(
                sa.exists().where(table.c.artifact == derived_files.c.source)
                for table in (pictures, result_files)
            )
        )
        statement = sa.select(derived_files.c.artifact).where(
            derived_files.c.artifact.in_(some), alive
        )
        named.update(tx.run(statement).scalars())
    return [artifact for artifact in candidates if artifact not in named]


def with_derived(tx: Transaction, gone: Sequence[ArtifactId]) -> Sequence[ArtifactId]:
    """Forget what was made of files that nothing names any more; returns these and those."""
    made: list[ArtifactId] = []
    for start in range(0, len(gone), _ARTIFACTS_AT_ONCE):
        of_gone = derived_files.c.source.in_(gone[start : start + _ARTIFACTS_AT_ONCE])
        made += tx.run(sa.select(derived_files.c.artifact).where(of_gone)).scalars()
        tx.run(sa.delete(derived_files).where(of_gone))
    return [*gone, *made]


def write_check(tx: Transaction) -> None:
    """Write something, to say whether the database can be written."""
    tx.run(_CHECK, {"now_s": tx.now_s})


def keep_fact(tx: Transaction, name: str, value: JsonValue) -> None:
    """Keep a value under a name in place of what was there."""
    put_row(tx.connection, facts, {"name": name, "value": value})


def find_fact(tx: Transaction, name: str) -> JsonValue | None:
    """Read what is kept under a name; None: nothing."""
    found: JsonValue | None = tx.run(
        sa.select(facts.c.value).where(facts.c.name == name)
    ).scalar_one_or_none()
    return found
