"""What every `JobStore` promises to workers: due items, claims, leases and steps."""

from dataclasses import replace

import anyio
import pytest

from image2model.core.errors import LeaseLost
from image2model.core.ids import JobId, OwnerId, WorkerId
from image2model.core.job import Job, Progress
from image2model.core.rules import IllegalStep
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import (
    AttemptChange,
    AttemptStart,
    Claim,
    DueJob,
    JobStore,
    Renewed,
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
    make_draft,
    make_file,
    make_job,
    make_result,
    new_start,
    refs,
    succeed,
    take,
)

pytestmark = pytest.mark.anyio

NOWHERE = JobId("0" * 32)


# --- due and claimed --------------------------------------------------------------------------


async def test_those_waiting_longest_are_due_first(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    first = await job_store.add_job(make_job(count=2))
    await store_clock.advance(1)
    second = await job_store.add_job(make_job(count=1))
    assert await job_store.due_items(limit=9) == [*refs(first), *refs(second)]
    await fail(job_store, refs(first)[0])
    await store_clock.advance(1)
    await job_store.retry_items(first.id)
    order = [refs(first)[1], *refs(second), refs(first)[0]]
    assert await job_store.due_items(limit=9) == order
    assert await job_store.due_items(limit=2) == order[:2]


async def test_jobs_are_due_with_the_first_of_their_due_items(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """However many items another job has: what is told is one for each job."""
    large = await job_store.add_job(make_job(count=5, owner=OwnerId("session:anna")))
    await store_clock.advance(1)
    small = await job_store.add_job(make_job(count=1, owner=OwnerId("session:ben")))
    await job_store.add_job(make_draft(count=1))
    await take(job_store, refs(large)[0])

    def due(job: Job, place: int) -> DueJob:
        return DueJob(first=refs(job)[place], owner=job.owner, generator=job.generator)

    assert await job_store.due_jobs(limit=9) == [due(large, 1), due(small, 0)]
    assert await job_store.due_jobs(limit=1) == [due(large, 1)]
    await take(job_store, refs(small)[0])
    await job_store.pause_job(large.id)
    assert await job_store.due_jobs(limit=9) == []


async def test_claim_holds_the_item(job_store: JobStore) -> None:
    """It shows the job without items, changes nothing visible, and keeps others out."""
    job = await job_store.add_job(make_job(count=2))
    ref, other = refs(job)
    claim = await job_store.claim_item(ref, worker=WORKER, lease_s=LEASE_S)
    assert claim is not None
    assert (claim.ref, claim.worker, claim.fence) == (ref, WORKER, 1)
    assert claim.item == job.items[0]
    assert claim.job == replace(job, items=())
    assert await job_store.due_items(limit=9) == [other]
    assert await job_store.claim_item(ref, worker=RIVAL, lease_s=LEASE_S) is None
    assert await job_store.claim_item(ref, worker=WORKER, lease_s=LEASE_S) is None


async def test_what_cannot_be_claimed(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    done, _ = refs(job)
    await succeed(job_store, done)
    for ref in (done, ItemRef(job.id, 2), ItemRef(NOWHERE, 0)):
        assert await job_store.claim_item(ref, worker=WORKER, lease_s=LEASE_S) is None


async def test_one_of_many_gets_the_claim(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claims: list[Claim | None] = []

    async def ask(number: int) -> None:
        worker = WorkerId(f"worker-{number}")
        claims.append(await job_store.claim_item(refs(job)[0], worker=worker, lease_s=LEASE_S))

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(ask, number)
    assert sum(claim is not None for claim in claims) == 1


async def test_expired_lease_goes_to_another_worker(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """The state stays, the fence grows, and the late worker can write no more."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    late = await generate(job_store, ref)
    await store_clock.advance(LEASE_S - 1)
    assert await job_store.claim_item(ref, worker=RIVAL, lease_s=LEASE_S) is None
    await store_clock.advance(1)
    assert await job_store.due_items(limit=9) == [ref]
    taken = await take(job_store, ref, worker=RIVAL)
    assert (taken.fence, taken.item) == (late.fence + 1, late.item)
    with pytest.raises(LeaseLost):
        await job_store.step(late, Step(to=ItemState.FINISHING))
    assert await job_store.get_item(ref) == late.item
    held = [(ref, late.fence)]
    assert await job_store.renew_leases(WORKER, held, lease_s=LEASE_S) == []
    await job_store.release_leases(WORKER, held)
    await job_store.step(taken, Step(to=ItemState.FINISHING))


async def test_same_worker_cannot_go_on_twice(job_store: JobStore, store_clock: FakeClock) -> None:
    """Of two runs of one item in one process, only the one that claimed it last may write."""
    job = await job_store.add_job(make_job(count=1))
    late = await generate(job_store, refs(job)[0])
    await store_clock.advance(LEASE_S)
    taken = await take(job_store, late.ref)
    with pytest.raises(LeaseLost):
        await job_store.step(late, Step(to=ItemState.FINISHING))
    await job_store.release_leases(WORKER, [(late.ref, late.fence)])
    await job_store.step(taken, Step(to=ItemState.FINISHING))


async def test_late_worker_goes_on_while_nobody_took_over(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    await store_clock.advance(10 * LEASE_S)
    claim = await job_store.step(claim, Step(to=ItemState.FINISHING))
    held = [(claim.ref, claim.fence)]
    assert await job_store.renew_leases(WORKER, held, lease_s=LEASE_S) != []
    assert await job_store.claim_item(claim.ref, worker=RIVAL, lease_s=LEASE_S) is None


# --- leases -----------------------------------------------------------------------------------


async def test_renewed_leases_hold_longer(job_store: JobStore, store_clock: FakeClock) -> None:
    """Only leases of this worker and fence are prolonged, in one call over many jobs."""
    jobs = [await job_store.add_job(make_job(count=2)) for _ in range(3)]
    claims = [await generate(job_store, ref) for job in jobs for ref in refs(job)]
    await job_store.step(claims[0], Step(to=ItemState.FAILED, problem=PROBLEM))
    await job_store.cancel_items(jobs[2].id, [1])
    await store_clock.advance(LEASE_S - 1)
    held = [(claim.ref, claim.fence) for claim in claims]
    wrong = [(claim.ref, claim.fence + 1) for claim in claims]
    assert await job_store.renew_leases(WORKER, wrong, lease_s=LEASE_S) == []
    assert await job_store.renew_leases(RIVAL, held, lease_s=LEASE_S) == []
    assert await job_store.renew_leases(WORKER, [], lease_s=LEASE_S) == []
    renewed = await job_store.renew_leases(WORKER, [*held, (ItemRef(NOWHERE, 0), 1)], lease_s=60)
    wanted = [
        Renewed(ref=claim.ref, fence=claim.fence, cancel_requested=claim is claims[-1])
        for claim in claims[1:]
    ]
    assert sorted(renewed, key=lambda lease: lease.ref) == sorted(
        wanted, key=lambda lease: lease.ref
    )
    await store_clock.advance(59)
    assert await job_store.due_items(limit=9) == []
    await store_clock.advance(1)
    assert len(await job_store.due_items(limit=9)) == 5


async def test_many_leases_are_renewed_at_once(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=510))
    claims = [await take(job_store, ref) for ref in refs(job)]
    held = [(claim.ref, claim.fence) for claim in claims]
    renewed = await job_store.renew_leases(WORKER, held, lease_s=LEASE_S)
    assert {lease.ref for lease in renewed} == set(refs(job))
    await job_store.release_leases(WORKER, held)
    assert len(await job_store.due_items(limit=2000)) == 510


async def test_released_item_is_claimed_at_once(job_store: JobStore) -> None:
    """Whoever gave it back can write no more; releasing what is not held does nothing."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await generate(job_store, ref)
    await job_store.release_leases(RIVAL, [(ref, claim.fence)])
    await job_store.release_leases(WORKER, [(ref, claim.fence + 1), (ItemRef(NOWHERE, 0), 1)])
    assert await job_store.due_items(limit=9) == []
    await job_store.release_leases(WORKER, [(ref, claim.fence)])
    assert await job_store.due_items(limit=9) == [ref]
    with pytest.raises(LeaseLost):
        await job_store.step(claim, Step(to=ItemState.FINISHING))
    taken = await take(job_store, ref, worker=RIVAL)
    assert (taken.fence, taken.item.state) == (claim.fence + 1, ItemState.GENERATING)


# --- steps ------------------------------------------------------------------------------------


async def test_item_goes_all_the_way(job_store: JobStore, store_clock: FakeClock) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    result = make_result(
        make_file(),
        make_file(
            "preview.webp",
            artifact=None,
            sha256=None,
            size_bytes=None,
            provider_url="https://example.org/p.webp",
            expires_at=store_clock.now(),
        ),
        make_file("model.stl", made_by="Conversion(format='stl')", notes=("no colours",)),
    )
    claim = await succeed(job_store, ref, result)
    assert claim.item == await job_store.get_item(ref)
    assert (claim.item.state, claim.item.result) == (ItemState.SUCCEEDED, result)
    assert claim.item.progress == Progress(fraction=1.0)
    assert claim.job.version == claim.item.version == job.version + 4
    assert claim.job.counts == {ItemState.SUCCEEDED: 1}
    assert (claim.job.state, claim.job.finished_at) == (JobState.FINISHED, store_clock.now())
    assert claim.job == replace(await job_store.get_job(job.id), items=())


async def test_job_finishes_with_its_last_item_only(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=3))
    states = [(await succeed(job_store, ref)).job.state for ref in refs(job)]
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.FINISHED]


async def test_last_items_at_once_finish_the_job_once(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=8))
    claims = [await take(job_store, ref) for ref in refs(job)]
    after: list[Claim] = []

    async def end(claim: Claim) -> None:
        after.append(await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM)))

    async with anyio.create_task_group() as tasks:
        for claim in claims:
            tasks.start_soon(end, claim)
    finished = [claim for claim in after if claim.job.state is JobState.FINISHED]
    assert len(finished) == 1
    assert finished[0].job.version == job.version + 8
    assert sorted(claim.job.version for claim in after) == list(range(2, 10))


@pytest.mark.parametrize(
    "end",
    [
        Step(to=ItemState.QUEUED, problem=PROBLEM),
        Step(to=ItemState.FAILED, problem=PROBLEM),
        Step(to=ItemState.CANCELLED),
        Step(to=ItemState.UNCERTAIN, problem=PROBLEM),
    ],
    ids=lambda step: str(step.to),
)
async def test_end_of_a_run_ends_the_lease(job_store: JobStore, end: Step) -> None:
    job = await job_store.add_job(make_job(count=2))
    claim = await job_store.step(await take(job_store, refs(job)[0]), new_start())
    claim = await job_store.step(claim, end)
    assert (claim.item.state, claim.item.problem) == (end.to, end.problem)
    held = [(claim.ref, claim.fence)]
    assert await job_store.renew_leases(WORKER, held, lease_s=LEASE_S) == []
    again = Step(to=ItemState.QUEUED) if end.to is not ItemState.QUEUED else new_start()
    with pytest.raises(LeaseLost):
        await job_store.step(claim, again)


async def test_delayed_item_is_due_later(job_store: JobStore, store_clock: FakeClock) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await job_store.step(await take(job_store, ref), new_start())
    await job_store.step(claim, Step(to=ItemState.QUEUED, problem=PROBLEM, delay_s=45))
    await store_clock.advance(44)
    assert await job_store.due_items(limit=9) == []
    assert await job_store.claim_item(ref, worker=RIVAL, lease_s=LEASE_S) is None
    await store_clock.advance(1)
    assert await job_store.due_items(limit=9) == [ref]
    claim = await take(job_store, ref)
    assert (claim.item.state, claim.item.problem) == (ItemState.QUEUED, PROBLEM)


async def test_queued_item_may_be_put_off(job_store: JobStore, store_clock: FakeClock) -> None:
    """A worker that finds the provider busy before it has sent anything gives the item back."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await job_store.step(await take(job_store, ref), Step(to=ItemState.QUEUED, delay_s=10))
    assert await job_store.due_items(limit=9) == []
    await store_clock.advance(10)
    assert await job_store.due_items(limit=9) == [ref]


async def test_progress_never_falls_while_the_item_runs(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])

    async def progress_after(step: Step) -> Progress:
        nonlocal claim
        claim = await job_store.step(claim, step)
        return claim.item.progress

    generating = ItemState.GENERATING
    high = Progress(fraction=0.6, phase="Sculpting", eta_s=9)
    assert await progress_after(Step(to=generating, progress=high)) == high
    low = Progress(fraction=0.2, phase="Painting", queue_position=0)
    assert await progress_after(Step(to=generating, progress=low)) == replace(low, fraction=0.6)
    assert await progress_after(Step(to=generating)) == replace(low, fraction=0.6)
    assert (await progress_after(Step(to=ItemState.QUEUED))) == Progress()


async def test_queued_again_shows_the_progress_given(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    claim = await job_store.step(
        claim, Step(to=ItemState.GENERATING, progress=Progress(fraction=0.6))
    )
    waiting = Progress(phase="Waiting for another try")
    claim = await job_store.step(claim, Step(to=ItemState.QUEUED, progress=waiting))
    assert claim.item.progress == waiting


async def test_failed_item_stands_where_it_stopped(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    running = Progress(fraction=0.6, phase="Sculpting", queue_position=0, eta_s=9)
    claim = await job_store.step(claim, Step(to=ItemState.GENERATING, progress=running))
    claim = await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM))
    assert claim.item.progress == Progress(fraction=0.6)


async def test_step_clears_the_problem_it_does_not_name(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    await job_store.step(await take(job_store, ref), Step(to=ItemState.QUEUED, problem=PROBLEM))
    claim = await job_store.step(await take(job_store, ref), new_start())
    assert claim.item.problem is None


async def test_stale_claim_of_the_same_fence_is_refused(job_store: JobStore) -> None:
    """A step is for the state it was decided in, even by the one who holds the lease."""
    job = await job_store.add_job(make_job(count=1))
    stale = await job_store.step(await take(job_store, refs(job)[0]), new_start())
    await job_store.step(stale, accept())
    with pytest.raises(LeaseLost):
        await job_store.step(stale, accept())


async def test_step_of_what_is_gone_is_refused(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    await job_store.delete_job(job.id)
    with pytest.raises(LeaseLost):
        await job_store.step(claim, Step(to=ItemState.FINISHING))


@pytest.mark.parametrize(
    "to", [ItemState.FINISHING, ItemState.SUCCEEDED, ItemState.UNCERTAIN], ids=str
)
async def test_illegal_step_writes_nothing(job_store: JobStore, to: ItemState) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0])
    with pytest.raises(IllegalStep):
        await job_store.step(claim, Step(to=to))
    assert await job_store.get_job(job.id) == job
    await job_store.step(claim, new_start())


async def test_final_items_stay_final(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=2))
    done = await succeed(job_store, refs(job)[0])
    lost = await doubt(job_store, refs(job)[1])
    for claim, to in [(done, ItemState.QUEUED), (done, ItemState.SUCCEEDED)]:
        with pytest.raises(IllegalStep):
            await job_store.step(claim, Step(to=to))
    with pytest.raises(IllegalStep):
        await job_store.step(lost, Step(to=ItemState.UNCERTAIN))


# --- turns ------------------------------------------------------------------------------------


async def test_turn_is_one_workers_until_it_runs_out(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    assert await job_store.take_turn("sweep", worker=WORKER, lease_s=LEASE_S)
    assert not await job_store.take_turn("sweep", worker=RIVAL, lease_s=LEASE_S)
    await store_clock.advance(LEASE_S / 2)
    assert await job_store.take_turn("sweep", worker=WORKER, lease_s=LEASE_S)
    await store_clock.advance(LEASE_S - 1)
    assert not await job_store.take_turn("sweep", worker=RIVAL, lease_s=LEASE_S)
    await store_clock.advance(1)
    assert await job_store.take_turn("sweep", worker=RIVAL, lease_s=LEASE_S)
    assert not await job_store.take_turn("sweep", worker=WORKER, lease_s=LEASE_S)


async def test_every_duty_has_its_own_turn(job_store: JobStore) -> None:
    assert await job_store.take_turn("sweep", worker=WORKER, lease_s=LEASE_S)
    assert await job_store.take_turn("tidy", worker=RIVAL, lease_s=LEASE_S)


async def test_of_many_who_ask_at_once_one_has_the_turn(job_store: JobStore) -> None:
    taken: list[WorkerId] = []

    async def ask(worker: WorkerId) -> None:
        if await job_store.take_turn("sweep", worker=worker, lease_s=LEASE_S):
            taken.append(worker)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(ask, WorkerId(f"worker-{number}"))
    assert len(taken) == 1


def test_steps_that_contradict_themselves_cannot_be_made() -> None:
    start = new_start().start
    assert isinstance(start, AttemptStart)
    change = AttemptChange(state=AttemptState.ACCEPTED)
    with pytest.raises(IllegalStep):
        Step(to=ItemState.GENERATING, start=start)
    with pytest.raises(IllegalStep):
        Step(to=ItemState.SUBMITTING, start=start, attempt=change)
    with pytest.raises(IllegalStep):
        Step(to=ItemState.FAILED, delay_s=1)


async def test_item_under_way_that_is_delayed_is_due_later(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Its lease ends, its state, problem and attempt stay, and a paused job goes on with it."""
    job = await job_store.add_job(make_job(count=1))
    (ref,) = refs(job)
    claim = await generate(job_store, ref)
    claim = await job_store.step(claim, Step(to=ItemState.FINISHING))
    await job_store.step(claim, Step(to=ItemState.FINISHING, problem=PROBLEM, delay_s=45))
    assert await job_store.renew_leases(WORKER, [(ref, claim.fence)], lease_s=LEASE_S) == []
    with pytest.raises(LeaseLost):
        await job_store.step(claim, Step(to=ItemState.SUCCEEDED))
    await job_store.pause_job(job.id)
    await store_clock.advance(44)
    assert await job_store.due_items(limit=9) == []
    assert await job_store.claim_item(ref, worker=RIVAL, lease_s=LEASE_S) is None
    await store_clock.advance(1)
    assert await job_store.due_items(limit=9) == [ref]
    again = await take(job_store, ref, worker=RIVAL)
    assert (again.item.state, again.item.problem) == (ItemState.FINISHING, PROBLEM)
    assert again.item.attempts[-1].state is AttemptState.ACCEPTED


async def test_the_last_fact_counts(job_store: JobStore) -> None:
    """Facts are small JSON values under names."""
    assert await job_store.find_fact("fal.list") is None
    await job_store.keep_fact("fal.list", {"shows": True, "at": "2026-01-02", "of": [1, None]})
    await job_store.keep_fact("other.list", False)
    found = await job_store.find_fact("fal.list")
    assert found == {"shows": True, "at": "2026-01-02", "of": [1, None]}
    await job_store.keep_fact("fal.list", {"shows": False})
    assert await job_store.find_fact("fal.list") == {"shows": False}
    assert await job_store.find_fact("other.list") is False
