"""What people do to their jobs: rename, star, cancel, pause, resume, retry, resolve, delete."""

import contextlib
from collections.abc import Collection
from decimal import Decimal

import anyio

from image2model.core.audit import AuditAction
from image2model.core.errors import NoPictures, WrongState
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job, Problem
from image2model.core.rules import RESUBMIT_USD, offered_usd, undelivered_attempt, was_given_up
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.core.text.names import clean_name
from image2model.jobs.access import owned_job
from image2model.jobs.auditing import audit
from image2model.jobs.context import Context
from image2model.jobs.intake.quotas import check_counts
from image2model.jobs.intake.submit import (
    DraftChange,
    change_draft,
    check_purchases,
    dispatch_queued,
)
from image2model.jobs.results.keep_links import keep_links
from image2model.jobs.results.linked import settle_life
from image2model.jobs.storage.discard import discard_artifacts
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Resolution

_BEING_SENT_S = 3.0
"""
How long pausing and cancelling wait for the answers to submissions that were already written down.

Each is sent right after it was written down; the wait is there so that none of them leaves after
people were told that nothing does.
"""

_LOOK_EVERY_S = 0.25


async def update_job(
    context: Context,
    owner: OwnerId,
    job_id: JobId,
    *,
    name: str | None = None,
    starred: bool | None = None,
) -> Job:
    """
    Rename or star a job; None leaves it as it is. A starred job is kept beyond the retention.

    Results of which only the provider has the files are copied into our store before they are
    starred. Those that are gone stay as they are, as long as any is there.

    Raises:
        JobNotFound: The owner has no such job.
        ResultExpired: There is nothing left to keep of it.
        FetchError, StorageError: A file could not be copied; starring again goes on from there.
    """
    job = await owned_job(context, owner, job_id)
    clean = None if name is None else clean_name(name, fallback=job.name)
    if starred:
        await keep_links(context, job)
    changed = await context.store.update_job(job_id, name=clean, starred=starred)
    if starred is False:
        await settle_life(context, changed)
    await context.announce(job_id)
    return await context.store.get_job(job_id)


async def set_budget(context: Context, owner: OwnerId, job_id: JobId, budget_usd: Decimal) -> Job:
    """
    Change the most that a job may cost, in US dollars; 0: no limit.

    What a started job left because its budget was used up is then made by a retry.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is a draft that was started at the same moment; ask again.
    """
    job = await owned_job(context, owner, job_id)
    if job.state is JobState.DRAFT:
        return await change_draft(context, owner, job_id, DraftChange(budget_usd=budget_usd))
    await context.store.set_budget(job_id, budget_usd or None)
    await audit(context, AuditAction.BUDGET_CHANGED, job=job_id, budget_usd=budget_usd or None)
    await context.announce(job_id)
    return await context.store.get_job(job_id)


async def cancel_items(
    context: Context, owner: OwnerId, job_id: JobId, indexes: Collection[int] | None = None
) -> Job:
    """
    Cancel items, or all: waiting ones at once, those under way as soon as their worker hears.

    Final and uncertain items stay as they are, so cancelling twice is harmless.

    Raises:
        JobNotFound, ItemNotFound: One of them is not there, or not this owner's.
    """
    await owned_job(context, owner, job_id)
    await context.store.cancel_items(job_id, indexes)
    return await _stopped(context, job_id)


async def pause_job(context: Context, owner: OwnerId, job_id: JobId) -> Job:
    """
    Start no further items of a job; those under way go on.

    Items that wait for a place at their provider give it up. Nothing of the job is submitted
    after this has returned.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is neither running nor paused.
    """
    await owned_job(context, owner, job_id)
    await context.store.pause_job(job_id)
    return await _stopped(context, job_id)


async def resume_job(context: Context, owner: OwnerId, job_id: JobId) -> Job:
    """
    Let a paused job go on.

    Raises:
        JobNotFound: The owner has no such job.
        WrongState: It is neither running nor paused.
    """
    await owned_job(context, owner, job_id)
    await context.store.resume_job(job_id)
    return await _changed(context, job_id)


async def retry_items(
    context: Context, owner: OwnerId, job_id: JobId, indexes: Collection[int] | None = None
) -> Job:
    """
    Make failed items again: those named (cancelled ones too), or all failed ones.

    An item whose model was made and paid for but could not be fetched or kept is fetched again,
    never made again: that costs money, and is asked for by `resolve_item` alone. So is one that
    was given up while its answer was lost: without being named it stays as it is.
    One whose picture was refused cannot be made: without being named it stays as it is, too.

    Raises:
        JobNotFound, ItemNotFound: One of them is not there, or not this owner's.
        WrongState: A named item is neither failed nor cancelled, or was given up in doubt.
        NoPictures: A named item's picture was refused.
        GeneratorNotAllowed, PriceUnknown, PaymentNotAllowed: The owner may not buy it (any more).
        QuotaExceeded: The owner would have too many unfinished items.
    """
    job = await owned_job(context, owner, job_id)
    without = {item.index for item in job.items if not item.pictures}
    in_doubt = {item.index for item in job.items if was_given_up(item.state, item.attempts)}
    chosen = {item.index for item in job.items if item.state is ItemState.FAILED}
    chosen = chosen - without - in_doubt if indexes is None else set(indexes)
    # What is paid for is fetched, however much there is.
    to_fetch = {item.index for item in job.items if undelivered_attempt(item.attempts)}
    await check_counts(context, owner, items=len(chosen - to_fetch))
    if indexes is None:
        await _check_made_again(context, job, chosen)
        # Somebody else may have retried the same items since they were read.
        with contextlib.suppress(WrongState):
            await context.store.retry_items(job_id, chosen)
    elif refused := without.intersection(indexes):
        raise NoPictures(where=f"Item {min(refused)}")
    elif given_up := in_doubt.intersection(indexes):
        raise WrongState(
            what=f"Item {min(given_up)}",
            state="given up and may be paid for, so only `resubmit` makes it again",
            allowed=["failed for another reason", ItemState.CANCELLED],
        )
    else:
        await _check_made_again(context, job, indexes)
        await context.store.retry_items(job_id, indexes)
    return await _changed(context, job_id)


async def resolve_item(
    context: Context, owner: OwnerId, ref: ItemRef, resolution: Resolution
) -> Job:
    """
    Settle an item of which nobody knows whether the provider accepted it.

    It may be settled while the lost answer is still searched for; the search then ends. An item
    that was paid for and whose provider has it no more, or has something useless, may be
    submitted again as well, where that is offered (`offered_usd`). It is paid for again.

    Raises:
        JobNotFound, ItemNotFound: It is not there, or not this owner's.
        WrongState: There is no doubt about it, and it is not offered to be made again.
        GeneratorNotAllowed, PriceUnknown, PaymentNotAllowed: With `resubmit`: the owner may not
            buy it (any more).
    """
    job = await owned_job(context, owner, ref.job)
    item = next((item for item in job.items if item.index == ref.index), None)
    if item is not None and item.state is ItemState.FAILED and offered_usd(item) is None:
        raise WrongState(
            what=f"Item {ref.index}",
            state=item.state,
            allowed=["uncertain", "failed with an offer to make it again"],
        )
    if item is not None and resolution is Resolution.RESUBMIT:
        await check_purchases(context, job, [item])
    problem = Problem(
        code="given_up",
        message="You gave this item up after the provider's answer was lost. "
        "It may still appear on the provider's bill. Making it again may pay a second time, and "
        "happens only when you ask for just that (`resubmit`).",
        details={RESUBMIT_USD: _price_usd(item)},
    )
    await context.store.resolve_item(ref, resolution, problem=problem)
    if resolution is Resolution.RESUBMIT:
        usd = _price_usd(item)
        await audit(context, AuditAction.RESUBMITTED, job=ref.job, item=ref.index, expected_usd=usd)
    await context.recall()
    return await _changed(context, ref.job)


async def _check_made_again(context: Context, job: Job, indexes: Collection[int]) -> None:
    """Insist that the owner may buy those of the items that are made, and not only fetched."""
    again = [
        item
        for item in job.items
        if item.index in indexes and undelivered_attempt(item.attempts) is None
    ]
    await check_purchases(context, job, again)


def _price_usd(item: Item | None) -> float:
    attempts = item.attempts if item is not None else ()
    return float(attempts[-1].submission.estimated_usd) if attempts else 0.0


async def delete_job(context: Context, owner: OwnerId, job_id: JobId) -> None:
    """
    Delete a job with its pictures and results; workers on it stop, and nothing more is sent.

    Raises:
        JobNotFound: The owner has no such job.
    """
    await owned_job(context, owner, job_id)
    with contextlib.suppress(WrongState):  # It does not run: nothing of it is being sent.
        await context.store.pause_job(job_id)
        await until_sent(context, job_id)
    files = await context.store.delete_job(job_id)
    await context.recall()
    await discard_artifacts(context, files)
    await context.announce(job_id)


async def _stopped(context: Context, job_id: JobId) -> Job:
    await until_sent(context, job_id)
    return await _changed(context, job_id)


async def until_sent(context: Context, job_id: JobId) -> None:
    """Have workers hear of a stop at once, and let what was being sent at that moment be sent."""
    await context.recall()
    await context.announce(job_id)
    with anyio.move_on_after(_BEING_SENT_S):
        async with context.feed.watch(job_id) as watch:
            while any(map(_is_being_sent, (await context.store.get_job(job_id)).items)):
                await watch.changed(timeout_s=_LOOK_EVERY_S)


def _is_being_sent(item: Item) -> bool:
    is_open = bool(item.attempts) and item.attempts[-1].state is AttemptState.SUBMITTING
    return item.state is ItemState.SUBMITTING and is_open


async def _changed(context: Context, job_id: JobId) -> Job:
    await context.announce(job_id)
    job = await context.store.get_job(job_id)
    await settle_life(context, job)
    await dispatch_queued(context, job)
    return job
