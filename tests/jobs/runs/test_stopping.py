"""Stopping: what waits before its submission gives up at once, and nothing of it is sent."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import anyio
import anyio.lowlevel
import pytest

from image2model.core.errors import JobNotFound, ProviderAccountBlocked, ProviderUnavailable
from image2model.core.ids import JobId, OwnerId
from image2model.core.job import Item, Job
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle.control import cancel_items, delete_job, pause_job, resume_job
from image2model.jobs.lifecycle.owner_end import end_owner
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
NAMES = ("one", "two", "three")


async def pause(rig: Rig, job: JobId) -> None:
    await pause_job(rig.context, ANNA, job)


async def cancel(rig: Rig, job: JobId) -> None:
    await cancel_items(rig.context, ANNA, job)


async def delete(rig: Rig, job: JobId) -> None:
    await delete_job(rig.context, ANNA, job)


async def end(rig: Rig, _job: JobId) -> None:
    await end_owner(rig.context, ANNA)


STOPS = [pause, cancel, delete, end]
Stop = Callable[[Rig, JobId], Awaitable[None]]


async def items_of(rig: Rig, job: Job) -> list[Item]:
    try:
        return list((await rig.store.get_job(job.id)).items)
    except JobNotFound:
        return []


@pytest.mark.parametrize("stop", STOPS)
async def test_what_waits_for_a_place_gives_up_at_once(rig: Rig, stop: Stop) -> None:
    """No lease need run out, no clock go on; the calls to the provider are broken off."""
    hangs = [rig.provider.hang("prepare", name) for name in NAMES]
    job = await rig.submit(ANNA, *NAMES)
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(rig.keeper.run)
        async with anyio.create_task_group() as group:
            for ref in rig.dispatcher.take():
                group.start_soon(rig.runner.run, ref)
            for hang in hangs:
                await hang.reached.wait()
            await stop(rig, job.id)
        keeping.cancel_scope.cancel()
    assert rig.provider.accepted == {}
    assert [item.attempts for item in await items_of(rig, job)] == [()] * len(
        await items_of(rig, job)
    )


@pytest.mark.parametrize("stop", STOPS)
async def test_whoever_gets_its_place_too_late_does_not_submit(rig: Rig, stop: Stop) -> None:
    """Where no worker has heard of it yet, the ledger refuses; what was reserved is given back."""
    hang = rig.provider.hang("prepare", "one")
    job = await rig.submit(ANNA, "one")
    [ref] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        await stop(rig, job.id)
        hang.released.set()
    assert rig.provider.accepted == {}
    assert ("submit", "one") not in rig.provider.calls
    assert rig.provider.reserved == set()


async def test_a_resumed_job_goes_on_at_once(rig: Rig) -> None:
    hang = rig.provider.hang("prepare", "one")
    job = await rig.submit(ANNA, *NAMES)
    [first, *_] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, first)
        await hang.reached.wait()
        await pause(rig, job.id)
        assert rig.dispatcher.take() == []
        await resume_job(rig.context, ANNA, job.id)
        await rig.run_dispatched()
        hang.released.set()
    done = await rig.store.get_job(job.id)
    assert done.state is JobState.FINISHED
    assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 3
    assert [rig.provider.submits_of(name) for name in NAMES] == [1, 1, 1]


async def test_the_answer_comes_after_what_was_being_sent(rig: Rig) -> None:
    """A submission that was written down before the pause is out before anybody is told."""
    hang = rig.provider.hang("submit", "one")
    job = await rig.submit(ANNA, "one")
    [ref] = rig.dispatcher.take()
    told = anyio.Event()

    async def pause_it() -> None:
        await pause(rig, job.id)
        told.set()

    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        group.start_soon(pause_it)
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        assert not told.is_set()
        hang.released.set()
        with anyio.fail_after(1):
            await told.wait()
    assert (await rig.store.get_job(job.id)).state is JobState.FINISHED


async def test_shutting_down_submits_nothing_more(rig: Rig) -> None:
    """Not even what gets its place in the same moment; another worker goes on at once."""
    hang = rig.provider.hang("prepare", "one")
    job = await rig.submit(ANNA, "one")
    [ref] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        hang.released.set()
        group.cancel_scope.cancel()
    assert rig.provider.accepted == {}
    assert rig.provider.reserved == set()
    assert await rig.store.due_items(limit=9) == [ref]
    await rig.runner.run(ref)
    assert (await rig.store.get_job(job.id)).state is JobState.FINISHED


async def test_a_blocked_account_takes_waiting_items_from_their_workers(rig: Rig) -> None:
    blocked = ProviderAccountBlocked(provider="scripted", reason="no credit", advice="Top up.")
    rig.provider.fail("submit", "one", [blocked])
    hangs = [rig.provider.hang("prepare", name) for name in NAMES[1:]]
    job = await rig.submit(ANNA, *NAMES)
    first, *others = rig.dispatcher.take()
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(rig.keeper.run)
        async with anyio.create_task_group() as group:
            for ref in others:
                group.start_soon(rig.runner.run, ref)
            for hang in hangs:
                await hang.reached.wait()
            await rig.runner.run(first)
        keeping.cancel_scope.cancel()
    codes = {item.problem.code for item in await items_of(rig, job) if item.problem}
    assert codes == {"provider_account_blocked"}
    assert rig.provider.accepted == {}


async def test_a_used_up_budget_gives_the_place_back(rig: Rig) -> None:
    job = await rig.submit(ANNA, "one", request=JobRequest(budget_usd=Decimal("0.10")))
    await rig.run_dispatched()
    [item] = await items_of(rig, job)
    assert (item.state, item.attempts) == (ItemState.FAILED, ())
    assert rig.provider.reserved == set()


async def test_a_refusal_that_comes_with_a_cancel_is_no_lost_answer(rig: Rig) -> None:
    """It is known that nothing was accepted, so nothing is searched for and nothing in doubt."""
    busy = ProviderUnavailable(provider="scripted", reason="HTTP 429", retry_after_s=60)
    hang = rig.provider.hang("submit", "one", then=busy)
    job = await rig.submit(ANNA, "one")
    [ref] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        await rig.store.cancel_items(job.id)
        await rig.keeper.renew()
        hang.released.set()
    item = await rig.store.get_item(ref)
    assert item.state is ItemState.CANCELLED
    assert [(a.state, a.cost_usd) for a in item.attempts] == [(AttemptState.FAILED, Decimal(0))]
    assert ("reconcile", "one") not in rig.provider.calls


async def test_what_is_paid_for_is_fetched_although_the_budget_is_used_up(rig: Rig) -> None:
    """Only what would have to be sent is left."""
    outage = ProviderUnavailable(provider="scripted", reason="down")
    rig.provider.fail("collect", "one", [outage])
    request = JobRequest(budget_usd=Decimal("0.20"))
    job = await rig.submit(ANNA, "one", "two", request=request)
    first, second = rig.dispatcher.take()
    await rig.runner.run(first)
    await rig.runner.run(second)
    await rig.clock.advance(60)
    await rig.runner.run(first)
    states = [item.state for item in await items_of(rig, job)]
    assert states == [ItemState.SUCCEEDED, ItemState.FAILED]
    assert rig.provider.submits_of("one") == 1
