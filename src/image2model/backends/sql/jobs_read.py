"""Reading jobs and items, listing jobs, telling what is new."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from image2model.backends.sql.engine import Transaction
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


async def read_job(tx: Transaction, job: JobId) -> Job:
    """Read *job* with its items, or raise `JobNotFound`."""
    row = await _job_row(tx, job)
    found = await read_items(tx, items.c.job_id == job)
    counts: dict[ItemState, int] = defaultdict(int)
    for item in found:
        counts[item.state] += 1
    return job_of(row, dict(counts), tuple(found))


async def read_item(tx: Transaction, ref: ItemRef) -> Item:
    """Read one item, or raise `JobNotFound` or `ItemNotFound`."""
    found = await read_items(tx, items.c.job_id == ref.job, items.c.place == ref.index)
    if not found:
        await _job_row(tx, ref.job)
        raise ItemNotFound(job=ref.job, index=ref.index)
    return found[0]


async def read_items(tx: Transaction, *which: sa.ColumnElement[bool]) -> list[Item]:
    """Read the items for which all of *which* hold, by index."""
    rows = (await tx.run(sa.select(items).where(*which).order_by(items.c.place))).all()
    return await complete_items(tx, rows, which)


async def complete_items(
    tx: Transaction, rows: Sequence[Row], which: Iterable[sa.ColumnElement[bool]]
) -> list[Item]:
    """Read what belongs to the items in *rows*, which are those for which all of *which* hold."""

    async def parts(
        table: sa.Table, order: sa.Column[Any], read: Callable[[Row], _Part]
    ) -> Mapping[str, list[_Part]]:
        statement = sa.select(table).join(items, items.c.id == table.c.item_id).where(*which)
        found: dict[str, list[_Part]] = defaultdict(list)
        for row in await tx.run(statement.order_by(order)):
            found[row.item_id].append(read(row))
        return found

    nothing: Mapping[str, list[Any]] = {}
    seen = await parts(pictures, pictures.c.view, picture_of) if rows else nothing
    tried = any(row.attempts for row in rows)
    ledger = await parts(attempts, attempts.c.number, attempt_of) if tried else nothing
    made = any(row.facts is not None for row in rows)
    files = await parts(result_files, result_files.c.place, file_of) if made else nothing
    return [
        item_of(
            row,
            pictures=front_first(seen.get(row.id, ())),
            attempts=tuple(ledger.get(row.id, ())),
            files=tuple(files.get(row.id, ())),
        )
        for row in rows
    ]


async def read_counts(
    tx: Transaction, which: Iterable[JobId]
) -> Mapping[JobId, Mapping[ItemState, int]]:
    """Count the items of jobs by state."""
    counts: dict[JobId, dict[ItemState, int]] = defaultdict(dict)
    statement = (
        sa.select(items.c.job_id, items.c.state, sa.func.count())
        .where(items.c.job_id.in_(list(which)))
        .group_by(items.c.job_id, items.c.state)
    )
    for job, state, count in await tx.run(statement):
        counts[JobId(job)][state] = count
    return counts


async def read_summary(tx: Transaction, row: Row) -> Job:
    """Read the job of *row* without its items."""
    job = JobId(row.id)
    return job_of(row, (await read_counts(tx, [job])).get(job, {}))


async def list_jobs(tx: Transaction, query: JobQuery) -> JobPage:
    """List jobs, newest first, or raise `InvalidRequest` for a wrong position."""
    statement = sa.select(jobs).where(jobs.c.owner == query.owner)
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
    rows = (await tx.run(newest_first.limit(query.limit + 1))).all()
    page = rows[: query.limit]
    counts = await read_counts(tx, [JobId(row.id) for row in page])
    return JobPage(
        jobs=[job_of(row, counts.get(JobId(row.id), {})) for row in page],
        next=format_position(from_seconds(page[-1].created_at), JobId(page[-1].id))
        if page and len(rows) > len(page)
        else None,
    )


async def count_unfinished(tx: Transaction, owner: OwnerId) -> int:
    """Count an owner's running and paused jobs."""
    unfinished = jobs.c.state.in_([JobState.RUNNING, JobState.PAUSED])
    statement = sa.select(sa.func.count()).where(jobs.c.owner == owner, unfinished)
    count: int = (await tx.run(statement)).scalar_one()
    return count


async def changes_since(tx: Transaction, job: JobId, version: int) -> JobChanges:
    """Read what is new in a job since a version."""
    row = await _job_row(tx, job)
    found: Sequence[Item] = []
    if row.version > version:
        found = await read_items(tx, items.c.job_id == job, items.c.version > version)
    return JobChanges(job=await read_summary(tx, row), items=found)


async def _job_row(tx: Transaction, job: JobId) -> Row:
    row = (await tx.run(sa.select(jobs).where(jobs.c.id == job))).one_or_none()
    if row is None:
        raise JobNotFound(job=job)
    return row
