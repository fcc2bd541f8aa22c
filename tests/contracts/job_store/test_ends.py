"""What every `JobStore` promises of owners whose access ends."""

from datetime import timedelta

import anyio
import pytest

from image2model.core.errors import AccessEnded
from image2model.core.ids import LOCAL_OWNER, OwnerId
from image2model.core.states import ItemState
from image2model.ports.jobstore import JobStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    accept,
    make_draft,
    make_job,
    new_start,
    refs,
    succeed,
    take,
)

pytestmark = pytest.mark.anyio

OTHER = OwnerId("key:00000001")


async def test_nothing_starts_after_the_end(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    first, second = refs(job)
    sent = await job_store.step(await take(job_store, first), new_start())
    waiting = await take(job_store, second)
    await job_store.end_owner(LOCAL_OWNER)
    with pytest.raises(AccessEnded):
        await job_store.step(waiting, new_start())
    item = await job_store.get_item(second)
    assert (item.state, item.attempts) == (ItemState.QUEUED, ())
    # What was sent goes on.
    accepted = await job_store.step(sent, accept())
    assert accepted.item.state is ItemState.GENERATING


async def test_only_the_owners_jobs_end(job_store: JobStore) -> None:
    await job_store.end_owner(OTHER)
    job = await job_store.add_job(make_job(count=1))
    claim = await job_store.step(await take(job_store, refs(job)[0]), new_start())
    assert claim.item.state is ItemState.SUBMITTING


async def test_end_may_be_later_and_may_be_moved(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    job = await job_store.add_job(make_job(count=4))
    claims = [await take(job_store, ref) for ref in refs(job)]
    now = store_clock.now()
    await job_store.end_owner(LOCAL_OWNER, at=now + timedelta(seconds=5))
    await job_store.end_owner(LOCAL_OWNER, at=now + timedelta(seconds=2))
    await job_store.step(claims[0], new_start())
    await store_clock.advance(2)
    with pytest.raises(AccessEnded):
        await job_store.step(claims[1], new_start())
    await job_store.end_owner(LOCAL_OWNER, at=now + timedelta(seconds=5))
    await job_store.step(claims[1], new_start())
    await store_clock.advance(3)
    with pytest.raises(AccessEnded):
        await job_store.step(claims[2], new_start())
    for _ in range(2):
        await job_store.reopen_owner(LOCAL_OWNER)
    await job_store.step(claims[2], new_start())


async def test_ended_owners_with_unfinished_jobs_are_listed(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    job = await job_store.add_job(make_job(count=1))
    await job_store.add_job(make_job(count=1, owner=OTHER))
    await job_store.end_owner(LOCAL_OWNER, at=store_clock.now() + timedelta(seconds=1))
    for owner in (OTHER, OwnerId("session:without-jobs")):
        await job_store.end_owner(owner)
    assert set(await job_store.ended_owners(limit=9)) == {OTHER}
    await store_clock.advance(1)
    assert set(await job_store.ended_owners(limit=9)) == {OTHER, LOCAL_OWNER}
    assert len(await job_store.ended_owners(limit=1)) == 1
    await job_store.reopen_owner(LOCAL_OWNER)
    await succeed(job_store, refs(job)[0])
    await job_store.end_owner(LOCAL_OWNER)
    assert set(await job_store.ended_owners(limit=9)) == {OTHER}


async def test_owners_with_mere_drafts_take_no_place_of_others(job_store: JobStore) -> None:
    """Nothing of a draft waits, and paused jobs may be resumed."""
    drawer, pauser, both = (OwnerId(f"session:{name}") for name in ("drawer", "pauser", "both"))
    await job_store.add_job(make_draft(count=2, owner=drawer))
    paused = await job_store.add_job(make_job(count=1, owner=pauser))
    await job_store.pause_job(paused.id)
    await job_store.add_job(make_draft(owner=both))
    await job_store.add_job(make_job(count=1, owner=both))
    for owner in (drawer, pauser, both):
        await job_store.end_owner(owner)
    assert set(await job_store.ended_owners(limit=2)) == {pauser, both}


async def test_no_start_comes_through_while_an_end_is_written(job_store: JobStore) -> None:
    """Whatever the order, what has not started when the end is written never starts."""
    job = await job_store.add_job(make_job(count=8))
    claims = [await take(job_store, ref) for ref in refs(job)]
    ended = anyio.Event()
    late = []

    async def start(number: int) -> None:
        is_late = ended.is_set()
        try:
            await job_store.step(claims[number], new_start())
        except AccessEnded:
            return
        if is_late:
            late.append(number)

    async def end() -> None:
        await job_store.end_owner(LOCAL_OWNER)
        ended.set()
        started = [item for item in (await job_store.get_job(job.id)).items if item.attempts]
        async with anyio.create_task_group() as rest:
            for number in range(4, 8):
                rest.start_soon(start, number)
        after = [item for item in (await job_store.get_job(job.id)).items if item.attempts]
        assert after == started

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(start, number)
        group.start_soon(end)
    assert late == []
