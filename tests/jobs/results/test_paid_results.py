"""What is paid for is fetched until it is there, and paid for again by a decision alone."""

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from image2model.core.errors import (
    ComputeCrashed,
    ComputeTimedOut,
    FetchBroken,
    FetchGone,
    FetchRefused,
    GeneratorRetired,
    InvalidSetting,
    ProviderAccountBlocked,
    ProviderResultInvalid,
    ProviderUnavailable,
    StorageUnavailable,
    SubmissionUncertain,
    WrongState,
)
from image2model.core.ids import OwnerId
from image2model.core.job import Item, Job
from image2model.core.rules import offered_usd
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.context import Rules
from image2model.jobs.intake.submit import JobRequest
from image2model.jobs.lifecycle.control import cancel_items, delete_job, resolve_item, retry_items
from image2model.jobs.runs.recover import Sweeper
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import LedgerQuery, Resolution
from image2model.testing.inline_compute import InlineCompute
from image2model.testing.memory_artifacts import FailingArtifactStore
from image2model.testing.scripted_provider import Stage
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
COST = Decimal("0.23")
SHA = "5" * 64


@pytest.fixture
def billing(rig: Rig) -> Rig:
    """A provider that says what work has cost: other than was estimated."""
    rig.provider.cost_usd = COST
    return rig


async def item_of(rig: Rig, job: Job) -> Item:
    return await rig.store.get_item(ItemRef(job.id, 0))


def insist_paid_once(rig: Rig, item: Item, state: AttemptState) -> None:
    assert rig.provider.submits_of("mug") == 1
    (attempt,) = item.attempts
    assert (attempt.state, attempt.cost_usd) == (state, COST)
    assert attempt.handle is not None


def invalid(sha256: str | None = None, cause: str | None = None) -> ProviderResultInvalid:
    return ProviderResultInvalid(provider="scripted", reason="a page", sha256=sha256, cause=cause)


PASSING: dict[str, tuple[Stage, Callable[[], Exception]]] = {
    "a page": ("collect", lambda: invalid(SHA)),
    "cut": ("collect", invalid),
    "not there yet": ("collect", lambda: invalid(cause="gone")),
    "not there yet, by status": ("collect", lambda: FetchGone(host="cdn", status=404)),
    "down": ("collect", lambda: ProviderUnavailable(provider="scripted", reason="down")),
    "broken": ("collect", lambda: FetchBroken(host="cdn", reason="reset")),
    "storage": ("collect", lambda: StorageUnavailable(where="the bucket", reason="down")),
    "compute": ("collect", lambda: ComputeCrashed(function="inspect_model")),
    "descriptors": ("collect", lambda: OSError(errno.EMFILE, "Too many open files")),
    "disk": ("collect", lambda: OSError(errno.EIO, "Input/output error")),
    "memory": ("collect", MemoryError),
    "a bug": ("collect", lambda: RuntimeError("a bug")),
    "a bug in a group": ("collect", lambda: ExceptionGroup("some", [KeyError("x")])),
    "a bug while it runs": ("follow", lambda: RuntimeError("a bug")),
    "descriptors while it runs": ("follow", lambda: OSError(errno.EMFILE, "Too many open files")),
    "the bill": ("bill", lambda: ProviderUnavailable(provider="scripted", reason="down")),
}


@pytest.mark.parametrize("case", PASSING)
async def test_what_passes_by_itself_costs_nothing(billing: Rig, case: str) -> None:
    """The item shows what is wrong, is tried again, and is there in the end."""
    stage, make = PASSING[case]
    times = 1 if stage == "bill" else 3
    billing.provider.fail(stage, "mug", [make() for _ in range(times)])
    job = await billing.submit(ANNA, "mug")
    await billing.run_dispatched()
    waiting = await item_of(billing, job)
    if stage != "bill":
        working = ItemState.GENERATING if stage == "follow" else ItemState.FINISHING
        assert waiting.state is working
        assert waiting.problem is not None
        assert "paid for" in waiting.problem.message
        assert waiting.progress.phase == "Fetching the paid model again (try 2)"
        assert (await billing.store.get_job(job.id)).state is JobState.RUNNING
    await billing.run_on()
    done = await item_of(billing, job)
    assert (done.state, done.problem) == (ItemState.SUCCEEDED, None)
    insist_paid_once(billing, done, AttemptState.SUCCEEDED)


STAYING: dict[str, Callable[[], Exception]] = {
    "no answer": lambda: ProviderUnavailable(provider="scripted", reason="down"),
    "cut": invalid,
    "refused by our rules": lambda: FetchRefused(host="10.0.0.1", reason="it is private"),
    "a redirect our rules refuse": lambda: invalid(cause="refused"),
    "our setting": lambda: InvalidSetting(setting="X", reason="is wrong"),
    "forbidden": lambda: FetchGone(host="cdn", status=403),
    "a full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "a bug": lambda: RuntimeError("a bug"),
    "blocked": lambda: ProviderAccountBlocked(provider="scripted", reason="no", advice="Pay."),
    "retired": lambda: GeneratorRetired(provider="scripted", generator="scripted/cube"),
}


@pytest.mark.parametrize("case", STAYING)
async def test_what_stays_wrong_is_kept_open_and_offers_nothing(billing: Rig, case: str) -> None:
    """A retry fetches what is paid for, any number of times; nothing submits it anew."""
    make = STAYING[case]
    billing.provider.fail("collect", "mug", [make() for _ in range(60)])
    job = await billing.submit(ANNA, "mug")
    for _ in range(2):
        await billing.run_on()
        failed = await item_of(billing, job)
        assert failed.state is ItemState.FAILED
        assert failed.problem is not None
        assert "retrying it fetches it again and costs nothing" in failed.problem.message
        assert "tried again by itself" not in failed.problem.message
        assert offered_usd(failed) is None
        insist_paid_once(billing, failed, AttemptState.ACCEPTED)
        with pytest.raises(WrongState):
            await resolve_item(billing.context, ANNA, ItemRef(job.id, 0), Resolution.RESUBMIT)
        await retry_items(billing.context, ANNA, job.id)
    while await item_state(billing, job) is not ItemState.SUCCEEDED:
        await retry_failed(billing, job)
        await billing.run_on()
    insist_paid_once(billing, await item_of(billing, job), AttemptState.SUCCEEDED)


async def item_state(rig: Rig, job: Job) -> ItemState:
    return (await item_of(rig, job)).state


async def retry_failed(rig: Rig, job: Job) -> None:
    if await item_state(rig, job) is ItemState.FAILED:
        await retry_items(rig.context, ANNA, job.id)


LOST: dict[str, Callable[[], Exception]] = {
    "gone": lambda: invalid(cause="gone"),
    "gone by status": lambda: FetchGone(host="cdn", status=410),
    "the same bytes": lambda: invalid(SHA),
}


@pytest.mark.parametrize("case", LOST)
async def test_a_new_payment_is_offered_and_made_by_a_word_of_its_own(
    billing: Rig, case: str
) -> None:
    """Neither a retry of the item nor one of the whole job is that word."""
    make = LOST[case]
    billing.provider.fail("collect", "mug", [make() for _ in range(200)])
    job = await billing.submit(ANNA, "mug")
    await billing.run_dispatched()
    began = billing.clock.now()
    for retry in (None, [0], None):
        await billing.run_on()
        failed = await item_of(billing, job)
        assert failed.state is ItemState.FAILED
        assert failed.problem is not None
        assert "Making it again costs about $0.23 more" in failed.problem.message
        assert offered_usd(failed) == 0.23
        insist_paid_once(billing, failed, AttemptState.ACCEPTED)
        await retry_items(billing.context, ANNA, job.id, retry)
        assert offered_usd(await item_of(billing, job)) is None
    assert billing.clock.now() - began > timedelta(minutes=1)
    await billing.run_on()
    billing.provider.forget_faults()
    await resolve_item(billing.context, ANNA, ItemRef(job.id, 0), Resolution.RESUBMIT)
    await billing.run_on()
    done = await item_of(billing, job)
    assert done.state is ItemState.SUCCEEDED
    assert billing.provider.submits_of("mug") == 2
    assert [(one.state, one.cost_usd) for one in done.attempts] == [
        (AttemptState.FAILED, COST),
        (AttemptState.SUCCEEDED, COST),
    ]
    ledger = await billing.store.list_ledger(LedgerQuery(owner=ANNA))
    assert [entry.attempt.cost_usd for entry in ledger.entries] == [COST, COST]


async def test_other_bytes_each_time_are_no_reason_to_pay_again(billing: Rig) -> None:
    """They are cut, or a page with the time on it: what is there may still be right later."""
    errors = [invalid(f"{number:064}") for number in range(60)]
    billing.provider.fail("collect", "mug", errors)
    job = await billing.submit(ANNA, "mug")
    await billing.run_on()
    failed = await item_of(billing, job)
    assert failed.state is ItemState.FAILED
    assert offered_usd(failed) is None


async def test_the_cost_is_booked_before_the_files_are_fetched(billing: Rig) -> None:
    """Also in the job, in the ledger, and for the budgets."""
    hang = billing.provider.hang("collect", "mug")
    job = await billing.submit(ANNA, "mug")
    [ref] = billing.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(billing.runner.run, ref)
        await hang.reached.wait()
        item = await item_of(billing, job)
        assert item.state is ItemState.FINISHING
        insist_paid_once(billing, item, AttemptState.ACCEPTED)
        ledger = await billing.store.list_ledger(LedgerQuery(owner=ANNA))
        assert [entry.attempt.cost_usd for entry in ledger.entries] == [COST]
        assert (await billing.store.usage(ANNA)).day_usd == COST
        group.cancel_scope.cancel()


async def test_an_unknown_cost_is_taken_at_its_estimate(rig: Rig) -> None:
    rig.provider.fail("collect", "mug", [invalid() for _ in range(60)])
    job = await rig.submit(ANNA, "mug")
    await rig.run_on()
    (attempt,) = (await item_of(rig, job)).attempts
    assert (attempt.state, attempt.cost_usd) == (AttemptState.ACCEPTED, Decimal("0.20"))


@pytest.mark.parametrize("stage", ["follow", "bill", "collect"])
async def test_killed_between_the_outcome_and_the_kept_file(billing: Rig, stage: Stage) -> None:
    """Whoever goes on pays nothing, books once and delivers."""
    hang = billing.provider.hang(stage, "mug")
    job = await billing.submit(ANNA, "mug")
    [ref] = billing.dispatcher.take()
    _, dead = billing.worker("dead")
    async with anyio.create_task_group() as group:
        group.start_soon(dead.run, ref)
        await hang.reached.wait()
        await billing.clock.advance(billing.context.rules.lease_s + 1)
        await Sweeper(billing.context).sweep()
        await billing.run_dispatched()
        insist_paid_once(billing, await item_of(billing, job), AttemptState.SUCCEEDED)
        hang.released.set()
    insist_paid_once(billing, await item_of(billing, job), AttemptState.SUCCEEDED)
    ledger = await billing.store.list_ledger(LedgerQuery(owner=ANNA))
    assert [entry.attempt.cost_usd for entry in ledger.entries] == [COST]


async def test_tries_are_counted_over_kills(billing: Rig) -> None:
    """What is offered after minutes is offered after minutes, whoever has tried."""
    billing.provider.fail("collect", "mug", [invalid(SHA) for _ in range(60)])
    job = await billing.submit(ANNA, "mug")
    await billing.run_dispatched()
    for number in range(30):
        billing.keeper, billing.runner = billing.worker(f"worker {number}")
        await billing.clock.advance(15)
        await Sweeper(billing.context).sweep()
        await billing.run_dispatched()
    assert offered_usd(await item_of(billing, job)) == 0.23


async def test_a_deleted_job_is_booked_all_the_same(billing: Rig) -> None:
    hang = billing.provider.hang("bill", "mug")
    job = await billing.submit(ANNA, "mug")
    [ref] = billing.dispatcher.take()
    async with anyio.create_task_group() as group:
        group.start_soon(billing.runner.run, ref)
        await hang.reached.wait()
        await delete_job(billing.context, ANNA, job.id)
        hang.released.set()
    ledger = await billing.store.list_ledger(LedgerQuery(owner=ANNA))
    assert [entry.attempt.cost_usd for entry in ledger.entries] == [COST]


async def test_cancelling_ends_the_tries_and_loses_nothing(billing: Rig) -> None:
    billing.provider.fail("collect", "mug", [invalid() for _ in range(2)])
    job = await billing.submit(ANNA, "mug")
    await billing.run_dispatched()
    await cancel_items(billing.context, ANNA, job.id)
    await billing.run_on()
    cancelled = await item_of(billing, job)
    assert cancelled.state is ItemState.CANCELLED
    insist_paid_once(billing, cancelled, AttemptState.ACCEPTED)
    await retry_items(billing.context, ANNA, job.id, [0])
    await billing.run_on()
    insist_paid_once(billing, await item_of(billing, job), AttemptState.SUCCEEDED)


async def test_a_paid_item_that_is_stopped_while_it_waits_is_not_paid_again(billing: Rig) -> None:
    """Somebody retries it, and the account is blocked or the job is cancelled meanwhile."""
    blocked = ProviderAccountBlocked(provider="scripted", reason="no", advice="Pay.")
    billing.provider.fail("collect", "mug", [blocked])
    job = await billing.submit(ANNA, "mug")
    await billing.run_dispatched()
    await retry_items(billing.context, ANNA, job.id)
    await cancel_items(billing.context, ANNA, job.id)
    await retry_items(billing.context, ANNA, job.id, [0])
    assert (await item_of(billing, job)).state is ItemState.QUEUED
    await billing.run_on()
    insist_paid_once(billing, await item_of(billing, job), AttemptState.SUCCEEDED)


async def test_a_mesh_that_cannot_be_examined_is_delivered_in_the_end(billing: Rig) -> None:
    """For lack of memory, or of time; the facts say why nothing is known of it."""
    slow = ComputeTimedOut(function="inspect_model", limit_s=120.0)
    weak = InlineCompute(failures={"inspect_model": slow})
    billing.context = replace(billing.context, compute=weak)
    billing.keeper, billing.runner = billing.worker("weak")
    job = await billing.submit(ANNA, "mug")
    await billing.run_on()
    item = await item_of(billing, job)
    assert item.state is ItemState.SUCCEEDED
    assert item.result is not None
    assert "took longer" in item.result.facts["unexamined"]
    insist_paid_once(billing, item, AttemptState.SUCCEEDED)


async def test_storage_that_is_down_for_a_while(billing: Rig) -> None:
    job = await billing.submit(ANNA, "mug")
    down = {number: StorageUnavailable(where="the bucket", reason="down") for number in (1, 2)}
    failing = billing.with_artifacts(FailingArtifactStore(billing.artifacts, puts=down))
    await failing.run_on()
    insist_paid_once(failing, await item_of(failing, job), AttemptState.SUCCEEDED)


async def test_an_operator_may_leave_all_tries_to_people(tmp_path: Path) -> None:
    rules = Rules(picture=PictureLimits(), incoming=tmp_path, collect_s=0.0)
    rig = Rig(tmp_path, rules=rules)
    rig.provider.fail("collect", "mug", [invalid()])
    job = await rig.submit(ANNA, "mug", request=JobRequest())
    await rig.run_dispatched()
    failed = await item_of(rig, job)
    assert failed.state is ItemState.FAILED
    assert failed.attempts[0].state is AttemptState.ACCEPTED


async def test_what_has_stopped_before_its_end_is_booked_as_unpaid(rig: Rig) -> None:
    """Budgets are not used up by what was cancelled in time."""
    hang = rig.provider.hang("follow", "mug")
    job = await rig.submit(ANNA, "mug")
    async with anyio.create_task_group() as group:
        group.start_soon(rig.run_dispatched)
        await hang.reached.wait()
        await cancel_items(rig.context, ANNA, job.id)
        await rig.keeper.renew()
    [item] = (await rig.store.get_job(job.id)).items
    assert item.state is ItemState.CANCELLED
    assert [(one.state, one.cost_usd) for one in item.attempts] == [
        (AttemptState.CANCELLED, Decimal(0))
    ]
    assert (await rig.store.usage(ANNA)).day_usd == 0


async def test_what_was_given_up_in_doubt_is_made_again_by_a_word_of_its_own(rig: Rig) -> None:
    """It may be paid for already, so a retry alone leaves it."""
    lost = SubmissionUncertain(provider="scripted", reason="connection reset")
    rig.provider.fail("submit", "mug", [lost])
    rig.provider.fail("reconcile", "mug", [lost])
    job = await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    ref = ItemRef(job.id, 0)
    [item] = (await resolve_item(rig.context, ANNA, ref, Resolution.GIVE_UP)).items
    assert offered_usd(item) == 0.2
    await retry_items(rig.context, ANNA, job.id)
    with pytest.raises(WrongState, match="`resubmit`"):
        await retry_items(rig.context, ANNA, job.id, [0])
    await rig.run_dispatched()
    assert rig.provider.submits_of("mug") == 1
    await resolve_item(rig.context, ANNA, ref, Resolution.RESUBMIT)
    await rig.run_dispatched()
    [item] = (await rig.store.get_job(job.id)).items
    assert item.state is ItemState.SUCCEEDED
    assert rig.provider.submits_of("mug") == 2
