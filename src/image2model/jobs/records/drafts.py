"""What may be done to a draft; each function changes the record, or raises and does not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from image2model.core.errors import ItemNotFound, TooManyItems, WrongState
from image2model.core.job import Description, Item, Job, Picture
from image2model.core.rules import front_first
from image2model.core.states import ItemState, JobState
from image2model.core.text.names import unique_name
from image2model.jobs.records.document import ItemRecord, JobRecord
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import DraftTerms


def put_picture(
    draft: JobRecord,
    ref: ItemRef,
    picture: Picture,
    *,
    name: str | None,
    item_limit: int,
    now: datetime,
) -> None:
    """Set one view of an item, adding the item if it is not there yet."""
    draft.insist(JobState.DRAFT)
    if ref.index < 0:
        raise ItemNotFound(job=ref.job, index=ref.index)
    if ref.index >= item_limit:
        raise TooManyItems(limit=item_limit)
    record = draft.items.get(ref.index)
    if record is None or name is not None:
        wanted = name if name is not None else f"item-{ref.index + 1}"
        name = unique_name(wanted, draft.names(but=ref.index))
    if record is None:
        assert name is not None
        item = Item(job=ref.job, index=ref.index, name=name, state=ItemState.QUEUED)
        record = draft.items[ref.index] = ItemRecord(item=item)
    before = record.item
    others = [known for known in before.pictures if known.view is not picture.view]
    pictures = front_first([*others, picture])
    record.item = replace(before, pictures=pictures, name=name or before.name)
    draft.touch([record], now)


def remove_item(draft: JobRecord, index: int, *, now: datetime) -> None:
    """Remove an item; later ones move up."""
    draft.insist(JobState.DRAFT)
    removed = draft.record(index)
    others = [record for record in draft.chosen(None) if record is not removed]
    moved = draft.place(others, [r.item.index - (r.item.index > index) for r in others])
    draft.touch(moved, now)


def move_item(draft: JobRecord, index: int, *, to: int, now: datetime) -> None:
    """Put an item at the place of another; those between move by one."""
    draft.insist(JobState.DRAFT)
    moving, _ = draft.record(index), draft.record(to)
    slots = sorted(draft.items)
    order = [record for record in draft.chosen(None) if record is not moving]
    order.insert(slots.index(to), moving)
    if moved := draft.place(order, slots):
        draft.touch(moved, now)


def describe_items(
    draft: JobRecord, descriptions: Mapping[int, Description], *, now: datetime
) -> None:
    """Name and describe items, by their indexes."""
    draft.insist(JobState.DRAFT)
    chosen = draft.chosen(descriptions)
    taken = {r.item.name for index, r in draft.items.items() if index not in descriptions}
    for described in chosen:
        said = descriptions[described.item.index]
        name = unique_name(said.name, taken)
        taken.add(name)
        described.item = replace(described.item, name=name, metadata=dict(said.metadata))
    if chosen:
        draft.touch(chosen, now)


def change_draft(draft: JobRecord, terms: DraftTerms, *, now: datetime) -> None:
    """Give it other terms."""
    draft.insist(JobState.DRAFT)
    after = replace(
        draft.job,
        generator=terms.generator,
        options=terms.options,
        output=terms.output,
        keep=terms.keep,
        life_s=terms.life_s,
        budget_usd=terms.budget_usd,
    )
    if after != draft.job:
        draft.job = after
        draft.touch((), now)


def start_job(draft: JobRecord, job: Job, *, now: datetime) -> None:
    """Turn it into the running *job*, if it is as it was read."""
    draft.insist(JobState.DRAFT)
    if draft.job.version != job.version:
        raise WrongState(what=f"Job {job.id}", state="changed since", allowed=["as it was read"])
    for item in job.items:
        found = draft.record(item.index)
        found.item = replace(found.item, made_key=item.made_key)
        found.come_to(item.state, problem=item.problem, now=now)
    draft.job = replace(
        draft.job,
        state=JobState.RUNNING,
        started_at=now,
        name=job.name,
        generator=job.generator,
        options=job.options,
        output=job.output,
        keep=job.keep,
        life_s=job.life_s,
        budget_usd=job.budget_usd,
        fingerprint=job.fingerprint,
    )
    draft.touch(draft.items.values(), now)
