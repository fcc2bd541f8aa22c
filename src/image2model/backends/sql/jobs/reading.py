"""Reading jobs and items, listing jobs, telling what is new."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.rows import (
    Row,
    attempt_of,
    file_of,
    from_seconds,
    item_of,
    job_of,
    picture_of,
)
from image2model.backends.sql.tables import attempts, items, jobs, pictures, result_files
from image2model.core.errors import ItemNotFound, JobNotFound
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.rules import fold_text, format_position, front_first, parse_position
from image2model.core.states import ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import JobChanges, JobPage, JobQuery

_Part = TypeVar("_Part")


class Scope:
    """
    Statements that read some items and all that belongs to them; made once, for speed.

    Args:
        which: Conditions on `items` that all must hold.
    """

    def __init__(self, *which: sa.ColumnElement[bool]) -> None:
        self.items = sa.select(items).where(*which).order_by(items.c.place)
        self.pictures = self._parts(pictures, which).order_by(pictures.c.view)
        self.attempts = self._parts(attempts, which).order_by(attempts.c.number)
        self.files = self._parts(result_files, which).order_by(result_files.c.place)

    def _parts(self, table: sa.Table, which: Iterable[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        return sa.select(table).join(items, items.c.id == table.c.item_id).where(*which)


_OF_JOB = Scope(
    items.c.job_id == sa.bindparam("job"), items.c.version > sa.bindparam("after_version")
)
_OF_PLACE = Scope(items.c.job_id == sa.bindparam("job"), items.c.place == sa.bindparam("place"))
_JOB = sa.select(jobs).where(jobs.c.id == sa.bindparam("job"))
_COUNTS = (
    sa.select(items.c.job_id, items.c.state, sa.func.count())
    .where(items.c.job_id.in_(sa.bindparam("jobs", expanding=True)))
    .group_by(items.c.job_id, items.c.state)
)
_COUNTS_OF_ONE = (
    sa.select(items.c.state, sa.func.count())
    .where(items.c.job_id == sa.bindparam("job"))
    .group_by(items.c.state)
)


def read_job(tx: Transaction, job: JobId) -> Job:
    """Read *job* with its items, or raise `JobNotFound`."""
    row = _job_row(tx, job)
    found = read_items(tx, _OF_JOB, job=job, after_version=0)
    counts = Counter(item.state for item in found)
    return job_of(row, dict(counts), tuple(found))


def read_item(tx: Transaction, ref: ItemRef) -> Item:
    """Read one item, or raise `JobNotFound` or `ItemNotFound`."""
    found = read_items(tx, _OF_PLACE, job=ref.job, place=ref.index)
    if not found:
        _job_row(tx, ref.job)
        raise ItemNotFound(job=ref.job, index=ref.index)
    return found[0]


def read_items(tx: Transaction, scope: Scope, **parameters: Any) -> list[Item]:
    """Read the items of *scope*, by index."""
    return _complete(tx, tx.run(scope.items, parameters).all(), scope, parameters)


def complete_item(tx: Transaction, row: Row) -> Item:
    """Read what belongs to the item of *row*."""
    (item,) = _complete(tx, [row], _OF_PLACE, {"job": row.job_id, "place": row.place})
    return item


def _complete(
    tx: Transaction, rows: Sequence[Row], scope: Scope, parameters: Mapping[str, Any]
) -> list[Item]:
    def parts(statement: sa.Select[Any], read: Callable[[Row], _Part]) -> dict[str, list[_Part]]:
        found: dict[str, list[_Part]] = defaultdict(list)
        for row in tx.run(statement, parameters):
            found[row.item_id].append(read(row))
        return found

    seen = parts(scope.pictures, picture_of) if rows else {}
    tried = any(row.attempts for row in rows)
    ledger = parts(scope.attempts, attempt_of) if tried else {}
    made = any(row.facts is not None for row in rows)
    files = parts(scope.files, file_of) if made else {}
    return [
        item_of(
            row,
            pictures=front_first(seen.get(row.id, ())),
            attempts=tuple(ledger.get(row.id, ())),
            files=tuple(files.get(row.id, ())),
        )
        for row in rows
    ]


def read_summary(tx: Transaction, row: Row) -> Job:
    """Read the job of *row* without its items."""
    return job_of(row, read_counts(tx, row.id))


def read_counts(tx: Transaction, job: JobId) -> dict[ItemState, int]:
    """Count the items of *job* by their states."""
    return dict(tx.run(_COUNTS_OF_ONE, {"job": job}).all())


def list_jobs(tx: Transaction, query: JobQuery) -> JobPage:
    """List jobs, newest first, or raise `InvalidRequest` for a wrong position."""
    statement = sa.select(jobs)
    if query.owner is not None:
        statement = statement.where(jobs.c.owner == query.owner)
    if query.text:
        # Folding is done here, for SQLite folds the letters of English only.
        wanted = fold_text(query.text)
        statement = statement.where(jobs.c.folded_name.contains(wanted, autoescape=True))
    if query.state is not None:
        statement = statement.where(jobs.c.state == query.state)
    if query.starred is not None:
        statement = statement.where(jobs.c.starred == query.starred)
    if query.after is not None:
        created_at, last = parse_position(query.after)
        same_time = sa.and_(jobs.c.created_at == created_at, jobs.c.id < last)
        statement = statement.where(sa.or_(jobs.c.created_at < created_at, same_time))
    newest_first = statement.order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    rows = tx.run(newest_first.limit(query.limit + 1)).all()
    page = rows[: query.limit]
    counts: dict[str, dict[ItemState, int]] = defaultdict(dict)
    for job, state, count in tx.run(_COUNTS, {"jobs": [row.id for row in page]}):
        counts[job][state] = count
    return JobPage(
        jobs=[job_of(row, counts[row.id]) for row in page],
        next=format_position(from_seconds(page[-1].created_at), JobId(page[-1].id))
        if page and len(rows) > len(page)
        else None,
    )


def count_unfinished(tx: Transaction, owner: OwnerId) -> int:
    """Count an owner's drafts, running and paused jobs."""
    unfinished = jobs.c.state != JobState.FINISHED
    statement = sa.select(sa.func.count()).where(jobs.c.owner == owner, unfinished)
    count: int = tx.run(statement).scalar_one()
    return count


def has_key(tx: Transaction, owner: OwnerId, idempotency_key: str) -> bool:
    """Tell whether a job of an owner has an idempotency key."""
    statement = sa.select(jobs.c.id).where(
        jobs.c.owner == owner, jobs.c.idempotency_key == idempotency_key
    )
    return tx.run(statement).one_or_none() is not None


def changes_since(tx: Transaction, job: JobId, version: int) -> JobChanges:
    """Read what is new in a job since a version."""
    row = _job_row(tx, job)
    found: Sequence[Item] = []
    if row.version > version:
        found = read_items(tx, _OF_JOB, job=job, after_version=version)
    return JobChanges(job=read_summary(tx, row), items=found)


def _job_row(tx: Transaction, job: JobId) -> Row:
    row = tx.run(_JOB, {"job": job}).one_or_none()
    if row is None:
        raise JobNotFound(job=job)
    return row
