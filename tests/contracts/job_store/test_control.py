"""What every `JobStore` promises when people stop, hold and repeat what runs."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal

import anyio
import anyio.lowlevel
import pytest

from image2model.core.errors import ItemNotFound, JobNotFound, LeaseLost, WrongState
from image2model.core.ids import JobId
from image2model.core.job import Problem, Progress
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    Claim,
    JobStore,
    LedgerQuery,
    Resolution,
    Step,
)
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    LEASE_S,
    PROBLEM,
    RIVAL,
    WORKER,
    accept,
    doubt,
    fail,
    generate,
    make_job,
    new_start,
    refs,
    succeed,
    take,
)

pytestmark = pytest.mark.anyio

NOWHERE = JobId("0" * 32)
BLOCKED = Problem(code="provider_account_blocked", message="No credit.")

Stop = Literal["pause", "cancel", "delete", "stop"]


# --- cancel -----------------------------------------------------------------------------------


async def test_cancel_ends_queued_items_and_asks_active_ones(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=4))
    done, active, doubtful, queued = refs(job)
    await succeed(job_store, done)
    claim = await generate(job_store, active)
    await doubt(job_store, doubtful)
    assert await job_store.cancel_items(job.id) == [active]
    after = await job_store.get_job(job.id)
    assert [item.state for item in after.items] == [
        ItemState.SUCCEEDED,
        ItemState.GENERATING,
        ItemState.UNCERTAIN,
        ItemState.CANCELLED,
    ]
    assert [item.cancel_requested for item in after.items] == [False, True, False, False]
    assert after.state is JobState.RUNNING
    assert queued not in await job_store.due_items(limit=9)
    (renewed,) = await job_store.renew_leases(WORKER, [(active, claim.fence)], lease_s=LEASE_S)
    assert renewed.cancel_requested
    assert await job_store.cancel_items(job.id) == [active]
    assert (await job_store.get_job(job.id)).version == after.version


async def test_cancel_of_the_last_items_finishes(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    job = await job_store.add_job(make_job(count=2))
    await succeed(job_store, refs(job)[0])
    await store_clock.advance(5)
    assert await job_store.cancel_items(job.id, [1]) == []
    after = await job_store.get_job(job.id)
    assert (after.state, after.finished_at) == (JobState.FINISHED, store_clock.now())


async def test_cancel_takes_a_queued_item_from_its_worker(job_store: JobStore) -> None:
    """Nothing is sent for an item cancelled between its claim and its start, nor after a retry."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await take(job_store, ref)
    await job_store.cancel_items(job.id)
    with pytest.raises(LeaseLost):
        await job_store.step(claim, new_start())
    await job_store.retry_items(job.id, [0])
    with pytest.raises(LeaseLost):
        await job_store.step(claim, new_start())
    await take(job_store, ref, worker=RIVAL)


async def test_worker_cancels_what_it_holds(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    await job_store.cancel_items(job.id)
    cancelled = AttemptChange(state=AttemptState.CANCELLED)
    claim = await job_store.step(claim, Step(to=ItemState.CANCELLED, attempt=cancelled))
    assert claim.job.state is JobState.FINISHED
    assert claim.item.attempts[0].state is AttemptState.CANCELLED


async def test_cancel_in_a_paused_job(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    await job_store.pause_job(job.id)
    await job_store.cancel_items(job.id)
    assert (await job_store.get_job(job.id)).state is JobState.FINISHED


async def test_cancel_of_what_is_not_there_changes_nothing(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    with pytest.raises(ItemNotFound):
        await job_store.cancel_items(job.id, [0, 7])
    with pytest.raises(JobNotFound):
        await job_store.cancel_items(NOWHERE)
    assert await job_store.get_job(job.id) == job


# --- retry ------------------------------------------------------------------------------------


async def test_retry_reopens_the_job(job_store: JobStore, store_clock: FakeClock) -> None:
    """All failed items are queued as if new, but for their ledger; the job forgets its end."""
    job = await job_store.add_job(make_job(count=3))
    good, bad, stopped = refs(job)
    await succeed(job_store, good)
    await job_store.cancel_items(job.id, [stopped.index])
    claim = await generate(job_store, bad)
    await job_store.cancel_items(job.id, [bad.index])
    lost = AttemptChange(state=AttemptState.FAILED)
    progress = Progress(fraction=0.7, phase="Sculpting", queue_position=1, eta_s=5)
    await job_store.step(claim, Step(to=ItemState.GENERATING, progress=progress))
    await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM, attempt=lost))
    await job_store.set_expiry(job.id, store_clock.now() + timedelta(days=1))
    before = await job_store.get_job(job.id)
    assert before.items[1].progress == Progress(fraction=0.7)
    assert before.state is JobState.FINISHED
    await store_clock.advance(5)
    assert await job_store.retry_items(job.id) == [bad]
    after = await job_store.get_job(job.id)
    assert (after.state, after.finished_at, after.expires_at) == (JobState.RUNNING, None, None)
    assert after.started_at == before.started_at
    assert after.version == before.version + 1
    item = after.items[1]
    assert (item.state, item.problem, item.progress) == (ItemState.QUEUED, None, Progress())
    assert (item.cancel_requested, item.version) == (False, after.version)
    assert item.attempts == before.items[1].attempts
    assert after.items[2].state is ItemState.CANCELLED
    assert await job_store.due_items(limit=9) == [bad]


async def test_retried_job_finishes_again(job_store: JobStore, store_clock: FakeClock) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await fail(job_store, ref)
    await job_store.retry_items(job.id)
    await store_clock.advance(9)
    claim = await succeed(job_store, ref)
    assert (claim.job.state, claim.job.finished_at) == (JobState.FINISHED, store_clock.now())


async def test_retry_of_named_items(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=3))
    await fail(job_store, refs(job)[0])
    await job_store.cancel_items(job.id, [1, 2])
    assert await job_store.retry_items(job.id, [2, 0]) == [refs(job)[0], refs(job)[2]]
    counts = (await job_store.get_job(job.id)).counts
    assert counts == {ItemState.QUEUED: 2, ItemState.CANCELLED: 1}


async def test_retry_of_other_items_changes_nothing(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=4))
    bad, good, doubtful, _ = refs(job)
    await fail(job_store, bad)
    await succeed(job_store, good)
    await doubt(job_store, doubtful)
    before = await job_store.get_job(job.id)
    for index in (1, 2, 3):
        with pytest.raises(WrongState):
            await job_store.retry_items(job.id, [0, index])
    with pytest.raises(ItemNotFound):
        await job_store.retry_items(job.id, [0, 4])
    with pytest.raises(JobNotFound):
        await job_store.retry_items(NOWHERE)
    assert await job_store.get_job(job.id) == before


async def test_retry_without_failures_leaves_the_job_finished(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    await succeed(job_store, refs(job)[0])
    assert await job_store.retry_items(job.id) == []
    assert (await job_store.get_job(job.id)).state is JobState.FINISHED


async def test_retry_in_a_paused_job_waits(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    await fail(job_store, refs(job)[0])
    await job_store.pause_job(job.id)
    await job_store.retry_items(job.id)
    assert (await job_store.get_job(job.id)).state is JobState.PAUSED
    assert await job_store.due_items(limit=9) == []


# --- pause and resume -------------------------------------------------------------------------


async def test_paused_job_starts_nothing(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    active, queued = refs(job)
    claim = await generate(job_store, active)
    await job_store.pause_job(job.id)
    paused = await job_store.get_job(job.id)
    assert (paused.state, paused.version) == (JobState.PAUSED, claim.job.version + 1)
    assert await job_store.claim_item(queued, worker=RIVAL, lease_s=LEASE_S) is None
    assert await job_store.due_items(limit=9) == []
    await job_store.pause_job(job.id)
    assert await job_store.resume_job(job.id) == [queued]
    assert (await job_store.get_job(job.id)).state is JobState.RUNNING
    assert await job_store.resume_job(job.id) == [queued]
    assert await job_store.due_items(limit=9) == [queued]


async def test_active_items_of_a_paused_job_go_on(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Their leases are renewed, taken over when they run out, and their end finishes the job."""
    job = await job_store.add_job(make_job(count=2))
    active, queued = refs(job)
    claim = await generate(job_store, active)
    await job_store.pause_job(job.id)
    assert await job_store.renew_leases(WORKER, [(active, claim.fence)], lease_s=LEASE_S)
    await store_clock.advance(LEASE_S)
    assert await job_store.due_items(limit=9) == [active]
    claim = await take(job_store, active, worker=RIVAL)
    claim = await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM))
    assert claim.job.state is JobState.PAUSED
    await job_store.cancel_items(job.id, [queued.index])
    assert (await job_store.get_job(job.id)).state is JobState.FINISHED


async def test_pause_takes_queued_items_from_their_workers(job_store: JobStore) -> None:
    """Nothing starts for an item claimed before the pause, nor by that claim after a resume."""
    job = await job_store.add_job(make_job(count=2))
    held, active = refs(job)
    under_way = await generate(job_store, active)
    claim = await take(job_store, held)
    await job_store.pause_job(job.id)
    kept = await job_store.renew_leases(
        WORKER, [(held, claim.fence), (active, under_way.fence)], lease_s=LEASE_S
    )
    assert [lease.ref for lease in kept] == [active]
    with pytest.raises(LeaseLost):
        await job_store.step(claim, new_start())
    assert (await job_store.get_item(held)).attempts == ()
    await job_store.resume_job(job.id)
    assert await job_store.due_items(limit=9) == [held]
    with pytest.raises(LeaseLost):
        await job_store.step(claim, new_start())
    claim = await take(job_store, held, worker=RIVAL)
    await job_store.step(claim, new_start())


async def _stop(store: JobStore, job: JobId, how: Stop) -> None:
    match how:
        case "pause":
            await store.pause_job(job)
        case "cancel":
            await store.cancel_items(job)
        case "delete":
            await store.delete_job(job)
        case "stop":
            await store.stop_job(job, problem=BLOCKED)


@pytest.mark.parametrize("stop", ["pause", "cancel", "delete", "stop"])
async def test_no_attempt_starts_once_a_job_was_stopped(job_store: JobStore, stop: Stop) -> None:
    """Whatever starts at the same moment has started before the answer, or does not start."""
    job = await job_store.add_job(make_job(count=12))
    claims = [await take(job_store, ref) for ref in refs(job)]
    stopped = anyio.Event()
    late: list[int] = []

    async def start(number: int, claim: Claim) -> None:
        for _ in range(number % 5):
            await anyio.lowlevel.checkpoint()
        asked_after = stopped.is_set()
        try:
            await job_store.step(claim, new_start())
        except LeaseLost:
            return
        if asked_after:
            late.append(number)

    async def end() -> None:
        await _stop(job_store, job.id, stop)
        stopped.set()

    async with anyio.create_task_group() as group:
        for number, claim in enumerate(claims):
            if number == 6:
                group.start_soon(end)
            group.start_soon(start, number, claim)
    assert late == []
    for claim in claims:
        with pytest.raises(LeaseLost):
            await job_store.step(claim, new_start())


async def test_what_was_cancelled_is_not_queued_again(job_store: JobStore) -> None:
    """Even in a paused job, where nobody would claim it to find out."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await job_store.step(await take(job_store, ref), new_start())
    await job_store.pause_job(job.id)
    await job_store.cancel_items(job.id)
    unpaid = AttemptChange(state=AttemptState.FAILED, cost_usd=Decimal(0))
    again = Step(to=ItemState.QUEUED, problem=PROBLEM, attempt=unpaid, delay_s=60.0)
    claim = await job_store.step(claim, again)
    assert (claim.item.state, claim.item.problem) == (ItemState.CANCELLED, None)
    assert claim.job.state is JobState.FINISHED
    after = await job_store.get_job(job.id)
    assert (after.state, after.items[0].state) == (JobState.FINISHED, ItemState.CANCELLED)
    assert [a.cost_usd for a in after.items[0].attempts] == [Decimal(0)]


async def test_pause_and_resume_need_a_running_job(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    await fail(job_store, refs(job)[0])
    for call in (job_store.pause_job, job_store.resume_job):
        with pytest.raises(WrongState):
            await call(job.id)
        with pytest.raises(JobNotFound):
            await call(NOWHERE)


# --- resolve and stop -------------------------------------------------------------------------


async def test_uncertain_item_waits_for_a_person(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """It is not final, not due, and nobody may claim it."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await doubt(job_store, ref)
    assert (claim.job.state, claim.item.problem) == (JobState.RUNNING, PROBLEM)
    assert claim.item.attempts[0].finished_at is None
    await store_clock.advance(10 * LEASE_S)
    assert await job_store.due_items(limit=9) == []
    assert await job_store.claim_item(ref, worker=RIVAL, lease_s=LEASE_S) is None


async def test_uncertain_item_is_submitted_again(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await doubt(job_store, ref)
    await job_store.resolve_item(ref, Resolution.RESUBMIT, problem=PROBLEM)
    item = await job_store.get_item(ref)
    assert (item.state, item.problem) == (ItemState.QUEUED, None)
    claim = await job_store.step(await take(job_store, ref), new_start())
    assert [attempt.number for attempt in claim.item.attempts] == [1, 2]


async def test_uncertain_item_is_given_up(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await doubt(job_store, ref)
    given_up = Problem(code="given_up", message="Given up.")
    await job_store.resolve_item(ref, Resolution.GIVE_UP, problem=given_up)
    after = await job_store.get_job(job.id)
    assert (after.items[0].state, after.items[0].problem) == (ItemState.FAILED, given_up)
    assert after.state is JobState.FINISHED


async def test_only_uncertain_items_are_resolved(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    for resolution in Resolution:
        with pytest.raises(WrongState):
            await job_store.resolve_item(refs(job)[0], resolution, problem=PROBLEM)
    with pytest.raises(ItemNotFound):
        await job_store.resolve_item(ItemRef(job.id, 1), Resolution.GIVE_UP, problem=PROBLEM)
    with pytest.raises(JobNotFound):
        await job_store.resolve_item(ItemRef(NOWHERE, 0), Resolution.GIVE_UP, problem=PROBLEM)


async def undelivered(job_store: JobStore, ref: ItemRef, cost_usd: Decimal) -> Claim:
    """Let an item fail although its provider has made it, and charged for it."""
    claim = await generate(job_store, ref)
    booked = AttemptChange(state=AttemptState.ACCEPTED, cost_usd=cost_usd)
    claim = await job_store.step(claim, Step(to=ItemState.FINISHING, attempt=booked))
    return await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM))


async def test_undelivered_item_is_submitted_again_by_a_decision_alone(
    job_store: JobStore,
) -> None:
    """What was charged stays in the ledger, and the job runs again."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    failed = await undelivered(job_store, ref, Decimal("0.31"))
    assert failed.job.state is JobState.FINISHED
    await job_store.resolve_item(ref, Resolution.RESUBMIT, problem=PROBLEM)
    after = await job_store.get_job(job.id)
    assert (after.state, after.finished_at) == (JobState.RUNNING, None)
    (item,) = after.items
    assert (item.state, item.problem) == (ItemState.QUEUED, None)
    (attempt,) = item.attempts
    assert (attempt.state, attempt.cost_usd) == (AttemptState.FAILED, Decimal("0.31"))
    assert attempt.finished_at is not None
    page = await job_store.list_ledger(LedgerQuery(owner=job.owner))
    assert [entry.attempt for entry in page.entries] == [attempt]
    claim = await job_store.step(await take(job_store, ref), new_start())
    assert [one.state for one in claim.item.attempts] == [
        AttemptState.FAILED,
        AttemptState.SUBMITTING,
    ]


async def test_undelivered_item_keeps_its_attempt_when_it_is_retried(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await undelivered(job_store, ref, Decimal("0.31"))
    await job_store.retry_items(job.id)
    (attempt,) = (await job_store.get_item(ref)).attempts
    assert (attempt.state, attempt.cost_usd) == (AttemptState.ACCEPTED, Decimal("0.31"))


async def test_failed_item_without_an_accepted_attempt_is_not_resolved(
    job_store: JobStore,
) -> None:
    """It can be retried; and an undelivered one is not given up, for it has failed already."""
    job = await job_store.add_job(make_job(count=2))
    first, second = refs(job)
    await fail(job_store, first)
    await undelivered(job_store, second, Decimal(0))
    before = await job_store.get_job(job.id)
    with pytest.raises(WrongState):
        await job_store.resolve_item(first, Resolution.RESUBMIT, problem=PROBLEM)
    with pytest.raises(WrongState):
        await job_store.resolve_item(second, Resolution.GIVE_UP, problem=PROBLEM)
    assert await job_store.get_job(job.id) == before


@pytest.mark.parametrize("resolution", Resolution)
async def test_a_search_for_a_lost_answer_may_be_decided(
    job_store: JobStore, resolution: Resolution
) -> None:
    """Whoever searches has lost the item; its attempt stays in doubt."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await job_store.step(await take(job_store, ref), new_start())
    with pytest.raises(WrongState):
        await job_store.resolve_item(ref, resolution, problem=PROBLEM)
    doubt = AttemptChange(state=AttemptState.UNCERTAIN)
    claim = await job_store.step(claim, Step(to=ItemState.SUBMITTING, attempt=doubt))
    await job_store.resolve_item(ref, resolution, problem=PROBLEM)
    after = await job_store.get_job(job.id)
    (item,) = after.items
    assert [attempt.state for attempt in item.attempts] == [AttemptState.UNCERTAIN]
    with pytest.raises(LeaseLost):
        await job_store.step(claim, accept())
    if resolution is Resolution.RESUBMIT:
        assert await job_store.due_items(limit=9) == [ref]
    else:
        assert (item.state, item.problem) == (ItemState.FAILED, PROBLEM)
        assert after.state is JobState.FINISHED


async def test_some_queued_items_are_stopped(job_store: JobStore) -> None:
    """Those that are not named, or not queued, stay as they are."""
    job = await job_store.add_job(make_job(count=3))
    active, _, queued = refs(job)
    await generate(job_store, active)
    await job_store.stop_job(job.id, [0, 1, 7], problem=BLOCKED)
    after = await job_store.get_job(job.id)
    assert [item.problem for item in after.items] == [None, BLOCKED, None]
    assert after.state is JobState.RUNNING
    assert await job_store.due_items(limit=9) == [queued]


async def test_stopped_job_fails_what_is_queued(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=4))
    done, active, held, _ = refs(job)
    await succeed(job_store, done)
    claim = await job_store.step(await take(job_store, active), new_start())
    queued = await take(job_store, held)
    await job_store.stop_job(job.id, problem=BLOCKED)
    after = await job_store.get_job(job.id)
    assert [item.problem for item in after.items] == [None, None, BLOCKED, BLOCKED]
    assert after.counts == {
        ItemState.SUCCEEDED: 1,
        ItemState.SUBMITTING: 1,
        ItemState.FAILED: 2,
    }
    assert after.version == claim.job.version + 1
    with pytest.raises(LeaseLost):
        await job_store.step(queued, new_start())
    await job_store.stop_job(job.id, problem=BLOCKED)
    assert (await job_store.get_job(job.id)).version == after.version
    claim = await job_store.step(claim, accept())
    claim = await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM))
    assert claim.job.state is JobState.FINISHED


async def test_stop_of_a_job_that_only_waits_finishes_it(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    await job_store.pause_job(job.id)
    await job_store.stop_job(job.id, problem=BLOCKED)
    after = await job_store.get_job(job.id)
    assert (after.state, after.counts) == (JobState.FINISHED, {ItemState.FAILED: 2})
    with pytest.raises(JobNotFound):
        await job_store.stop_job(NOWHERE, problem=BLOCKED)
