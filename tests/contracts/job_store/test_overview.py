"""What every `JobStore` tells operators of all owners together."""

from dataclasses import replace
from decimal import Decimal

import pytest

from image2model.core.generator import GeneratorId
from image2model.core.ids import OwnerId
from image2model.core.job import Job
from image2model.core.money import DAY_S, MONTH_S
from image2model.core.states import ItemState, JobState
from image2model.ports.jobstore import JobQuery, JobStore
from image2model.ports.overview import OwnerLine, QueueLine
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    accept,
    make_draft,
    make_file,
    make_item,
    make_job,
    make_picture,
    make_result,
    new_start,
    refs,
    succeed,
    take,
)

pytestmark = pytest.mark.anyio

ANNA, BERT = OwnerId("key:0badcafe"), OwnerId("session:bert")


async def test_queue_counts_what_is_to_be_made(job_store: JobStore, store_clock: FakeClock) -> None:
    """Neither drafts nor what has ended; what waits longest is told of, paused jobs apart."""
    empty = await job_store.queue()
    assert (empty.lines, empty.waiting_since) == ([], None)
    paused = await job_store.add_job(make_job(count=1, owner=ANNA))
    await job_store.pause_job(paused.id)
    await store_clock.advance(10)
    first = await job_store.add_job(make_job(count=3, owner=ANNA))
    await store_clock.advance(10)
    await job_store.add_job(make_job(count=2, owner=BERT, generator=GeneratorId("testing/ball")))
    await job_store.add_job(make_draft(count=1))
    await succeed(job_store, refs(first)[0])
    claim = await job_store.step(await take(job_store, refs(first)[1]), new_start())
    await job_store.step(claim, accept())
    queue = await job_store.queue()
    assert list(queue.lines) == [
        QueueLine(generator=GeneratorId("testing/ball"), state=ItemState.QUEUED, items=2),
        QueueLine(generator=GeneratorId("testing/cube"), state=ItemState.GENERATING, items=1),
        QueueLine(generator=GeneratorId("testing/cube"), state=ItemState.QUEUED, items=2),
    ]
    assert queue.waiting_since == (await job_store.get_job(first.id)).started_at


async def test_what_is_being_sent_is_told_of(job_store: JobStore) -> None:
    """From the moment that it is written down until its maker has answered; paused jobs too."""
    await job_store.add_job(make_draft(count=1))
    job = await job_store.add_job(make_job(count=2, owner=ANNA))
    assert not await job_store.is_sending()
    claim = await job_store.step(await take(job_store, refs(job)[0]), new_start())
    assert await job_store.is_sending()
    await job_store.pause_job(job.id)
    assert await job_store.is_sending()
    await job_store.step(claim, accept())
    assert not await job_store.is_sending()


async def test_spending_is_added_up_by_owner_and_generator(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """What ended more than 30 days ago does not count, and what is gone still does."""

    async def spend(owner: OwnerId, usd: str) -> None:
        job = await job_store.add_job(make_job(count=1, owner=owner))
        claim = await job_store.step(await take(job_store, refs(job)[0]), new_start(usd))
        await job_store.step(claim, accept())
        await job_store.delete_job(job.id)

    await spend(BERT, "8.00")
    await store_clock.advance(MONTH_S - DAY_S)
    await spend(ANNA, "0.50")
    await store_clock.advance(DAY_S)
    await spend(ANNA, "0.25")
    await spend(BERT, "1.00")
    found = [
        (line.owner, line.provider, line.generator, line.attempts, line.day_usd, line.month_usd)
        for line in await job_store.spending()
    ]
    cube = ("testing", GeneratorId("testing/cube"))
    assert found == [
        (ANNA, *cube, 2, Decimal("0.25"), Decimal("0.75")),
        (BERT, *cube, 1, Decimal("1.00"), Decimal("1.00")),
    ]


async def test_owners_are_listed_with_what_they_have(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """A file that two jobs share counts once."""
    assert list(await job_store.owners()) == []
    picture, kept = replace(make_picture(), size_bytes=1_000), make_file(size_bytes=50)
    one = make_job(make_item(0, pictures=(picture,)), owner=ANNA)
    first = await job_store.add_job(one)
    await succeed(job_store, refs(first)[0], make_result(kept))
    await store_clock.advance(10)
    second = await job_store.add_job(make_job(make_item(0, pictures=(picture,)), owner=ANNA))
    third = await job_store.add_job(make_draft(owner=BERT))
    assert kept.artifact is not None
    await job_store.add_derived(kept.artifact, make_file().artifact, owner=ANNA, size_bytes=7)  # type: ignore[arg-type]
    assert list(await job_store.owners()) == [
        OwnerLine(
            owner=ANNA,
            jobs=2,
            unfinished_jobs=1,
            last_job_at=second.created_at,
            picture_bytes=1_000,
            result_bytes=50,
            derived_bytes=7,
        ),
        OwnerLine(
            owner=BERT,
            jobs=1,
            unfinished_jobs=1,
            last_job_at=third.created_at,
            picture_bytes=0,
            result_bytes=0,
            derived_bytes=0,
        ),
    ]


async def test_jobs_of_everybody_are_listed_newest_first(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    added: list[Job] = []
    for owner in (ANNA, BERT, ANNA):
        added.insert(0, await job_store.add_job(make_job(count=1, owner=owner, name=f"of {owner}")))
        await store_clock.advance(1)
    page = await job_store.list_jobs(JobQuery(owner=None, limit=2))
    assert [job.id for job in page.jobs] == [job.id for job in added[:2]]
    page = await job_store.list_jobs(JobQuery(owner=None, limit=2, after=page.next))
    assert ([job.id for job in page.jobs], page.next) == ([added[2].id], None)
    page = await job_store.list_jobs(JobQuery(owner=None, text="bert", state=JobState.RUNNING))
    assert [(job.id, job.owner) for job in page.jobs] == [(added[1].id, BERT)]
