"""One item from its claim to its end, with everything that may go wrong on the way."""

import io
from decimal import Decimal

import anyio
import pytest
import trimesh

from image2model.core.errors import (
    GeneratorRetired,
    InvalidSetting,
    ProviderAccountBlocked,
    ProviderRejected,
    ProviderUnavailable,
    StorageFull,
    SubmissionUncertain,
    WrongState,
)
from image2model.core.generator import View
from image2model.core.ids import OwnerId
from image2model.core.job import FileRole, Item, Job
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.jobs.intake.submit import JobRequest, submit_job
from image2model.jobs.lifecycle.control import cancel_items, resolve_item, retry_items
from image2model.jobs.runs.recover import Sweeper
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Resolution
from image2model.testing.memory_artifacts import FailingArtifactStore
from image2model.testing.scripted_provider import Stage
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")


async def item_of(rig: Rig, job: Job, index: int = 0) -> Item:
    return await rig.store.get_item(ItemRef(job.id, index))


async def read_artifact(rig: Rig, item: Item, role: FileRole) -> bytes:
    assert item.result is not None
    file = next(file for file in item.result.files if file.role is role)
    assert file.artifact is not None
    return b"".join([chunk async for chunk in rig.artifacts.read(file.artifact)])


async def test_makes_a_model(rig: Rig) -> None:
    """A whole run leaves a readable mesh, a preview, facts and a closed ledger line."""
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    assert item.progress.fraction == 1.0
    glb = io.BytesIO(await read_artifact(rig, item, FileRole.MESH))
    assert trimesh.load_mesh(glb, file_type="glb").is_watertight
    assert (await read_artifact(rig, item, FileRole.PREVIEW))[8:12] == b"WEBP"
    assert item.mesh is not None
    assert item.mesh.name == "mug.glb"
    assert item.result is not None
    assert item.result.facts["faces"] == 12
    assert item.result.facts["seed"] == 0
    [attempt] = item.attempts
    assert attempt.state is AttemptState.SUCCEEDED
    assert attempt.cost_usd == Decimal("0.20")
    finished = await rig.store.get_job(job.id)
    assert finished.state is JobState.FINISHED
    assert finished.finished_at == rig.clock.now()


async def test_an_outage_before_the_submission_is_waited_out(rig: Rig) -> None:
    """What certainly did not start is tried again later, as a new attempt at no cost."""
    outage = ProviderUnavailable(provider="scripted", reason="down", retry_after_s=30)
    rig.provider.fail("submit", "mug", [outage])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    waiting = await item_of(rig, job)
    assert waiting.state is ItemState.QUEUED
    assert waiting.problem is not None
    assert waiting.problem.code == "provider_unavailable"
    assert await Sweeper(rig.context).sweep() == 0
    await rig.clock.advance(31)
    assert await Sweeper(rig.context).sweep() == 1
    await rig.run_dispatched()
    done = await item_of(rig, job)
    assert done.state is ItemState.SUCCEEDED
    assert done.problem is None
    assert [a.state for a in done.attempts] == [AttemptState.FAILED, AttemptState.SUCCEEDED]
    assert done.attempts[0].cost_usd == 0
    assert rig.provider.submits_of("mug") == 1


async def test_an_outage_without_end_fails(rig: Rig) -> None:
    """After `Rules.attempts` tries the item fails with the reason."""
    outages = [ProviderUnavailable(provider="scripted", reason="down") for _ in range(9)]
    rig.provider.fail("submit", "mug", outages)
    job = await rig.submit(ANNA, "mug")
    for _ in range(rig.context.rules.attempts):
        await rig.run_dispatched()
        await rig.clock.advance(600)
        await Sweeper(rig.context).sweep()
    item = await item_of(rig, job)
    assert item.state is ItemState.FAILED
    assert len(item.attempts) == rig.context.rules.attempts
    assert (await rig.store.get_job(job.id)).state is JobState.FINISHED


async def test_an_unreachable_upload_is_not_tried_for_ever(rig: Rig) -> None:
    """Faults before any attempt count as well."""
    outages = [ProviderUnavailable(provider="scripted", reason="down") for _ in range(99)]
    rig.provider.fail("prepare", "mug", outages)
    job = await rig.submit(ANNA, "mug")
    for _ in range(30):
        await rig.run_dispatched()
        await rig.clock.advance(600)
        await Sweeper(rig.context).sweep()
    item = await item_of(rig, job)
    assert item.state is ItemState.FAILED
    assert item.attempts == ()


@pytest.mark.parametrize(
    ("stage", "error", "code"),
    [
        ("submit", ProviderRejected(provider="scripted", reason="no"), "provider_rejected"),
        ("follow", ProviderRejected(provider="scripted", reason="no"), "provider_rejected"),
        ("prepare", InvalidSetting(setting="X", reason="is wrong"), "invalid_setting"),
    ],
)
async def test_a_fault_fails_one_item(rig: Rig, stage: Stage, error: Exception, code: str) -> None:
    """The faulty item says why; the others of its job go on."""
    rig.provider.fail(stage, "mug", [error])
    job = await rig.submit(ANNA, "mug", "vase")
    await rig.run_dispatched()
    failed, fine = (await rig.store.get_job(job.id)).items
    assert failed.state is ItemState.FAILED
    assert failed.problem is not None
    assert failed.problem.code == code
    assert fine.state is ItemState.SUCCEEDED
    assert {a.state for a in failed.attempts} <= {AttemptState.FAILED}


async def test_a_blocked_account_stops_the_job(rig: Rig) -> None:
    """With a bad key nothing more is tried, and every item says so."""
    blocked = ProviderAccountBlocked(provider="scripted", reason="no credit", advice="Top up.")
    rig.provider.fail("submit", "one", [blocked])
    job = await rig.submit(ANNA, "one", "two", "three")
    await rig.run_dispatched()
    stopped = await rig.store.get_job(job.id)
    assert [item.state for item in stopped.items] == [ItemState.FAILED] * 3
    assert {item.problem.code for item in stopped.items if item.problem} == {
        "provider_account_blocked"
    }
    assert rig.provider.accepted == {}
    assert stopped.state is JobState.FINISHED


async def test_a_retired_generator_stops_the_job(rig: Rig) -> None:
    """What the provider no longer offers is asked for once."""
    retired = GeneratorRetired(provider="scripted", generator="scripted/cube")
    rig.provider.fail("submit", "one", [retired])
    job = await rig.submit(ANNA, "one", "two")
    await rig.run_dispatched()
    stopped = await rig.store.get_job(job.id)
    assert [item.problem.code for item in stopped.items if item.problem] == [
        "generator_retired"
    ] * 2
    assert stopped.state is JobState.FINISHED
    assert rig.provider.accepted == {}


async def test_a_lost_answer_is_never_sent_again_by_itself(rig: Rig) -> None:
    """What may have been paid for waits for a person."""
    lost = SubmissionUncertain(provider="scripted", reason="connection reset")
    rig.provider.fail("submit", "mug", [lost])
    rig.provider.fail("reconcile", "mug", [lost])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    await rig.clock.advance(3_600)
    await Sweeper(rig.context).sweep()
    await rig.run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.UNCERTAIN
    assert item.attempts[0].state is AttemptState.UNCERTAIN
    assert rig.provider.submits_of("mug") == 1
    assert (await rig.store.get_job(job.id)).state is JobState.RUNNING


async def test_a_lost_answer_is_looked_for(rig: Rig) -> None:
    """What the provider has after all goes on as if its answer had come."""
    lost = SubmissionUncertain(provider="scripted", reason="connection reset")
    rig.provider.fail("submit", "mug", [lost])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    assert [attempt.state for attempt in item.attempts] == [AttemptState.SUCCEEDED]
    assert rig.provider.submits_of("mug") == 1


async def test_a_bug_while_sending_is_not_taken_for_unpaid(rig: Rig) -> None:
    """When nobody can tell whether the request left, a person decides what happens next."""
    rig.provider.fail("submit", "mug", [RuntimeError("a bug")])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.UNCERTAIN
    assert item.attempts[0].cost_usd is None


async def test_an_uncertain_item_is_submitted_again_on_request(rig: Rig) -> None:
    lost = SubmissionUncertain(provider="scripted", reason="connection reset")
    rig.provider.fail("submit", "mug", [lost])
    rig.provider.fail("reconcile", "mug", [lost])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    await resolve_item(rig.context, ANNA, ItemRef(job.id, 0), Resolution.RESUBMIT)
    await rig.run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 2


@pytest.mark.parametrize(("limit_s", "told"), [(12.0, "at most 12 s"), (400.0, "at most 7 min")])
async def test_a_search_says_how_long_it_may_take(rig: Rig, limit_s: float, told: str) -> None:
    rig.provider.search_s = limit_s
    lost = SubmissionUncertain(provider="scripted", reason="HTTP 503")
    rig.provider.fail("submit", "mug", [lost])
    hang = rig.provider.hang("reconcile", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        await hang.reached.wait()
        item = await item_of(rig, job)
        hang.released.set()
    assert item.state is ItemState.SUBMITTING
    assert item.progress.phase == f"Looking for a lost answer, for {told}"
    assert item.progress.eta_s == limit_s
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED


@pytest.mark.parametrize("resolution", Resolution)
async def test_a_person_need_not_wait_for_a_search(rig: Rig, resolution: Resolution) -> None:
    """The search ends at once with the decision; what was in doubt stays so in the ledger."""
    lost = SubmissionUncertain(provider="scripted", reason="HTTP 503")
    rig.provider.fail("submit", "mug", [lost])
    hang = rig.provider.hang("reconcile", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as keeping:
        keeping.start_soon(rig.keeper.run)
        async with anyio.create_task_group() as group:
            [ref] = rig.dispatcher.take()
            group.start_soon(rig.runner.run, ref)
            await hang.reached.wait()
            await resolve_item(rig.context, ANNA, ref, resolution)
        keeping.cancel_scope.cancel()
    await rig.run_dispatched()
    done = await rig.store.get_job(job.id)
    assert done.state is JobState.FINISHED
    states = [attempt.state for attempt in done.items[0].attempts]
    if resolution is Resolution.RESUBMIT:
        assert states == [AttemptState.UNCERTAIN, AttemptState.SUCCEEDED]
        assert rig.provider.submits_of("mug") == 2
    else:
        assert states == [AttemptState.UNCERTAIN]
        assert done.items[0].problem is not None
        assert done.items[0].problem.code == "given_up"


async def test_what_is_being_sent_cannot_be_decided(rig: Rig) -> None:
    """Only where the answer was lost there is a choice."""
    hang = rig.provider.hang("submit", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        await hang.reached.wait()
        with pytest.raises(WrongState):
            await resolve_item(rig.context, ANNA, ItemRef(job.id, 0), Resolution.RESUBMIT)
        hang.released.set()
    assert rig.provider.submits_of("mug") == 1


async def test_what_was_not_accepted_is_unpaid_after_a_search(rig: Rig) -> None:
    """The attempt that was in doubt is closed, and counts against no budget."""
    lost = SubmissionUncertain(provider="scripted", reason="HTTP 503")
    rig.provider.fail("submit", "mug", [lost])
    hang = rig.provider.hang("reconcile", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        await hang.reached.wait()
        rig.provider.accepted.clear()
        hang.released.set()
    [attempt] = (await item_of(rig, job)).attempts
    assert (attempt.state, attempt.cost_usd) == (AttemptState.FAILED, Decimal(0))
    await rig.clock.advance(10)
    await Sweeper(rig.context).sweep()
    await rig.run_dispatched()
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
    assert (await rig.store.usage(ANNA)).day_usd == Decimal("0.20")


async def test_an_uncertain_item_is_given_up_on_request(rig: Rig) -> None:
    lost = SubmissionUncertain(provider="scripted", reason="connection reset")
    rig.provider.fail("submit", "mug", [lost])
    rig.provider.fail("reconcile", "mug", [lost])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    after = await resolve_item(rig.context, ANNA, ItemRef(job.id, 0), Resolution.GIVE_UP)
    assert after.items[0].state is ItemState.FAILED
    assert after.state is JobState.FINISHED


@pytest.mark.parametrize("stage", ["prepare", "submit", "follow", "collect"])
async def test_another_worker_goes_on_where_one_died(rig: Rig, stage: Stage) -> None:
    """Whatever a dead worker had begun is finished, and submitted exactly once."""
    hang = rig.provider.hang(stage, "mug")
    job = await rig.submit(ANNA, "mug")
    [ref] = rig.dispatcher.take()
    _, dead = rig.worker("dead")
    async with anyio.create_task_group() as group:
        group.start_soon(dead.run, ref)
        await hang.reached.wait()
        # Nobody renews its lease, so that it runs out.
        await rig.clock.advance(rig.context.rules.lease_s + 1)
        assert await Sweeper(rig.context).sweep() == 1
        await rig.run_dispatched()
        assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
        # The one that was thought dead wakes up and finds that it has nothing to say.
        hang.released.set()
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    assert [attempt.state for attempt in item.attempts] == [AttemptState.SUCCEEDED]
    assert rig.provider.submits_of("mug") == 1


async def test_a_worker_that_lost_its_lease_writes_nothing(rig: Rig) -> None:
    """A worker that slept beyond its lease leaves the result of the other one alone."""
    rig.provider.latency_s = 100.0
    job = await rig.submit(ANNA, "mug")
    [ref] = rig.dispatcher.take()
    _, sleeper = rig.worker("sleeper")
    async with anyio.create_task_group() as group:
        group.start_soon(sleeper.run, ref)
        await rig.clock.until_sleeping(1)
        await rig.clock.advance(rig.context.rules.lease_s + 1)
        group.start_soon(rig.runner.run, ref)
        await rig.clock.until_sleeping(2)
        await rig.clock.advance(200)
    item = await item_of(rig, job)
    assert item.state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1
    kept = {stored.artifact async for stored in rig.artifacts.all()}
    assert await rig.store.unreferenced(kept) == set()


async def test_shutting_down_gives_the_lease_back(rig: Rig) -> None:
    """A run that is cancelled lets another worker go on at once, with what was accepted."""
    hang = rig.provider.hang("follow", "mug")
    job = await rig.submit(ANNA, "mug")
    [ref] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        group.cancel_scope.cancel()
    assert await Sweeper(rig.context).sweep() == 1
    await rig.run_dispatched()
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1


async def test_cancelling_stops_the_provider(rig: Rig) -> None:
    """An item under way is stopped at the provider when its worker renews its lease."""
    hang = rig.provider.hang("follow", "mug")
    job = await rig.submit(ANNA, "mug", "vase")
    first, _ = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, first)
        await hang.reached.wait()
        after = await cancel_items(rig.context, ANNA, job.id)
        assert [i.state for i in after.items] == [ItemState.GENERATING, ItemState.CANCELLED]
        await rig.keeper.renew()
    finished = await rig.store.get_job(job.id)
    assert [i.state for i in finished.items] == [ItemState.CANCELLED, ItemState.CANCELLED]
    assert finished.state is JobState.FINISHED
    assert [r.cancelled for r in rig.provider.accepted.values()] == [True]
    assert finished.items[0].attempts[0].state is AttemptState.CANCELLED


async def test_a_model_that_is_done_is_kept_in_spite_of_cancelling(rig: Rig) -> None:
    """What the provider can no longer stop is paid for, so it is delivered."""
    rig.provider.cancellable = False
    hang = rig.provider.hang("follow", "mug")
    job = await rig.submit(ANNA, "mug")
    [ref] = rig.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(rig.runner.run, ref)
        await hang.reached.wait()
        await cancel_items(rig.context, ANNA, job.id)
        await rig.keeper.renew()
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED


async def test_a_full_disk_fails_the_item_and_leaves_nothing(rig: Rig) -> None:
    """A result that cannot be stored whole is not stored at all, and is not paid for again."""
    job = await rig.submit(ANNA, "mug")
    before = {stored.artifact async for stored in rig.artifacts.all()}
    full = {1: StorageFull(where="the disk")}
    await rig.with_artifacts(FailingArtifactStore(rig.artifacts, puts=full)).run_dispatched()
    item = await item_of(rig, job)
    assert item.state is ItemState.FAILED
    assert item.problem is not None
    assert item.problem.code == "storage_full"
    assert {stored.artifact async for stored in rig.artifacts.all()} == before
    await retry_items(rig.context, ANNA, job.id)
    await rig.run_dispatched()
    assert (await item_of(rig, job)).state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 1


async def test_a_budget_is_kept(rig: Rig) -> None:
    """Once the next item would go over the job's budget, nothing more is submitted."""
    request = JobRequest(budget_usd=Decimal("0.50"))
    job = await rig.submit(ANNA, "one", "two", "three", request=request)
    await rig.run_dispatched()
    states = [item.state for item in (await rig.store.get_job(job.id)).items]
    assert states == [ItemState.SUCCEEDED, ItemState.SUCCEEDED, ItemState.FAILED]
    third = await item_of(rig, job, 2)
    assert third.problem is not None
    assert third.problem.code == "budget_exceeded"
    assert len(rig.provider.accepted) == 2


async def test_retrying_makes_failed_items_again(rig: Rig) -> None:
    rejected = ProviderRejected(provider="scripted", reason="no")
    rig.provider.fail("follow", "mug", [rejected])
    job = await rig.submit(ANNA, "mug", "vase")
    await rig.run_dispatched()
    again = await retry_items(rig.context, ANNA, job.id)
    assert again.state is JobState.RUNNING
    await rig.run_dispatched()
    done = await rig.store.get_job(job.id)
    assert [item.state for item in done.items] == [ItemState.SUCCEEDED] * 2
    assert rig.provider.submits_of("vase") == 1
    assert [a.number for a in done.items[0].attempts] == [1, 2]


async def test_what_is_cheaper_may_still_fit_into_a_budget(rig: Rig) -> None:
    """Only items that cost as much as the one that did not fit are left without a try."""
    rig.provider.more_views_usd = Decimal("0.20")
    both = [View.FRONT, View.BACK]
    items = [
        await rig.new_item("one"),
        await rig.new_item("two", views=both),
        await rig.new_item("three", views=both),
        await rig.new_item("four"),
    ]
    request = JobRequest(budget_usd=Decimal("0.50"))
    job = await submit_job(rig.context, ANNA, request, items)
    await rig.run_dispatched()
    done = await rig.store.get_job(job.id)
    states = [item.state for item in done.items]
    made, left = ItemState.SUCCEEDED, ItemState.FAILED
    assert states == [made, left, left, made]
    problems = [item.problem for item in done.items if item.problem]
    assert [problem.code for problem in problems] == ["budget_exceeded"] * 2
    assert {problem.details["needed_usd"] for problem in problems} == {0.6}
    assert [name for stage, name in rig.provider.calls if stage == "prepare"].count("three") == 0
