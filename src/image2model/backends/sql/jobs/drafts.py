"""Drafts: pictures come and go, items change places, and at last the job starts."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from image2model.backends.sql.connections.transaction import Transaction
from image2model.backends.sql.jobs.events import add_events
from image2model.backends.sql.jobs.locking import LockedJob, lock_job
from image2model.backends.sql.jobs.reading import read_job
from image2model.backends.sql.jobs.retention import orphans, with_derived
from image2model.backends.sql.rows import (
    Row,
    item_values,
    name_values,
    output_value,
    picture_values,
    problem_value,
    settled_values,
    to_micro_usd,
)
from image2model.backends.sql.tables import items, pictures
from image2model.core.errors import ItemNotFound, TooManyItems, WrongState
from image2model.core.ids import ArtifactId, JobId, new_hex_id
from image2model.core.job import Description, Item, Job, Picture
from image2model.core.states import ItemState, JobState
from image2model.core.text.names import unique_name
from image2model.core.webhooks import TOLD_STATES
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import DraftTerms


def put_picture(
    tx: Transaction, ref: ItemRef, picture: Picture, *, name: str | None, item_limit: int
) -> Sequence[ArtifactId]:
    """Set one view of an item of a draft."""
    job = _lock_draft(tx, ref.job)
    if ref.index < 0:
        raise ItemNotFound(job=ref.job, index=ref.index)
    if ref.index >= item_limit:
        raise TooManyItems(limit=item_limit)
    item_id = _item_for_picture(tx, job, ref, name)
    before = (
        sa.delete(pictures)
        .where(pictures.c.item_id == item_id, pictures.c.view == picture.view)
        .returning(pictures.c.artifact)
    )
    replaced = tx.run(before).scalars().all()
    tx.run(sa.insert(pictures), picture_values(picture, item_id=item_id))
    job.touch()
    return with_derived(tx, orphans(tx, replaced))


def _item_for_picture(tx: Transaction, job: LockedJob, ref: ItemRef, name: str | None) -> str:
    """Find or add the item at *ref*, name it, mark it, and tell its id."""
    rows = tx.run(_places(job).add_columns(items.c.name)).all()
    known = next((row for row in rows if row.place == ref.index), None)
    if known is None or name is not None:
        taken = {row.name for row in rows if row is not known}
        name = unique_name(name or f"item-{ref.index + 1}", taken)
    if known is not None:
        values = {"version": job.version} | ({} if name is None else {"name": name})
        tx.run(sa.update(items).where(items.c.id == known.id).values(**values))
        item_id: str = known.id
        return item_id
    item = Item(
        job=ref.job,
        index=ref.index,
        name=name or "",
        state=ItemState.QUEUED,
        version=job.version,
    )
    item_id = new_hex_id()
    tx.run(sa.insert(items), item_values(item, item_id=item_id))
    return item_id


def remove_item(tx: Transaction, ref: ItemRef) -> Sequence[ArtifactId]:
    """Remove an item from a draft; later ones move up."""
    job = _lock_draft(tx, ref.job)
    rows = tx.run(_places(job)).all()
    removed = _at(rows, ref)
    of_item = pictures.c.item_id == removed.id
    seen = tx.run(sa.select(pictures.c.artifact).where(of_item)).scalars().all()
    tx.run(sa.delete(items).where(items.c.id == removed.id))
    later = [row for row in rows if row.place > ref.index]
    _place(tx, job, later, [row.place - 1 for row in later])
    job.touch()
    return with_derived(tx, orphans(tx, seen))


def move_item(tx: Transaction, ref: ItemRef, *, to: int) -> None:
    """Put an item of a draft at the place of another; those between move by one."""
    job = _lock_draft(tx, ref.job)
    rows = tx.run(_places(job)).all()
    moving, target = _at(rows, ref), _at(rows, ItemRef(ref.job, to))
    order = [row for row in rows if row is not moving]
    order.insert(rows.index(target), moving)
    moved = [(row, old.place) for row, old in zip(order, rows, strict=True) if row is not old]
    if moved:
        _place(tx, job, [row for row, _ in moved], [place for _, place in moved])
        job.touch()


def describe_items(tx: Transaction, job: JobId, descriptions: Mapping[int, Description]) -> None:
    """Name and describe items of a draft."""
    draft = _lock_draft(tx, job)
    rows = tx.run(_places(draft).add_columns(items.c.name)).all()
    chosen = {_at(rows, ItemRef(job, index)).id: said for index, said in descriptions.items()}
    taken = {row.name for row in rows if row.id not in chosen}
    changes = []
    for row in rows:
        if row.id in chosen:
            said = chosen[row.id]
            name = unique_name(said.name, taken)
            taken.add(name)
            described = {"name": name, "metadata": dict(said.metadata), "version": draft.version}
            changes.append({"item_id": row.id, **described})
    if changes:
        tx.run(sa.update(items).where(items.c.id == sa.bindparam("item_id")), changes)
        draft.touch()


def change_draft(tx: Transaction, job: JobId, terms: DraftTerms) -> None:
    """Give a draft other terms."""
    draft = _lock_draft(tx, job)
    values = {
        "generator": terms.generator,
        "options": dict(terms.options),
        "output": output_value(terms.output),
        "keep": terms.keep,
        "life_s": terms.life_s,
        "budget_micro_usd": to_micro_usd(terms.budget_usd),
    }
    if any(getattr(draft.row, name) != value for name, value in values.items()):
        draft.touch(**values)


def start_job(tx: Transaction, job: Job) -> Job:
    """Turn a draft into a running job."""
    draft = _lock_draft(tx, job.id)
    if draft.row.version != job.version:
        raise WrongState(what=f"Job {job.id}", state="changed since", allowed=["as it was read"])
    settled = [
        {
            "of_place": item.index,
            "made_key": item.made_key,
            "state": item.state,
            "problem": problem_value(item.problem),
            "not_before": tx.now_s if item.state is ItemState.QUEUED else None,
            "version": draft.version,
        }
        for item in job.items
    ]
    if settled:
        place = items.c.place == sa.bindparam("of_place")
        tx.run(sa.update(items).where(items.c.job_id == job.id, place), settled)
    refused = [(TOLD_STATES[one.state], one.index) for one in job.items if one.state in TOLD_STATES]
    add_events(tx, draft.row, refused)
    draft.touch_or_finish(
        state=JobState.RUNNING,
        started_at=tx.now_s,
        **name_values(job.name),
        **settled_values(job),
    )
    return read_job(tx, job.id)


def _lock_draft(tx: Transaction, job: JobId) -> LockedJob:
    draft = lock_job(tx, job)
    draft.insist(JobState.DRAFT)
    return draft


def _places(job: LockedJob) -> sa.Select[tuple[str, int]]:
    statement = sa.select(items.c.id, items.c.place).where(items.c.job_id == job.id)
    return statement.order_by(items.c.place)


def _at(rows: Sequence[Row], ref: ItemRef) -> Row:
    for row in rows:
        if row.place == ref.index:
            return row
    raise ItemNotFound(job=ref.job, index=ref.index)


def _place(tx: Transaction, job: LockedJob, rows: Sequence[Row], places: Sequence[int]) -> None:
    """Move items, by way of places that nothing can have, and mark them."""
    if not rows:
        return
    moves = [
        {"item_id": row.id, "place": -1 - place} for row, place in zip(rows, places, strict=True)
    ]
    tx.run(sa.update(items).where(items.c.id == sa.bindparam("item_id")), moves)
    of_job = sa.update(items).where(items.c.job_id == job.id, items.c.place < 0)
    tx.run(of_job.values(place=-1 - items.c.place, version=job.version))
