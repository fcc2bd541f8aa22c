"""What every `JobStore` promises of the ledger: attempts, costs, budgets, late answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from image2model.core.errors import (
    BudgetExceeded,
    InvalidRequest,
    JobNotFound,
    LeaseLost,
    SpendingStopped,
    WrongState,
)
from image2model.core.ids import LOCAL_OWNER, JobId, OwnerId, SubmitKey
from image2model.core.job import Attempt, Handle, Submission
from image2model.core.money import Budget, BudgetScope, SpendingLimits
from image2model.core.rules import IllegalStep
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.jobstore import (
    AttemptChange,
    Claim,
    JobStore,
    LedgerEntry,
    LedgerQuery,
    Step,
)
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    LEASE_S,
    PROBLEM,
    RIVAL,
    accept,
    doubt,
    generate,
    make_draft,
    make_item,
    make_job,
    new_start,
    refs,
    take,
)

pytestmark = pytest.mark.anyio

HANDLE = Handle(request_id="r-1", data={"status_url": "https://example.org/r-1", "n": [1, None]})
DAY_S = 24 * 3600.0


async def started(store: JobStore, step: Step, *, owner: OwnerId = LOCAL_OWNER) -> Claim:
    """Add a job of one item and start an attempt of it."""
    job = await store.add_job(make_job(make_item(0), owner=owner))
    return await store.step(await take(store, refs(job)[0]), step)


# --- attempts ---------------------------------------------------------------------------------


async def test_attempt_is_written_before_anything_is_sent(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    step = new_start("0.123456")
    claim = await started(job_store, step)
    assert step.start is not None
    attempt = Attempt(
        number=1,
        submit_key=step.start.submit_key,
        provider="testing",
        state=AttemptState.SUBMITTING,
        submission=Submission(endpoint="make", data={"seed": 7}, estimated_usd=Decimal("0.123456")),
        submitted_at=store_clock.now(),
    )
    assert tuple(claim.item.attempts) == (attempt,)
    assert (await job_store.get_item(claim.ref)).attempts == claim.item.attempts


async def test_attempt_follows_the_provider(job_store: JobStore, store_clock: FakeClock) -> None:
    claim = await started(job_store, new_start())
    (before,) = claim.item.attempts
    await store_clock.advance(5)
    claim = await job_store.step(claim, accept("r-1"))
    (accepted,) = claim.item.attempts
    assert accepted.handle is not None
    assert (accepted.state, accepted.handle.request_id) == (AttemptState.ACCEPTED, "r-1")
    assert (accepted.finished_at, accepted.submitted_at) == (None, before.submitted_at)
    claim = await job_store.step(claim, Step(to=ItemState.FINISHING))
    done = AttemptChange(state=AttemptState.SUCCEEDED, cost_usd=Decimal("0.5"))
    claim = await job_store.step(claim, Step(to=ItemState.SUCCEEDED, attempt=done))
    assert tuple(claim.item.attempts) == (
        replace(
            accepted,
            state=AttemptState.SUCCEEDED,
            cost_usd=Decimal("0.5"),
            finished_at=store_clock.now(),
        ),
    )
    assert claim.item == await job_store.get_item(claim.ref)


async def test_second_attempt_leaves_the_first(job_store: JobStore) -> None:
    claim = await started(job_store, new_start())
    unpaid = AttemptChange(state=AttemptState.FAILED, cost_usd=Decimal(0))
    await job_store.step(claim, Step(to=ItemState.QUEUED, attempt=unpaid))
    claim = await job_store.step(await take(job_store, claim.ref), new_start())
    claim = await job_store.step(claim, accept("r-2"))
    first, second = claim.item.attempts
    assert (first.number, first.state, first.cost_usd) == (1, AttemptState.FAILED, Decimal(0))
    assert (second.number, second.state, second.cost_usd) == (2, AttemptState.ACCEPTED, None)


async def test_uncertain_attempt_is_not_over(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await doubt(job_store, refs(job)[0])
    (attempt,) = claim.item.attempts
    assert (attempt.state, attempt.finished_at) == (AttemptState.UNCERTAIN, None)


async def test_submit_keys_are_unique_for_ever(job_store: JobStore) -> None:
    step = new_start()
    first = await started(job_store, step)
    second = await job_store.add_job(make_job(make_item(0, made_key="b")))
    claim = await take(job_store, refs(second)[0])
    with pytest.raises(IllegalStep):
        await job_store.step(claim, step)
    await job_store.delete_job(first.ref.job)
    with pytest.raises(IllegalStep):
        await job_store.step(claim, step)
    assert (await job_store.get_item(claim.ref)) == claim.item


async def test_request_belongs_to_one_attempt(job_store: JobStore) -> None:
    """The same request id twice means that two items would get one model."""
    first = await job_store.step(await started(job_store, new_start()), accept("r-1"))
    assert (await job_store.step(first, accept("r-1"))).item.attempts == first.item.attempts
    second = await started(job_store, new_start())
    with pytest.raises(IllegalStep):
        await job_store.step(second, accept("r-1"))
    item = await job_store.get_item(second.ref)
    assert item == second.item


async def test_attempt_that_never_was_cannot_change(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0])
    change = AttemptChange(state=AttemptState.FAILED)
    with pytest.raises(IllegalStep):
        await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM, attempt=change))
    assert (await job_store.get_job(job.id)).version == job.version


# --- budgets ----------------------------------------------------------------------------------


async def test_job_budget_is_checked_before_each_start(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=3, budget_usd=Decimal("0.50")))
    first, second, third = refs(job)
    await job_store.step(await take(job_store, first), new_start("0.30"))
    claim = await take(job_store, second)
    with pytest.raises(BudgetExceeded) as caught:
        await job_store.step(claim, new_start("0.21"))
    assert caught.value.details == {
        "budget_usd": pytest.approx(0.5),
        "needed_usd": pytest.approx(0.51),
        "period": "job",
        "scope": "job",
        "frees_at": None,
    }
    assert await job_store.get_item(second) == claim.item
    await job_store.step(claim, new_start("0.20"))
    claim = await take(job_store, third)
    await job_store.step(claim, new_start("0.00"))


async def test_what_attempts_count_against_the_budget(job_store: JobStore) -> None:
    """Booked costs count, else estimates; what is known to be unpaid does not."""
    job = await job_store.add_job(make_job(count=5, budget_usd=Decimal("1.00")))
    unpaid, booked, unknown, doubtful, last = refs(job)

    async def end(claim: Claim, cost_usd: str | None) -> None:
        cost = None if cost_usd is None else Decimal(cost_usd)
        change = AttemptChange(state=AttemptState.FAILED, cost_usd=cost)
        await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM, attempt=change))

    for ref, usd, cost_usd in [
        (unpaid, "0.9", "0"),
        (booked, "0.5", "0.3"),
        (unknown, "0.2", None),
    ]:
        claim = await job_store.step(await take(job_store, ref), new_start(usd))
        await end(await job_store.step(claim, accept()), cost_usd)
    await doubt(job_store, doubtful)  # 0.20
    claim = await take(job_store, last)
    with pytest.raises(BudgetExceeded) as caught:
        await job_store.step(claim, new_start("0.31"))
    assert caught.value.details["needed_usd"] == pytest.approx(1.01)
    await job_store.step(claim, new_start("0.30"))


async def test_day_budget_spans_jobs_and_owners(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """It forgets what was started more than a day ago, not what was deleted."""
    first = await started(job_store, new_start("0.60"), owner=OwnerId("key:1"))
    await job_store.delete_job(first.ref.job)
    await store_clock.advance(DAY_S / 2)
    await started(job_store, new_start("0.30", day_usd="1.00"))
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0], lease_s=2 * DAY_S)
    with pytest.raises(BudgetExceeded) as caught:
        await job_store.step(claim, new_start("0.11", day_usd="1.00"))
    assert caught.value.details["period"] == "day"
    assert caught.value.details["needed_usd"] == pytest.approx(1.01)
    await store_clock.advance(DAY_S / 2)
    await job_store.step(claim, new_start("0.70", day_usd="1.00"))


@pytest.mark.parametrize(
    ("budget", "scope", "owners"),
    [
        ({}, BudgetScope.JOB, 1),
        ({"day_usd": Decimal(1)}, BudgetScope.DAY, 3),
        ({"month_usd": Decimal(1)}, BudgetScope.MONTH, 3),
        ({"owner": SpendingLimits(job_usd=Decimal(1))}, BudgetScope.OWNER_JOB, 1),
        ({"owner": SpendingLimits(day_usd=Decimal(1))}, BudgetScope.OWNER_DAY, 1),
        ({"owner": SpendingLimits(month_usd=Decimal(1))}, BudgetScope.OWNER_MONTH, 1),
    ],
)
async def test_starts_at_once_cannot_overdraw(
    job_store: JobStore, budget: Mapping[str, Any], scope: BudgetScope, owners: int
) -> None:
    job_usd = Decimal(1) if scope is BudgetScope.JOB else None
    jobs = [
        await job_store.add_job(
            make_job(count=20 // owners, owner=OwnerId(f"key:{number}"), budget_usd=job_usd)
        )
        for number in range(owners)
    ]
    claims = [await take(job_store, ref) for job in jobs for ref in refs(job)]
    refused: list[str] = []

    async def start(claim: Claim) -> None:
        try:
            await job_store.step(claim, new_start("0.30", **budget))
        except BudgetExceeded as error:
            refused.append(error.details["scope"])

    async with anyio.create_task_group() as tasks:
        for claim in claims:
            tasks.start_soon(start, claim)
    assert refused == [scope] * (len(claims) - 3)


async def test_budgets_of_owners_and_months_count_what_they_say(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Those of an owner count only what that owner spent; all forget what is too old."""
    mine, other = OwnerId("key:1"), OwnerId("key:2")
    limits = SpendingLimits(day_usd=Decimal("0.5"), month_usd=Decimal("0.8"))
    await started(job_store, new_start("0.40"), owner=other)
    first = await started(job_store, new_start("0.40", owner=limits), owner=mine)
    begun = first.item.attempts[-1].submitted_at
    assert await job_store.spent_usd(BudgetScope.DAY, owner=mine) == Decimal("0.8")
    assert await job_store.spent_usd(BudgetScope.OWNER_DAY, owner=mine) == Decimal("0.4")

    async def refusal(usd: str, **budget: Any) -> Mapping[str, Any]:
        with pytest.raises(BudgetExceeded) as caught:
            await started(job_store, new_start(usd, **budget), owner=mine)
        return caught.value.details

    details = await refusal("0.20", owner=limits)
    assert (details["scope"], details["needed_usd"]) == ("owner_day", pytest.approx(0.6))
    assert details["frees_at"] == (begun + timedelta(days=1)).isoformat()
    assert (await refusal("0.60", owner=limits))["frees_at"] is None
    await store_clock.advance(2 * DAY_S)
    await started(job_store, new_start("0.40", owner=limits), owner=mine)
    await store_clock.advance(2 * DAY_S)
    details = await refusal("0.10", owner=limits)
    assert (details["scope"], details["period"]) == ("owner_month", "month")
    assert details["frees_at"] == (begun + timedelta(days=30)).isoformat()
    details = await refusal("0.10", month_usd=Decimal("1.2"))
    assert (details["scope"], details["needed_usd"]) == ("month", pytest.approx(1.3))
    await store_clock.advance(27 * DAY_S)
    assert await job_store.spent_usd(BudgetScope.MONTH, owner=mine) == Decimal("0.4")
    await started(job_store, new_start("0.40", owner=limits), owner=mine)


async def test_what_is_free_needs_no_budget(job_store: JobStore) -> None:
    await started(job_store, new_start("5.00"))
    await started(job_store, new_start("0", day_usd="1.00"))


# --- stopping all spending --------------------------------------------------------------------


async def test_stopped_spending_starts_nothing_that_costs(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    assert await job_store.spending_stop() is None
    stop = await job_store.stop_spending(reason="too much", by="anna")
    assert (stop.reason, stop.by) == ("too much", "anna")
    await store_clock.advance(1.0)
    assert await job_store.stop_spending(reason="again", by="bert") == stop
    assert await job_store.spending_stop() == stop
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0])
    with pytest.raises(SpendingStopped) as caught:
        await job_store.step(claim, new_start("0.01"))
    assert caught.value.details == {"reason": "too much", "everything": False}
    assert await job_store.get_item(claim.ref) == claim.item
    await started(job_store, new_start("0"))
    await job_store.allow_spending()
    await job_store.allow_spending()
    assert await job_store.spending_stop() is None
    await job_store.step(claim, new_start("0.01"))


async def test_stop_of_everything_holds_what_is_free(job_store: JobStore) -> None:
    """It takes the place of one that stops less, and not the other way round."""
    await job_store.stop_spending(reason="too much", by="anna")
    stop = await job_store.stop_spending(reason="all of it", by="bert", everything=True)
    assert (stop.reason, stop.by, stop.everything) == ("all of it", "bert", True)
    assert await job_store.stop_spending(reason="less", by="anna") == stop
    assert await job_store.spending_stop() == stop
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0])
    with pytest.raises(SpendingStopped, match="Nothing is started now: all of it"):
        await job_store.step(claim, new_start("0"))
    assert await job_store.get_item(claim.ref) == claim.item
    await job_store.allow_spending()
    await job_store.step(claim, new_start("0"))


async def test_nothing_starts_after_spending_was_stopped(job_store: JobStore) -> None:
    """However many start at that moment: those that were refused are those that were late."""
    jobs = [await job_store.add_job(make_job(count=1)) for _ in range(12)]
    claims = [await take(job_store, refs(job)[0]) for job in jobs]
    begun: list[Claim] = []
    at_the_stop: list[int] = []

    async def start(claim: Claim) -> None:
        try:
            begun.append(await job_store.step(claim, new_start("0.30")))
        except SpendingStopped:
            return

    async def stop() -> None:
        await job_store.stop_spending(reason="too much", by="anna")
        usd = await job_store.spent_usd(BudgetScope.DAY, owner=LOCAL_OWNER)
        at_the_stop.append(round(usd / Decimal("0.30")))

    async with anyio.create_task_group() as tasks:
        for claim in claims[:6]:
            tasks.start_soon(start, claim)
        tasks.start_soon(stop)
        for claim in claims[6:]:
            tasks.start_soon(start, claim)
    assert at_the_stop == [len(begun)]


async def test_budget_of_a_step_without_start_is_not_checked(job_store: JobStore) -> None:
    claim = await started(job_store, new_start("5.00"))
    await job_store.step(claim, replace(accept(), budget=Budget(day_usd=Decimal(1))))


# --- late answers -----------------------------------------------------------------------------


def key_of(claim: Claim) -> SubmitKey:
    """Tell the submit key of the latest attempt."""
    return claim.item.attempts[-1].submit_key


async def test_late_answer_to_nothing(job_store: JobStore) -> None:
    change = AttemptChange(state=AttemptState.ACCEPTED, handle=HANDLE)
    assert await job_store.book_late_answer(SubmitKey("unknown"), change) is None


async def test_late_answer_is_seen_by_the_next_worker(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """A webhook may tell the request id that a dead worker could not write down."""
    claim = await started(job_store, new_start())
    change = AttemptChange(state=AttemptState.ACCEPTED, handle=HANDLE)
    attempt = await job_store.book_late_answer(key_of(claim), change)
    assert attempt is not None
    assert (attempt.state, attempt.handle) == (AttemptState.ACCEPTED, HANDLE)
    changes = await job_store.changes_since(claim.ref.job, claim.job.version)
    assert [list(item.attempts) for item in changes.items] == [[attempt]]
    await store_clock.advance(LEASE_S)
    taken = await take(job_store, claim.ref, worker=RIVAL)
    assert (taken.item.state, list(taken.item.attempts)) == (ItemState.SUBMITTING, [attempt])
    with pytest.raises(LeaseLost):
        await job_store.step(claim, accept())


async def test_late_answer_leaves_the_claim_valid(job_store: JobStore) -> None:
    claim = await started(job_store, new_start())
    change = AttemptChange(state=AttemptState.ACCEPTED, handle=HANDLE)
    await job_store.book_late_answer(key_of(claim), change)
    claim = await job_store.step(claim, Step(to=ItemState.GENERATING))
    assert claim.item.attempts[0].handle == HANDLE


async def test_late_answer_revives_an_uncertain_item(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await doubt(job_store, refs(job)[0])
    change = AttemptChange(state=AttemptState.ACCEPTED, handle=HANDLE)
    await job_store.book_late_answer(key_of(claim), change)
    item = await job_store.get_item(claim.ref)
    assert (item.state, item.problem) == (ItemState.GENERATING, None)
    assert item.version == claim.job.version + 1
    assert await job_store.due_items(limit=9) == [claim.ref]
    taken = await take(job_store, claim.ref, worker=RIVAL)
    assert taken.item.attempts[0].handle == HANDLE


async def test_refusal_leaves_an_uncertain_item(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await doubt(job_store, refs(job)[0])
    refused = AttemptChange(state=AttemptState.FAILED, cost_usd=Decimal(0))
    await job_store.book_late_answer(key_of(claim), refused)
    item = await job_store.get_item(claim.ref)
    assert (item.state, item.attempts[0].state) == (ItemState.UNCERTAIN, AttemptState.FAILED)


async def test_late_answer_to_an_earlier_attempt(job_store: JobStore) -> None:
    """Its cost is booked; the item goes on with the later attempt."""
    claim = await started(job_store, new_start())
    early = key_of(claim)
    gone = AttemptChange(state=AttemptState.FAILED)
    await job_store.step(claim, Step(to=ItemState.QUEUED, attempt=gone))
    claim = await job_store.step(await take(job_store, claim.ref), new_start())
    change = AttemptChange(state=AttemptState.SUCCEEDED, handle=HANDLE, cost_usd=Decimal("0.40"))
    await job_store.book_late_answer(early, change)
    item = await job_store.get_item(claim.ref)
    assert item.state is ItemState.SUBMITTING
    first, second = item.attempts
    assert (first.state, first.cost_usd) == (AttemptState.SUCCEEDED, Decimal("0.40"))
    assert second == claim.item.attempts[1]


async def test_late_news_cannot_reopen_an_attempt(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    claim = await started(job_store, new_start())
    change = AttemptChange(state=AttemptState.SUCCEEDED, cost_usd=Decimal("0.40"))
    ended = await job_store.book_late_answer(key_of(claim), change)
    assert ended is not None
    await store_clock.advance(9)
    late = AttemptChange(state=AttemptState.ACCEPTED, handle=HANDLE)
    again = await job_store.book_late_answer(key_of(claim), late)
    assert again == replace(ended, handle=HANDLE)


async def test_ledger_outlives_the_job(job_store: JobStore) -> None:
    """A deleted job's attempt still gets its answer and its cost."""
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    await job_store.delete_job(job.id)
    change = AttemptChange(state=AttemptState.SUCCEEDED, cost_usd=Decimal("0.40"))
    attempt = await job_store.book_late_answer(key_of(claim), change)
    assert attempt is not None
    assert (attempt.state, attempt.cost_usd) == (AttemptState.SUCCEEDED, Decimal("0.40"))
    assert attempt.handle == claim.item.attempts[0].handle


async def test_ledger_forgets_what_cost_nothing(job_store: JobStore) -> None:
    claim = await started(job_store, new_start())
    unpaid = AttemptChange(state=AttemptState.FAILED, cost_usd=Decimal(0))
    claim = await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM, attempt=unpaid))
    await job_store.delete_job(claim.ref.job)
    assert await job_store.book_late_answer(key_of(claim), unpaid) is None


# --- finding and listing ----------------------------------------------------------------------


async def test_attempt_is_found_by_its_key(job_store: JobStore) -> None:
    claim = await started(job_store, new_start())
    found = await job_store.find_attempt(key_of(claim))
    assert found == (claim.ref, claim.item.attempts[-1])
    assert await job_store.find_attempt(SubmitKey("unknown")) is None


async def test_attempt_of_a_deleted_item_is_found(job_store: JobStore) -> None:
    claim = await started(job_store, new_start())
    await job_store.delete_job(claim.ref.job)
    found = await job_store.find_attempt(key_of(claim))
    assert found == (None, claim.item.attempts[-1])


async def test_uncertain_items_by_age(job_store: JobStore, store_clock: FakeClock) -> None:
    """Oldest first; those that are not uncertain, or whose attempt is too old, are left out."""
    job = await job_store.add_job(make_job(count=4))
    old, second, third, fine = refs(job)
    await doubt(job_store, old)
    await store_clock.advance(60)
    moment = store_clock.now()
    await store_clock.advance(1)
    await doubt(job_store, third)
    await store_clock.advance(1)
    await doubt(job_store, second)
    await generate(job_store, fine)
    assert await job_store.uncertain_items(since=moment, limit=9) == [third, second]
    assert await job_store.uncertain_items(since=moment, limit=1) == [third]


async def test_ledger_lists_newest_first_in_pages(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Every attempt once, each with what must be known of it, those of deleted jobs too."""
    owner = OwnerId("key:1")
    claims = []
    for _ in range(5):
        claims.append(await started(job_store, new_start("0.25"), owner=owner))
        await store_clock.advance(60)
    await started(job_store, new_start(), owner=OwnerId("key:2"))
    await job_store.delete_job(claims[3].ref.job)
    listed: list[LedgerEntry] = []
    after: str | None = None
    for _ in range(3):
        page = await job_store.list_ledger(LedgerQuery(owner=owner, after=after, limit=2))
        listed += page.entries
        after = page.next
    assert after is None
    assert [entry.attempt for entry in listed] == [c.item.attempts[-1] for c in reversed(claims)]
    assert [entry.job for entry in listed] == [c.ref.job for c in reversed(claims)]
    assert {entry.item_name for entry in listed} == {claims[0].item.name}
    assert {entry.generator for entry in listed} == {claims[0].job.generator}


async def test_ledger_between_two_moments(job_store: JobStore, store_clock: FakeClock) -> None:
    """The first moment counts, the last one does not."""
    owner = OwnerId("key:1")
    claims = []
    for _ in range(3):
        claims.append(await started(job_store, new_start(), owner=owner))
        await store_clock.advance(60)
    _, second, third = (claim.item.attempts[-1] for claim in claims)
    query = LedgerQuery(owner=owner, since=second.submitted_at, until=third.submitted_at)
    page = await job_store.list_ledger(query)
    assert ([entry.attempt for entry in page.entries], page.next) == ([second], None)


async def test_ledger_has_attempts_of_the_same_moment_once(job_store: JobStore) -> None:
    owner = OwnerId("key:1")
    keys = {key_of(await started(job_store, new_start(), owner=owner)) for _ in range(3)}
    first = await job_store.list_ledger(LedgerQuery(owner=owner, limit=2))
    rest = await job_store.list_ledger(LedgerQuery(owner=owner, limit=2, after=first.next))
    listed = [entry.attempt.submit_key for entry in (*first.entries, *rest.entries)]
    assert (len(listed), set(listed)) == (3, keys)


async def test_ledger_refuses_a_wrong_position(job_store: JobStore) -> None:
    with pytest.raises(InvalidRequest):
        await job_store.list_ledger(LedgerQuery(owner=OwnerId("key:1"), after="yesterday"))


async def test_a_raised_budget_counts_for_the_next_attempt(job_store: JobStore) -> None:
    """Whatever state the job is in since it was started; None lifts the limit."""
    job = await job_store.add_job(make_job(count=2, budget_usd=Decimal("0.30")))
    first, second = refs(job)
    await generate(job_store, first)
    claim = await take(job_store, second)
    with pytest.raises(BudgetExceeded):
        await job_store.step(claim, new_start())
    before = await job_store.get_job(job.id)
    await job_store.set_budget(job.id, Decimal("0.40"))
    raised = await job_store.get_job(job.id)
    assert (raised.budget_usd, raised.version) == (Decimal("0.40"), before.version + 1)
    await job_store.set_budget(job.id, Decimal("0.40"))
    assert (await job_store.get_job(job.id)).version == raised.version
    await job_store.step(claim, new_start())
    await job_store.set_budget(job.id, None)
    assert (await job_store.get_job(job.id)).budget_usd is None


async def test_budgets_of_drafts_are_among_their_terms(job_store: JobStore) -> None:
    draft = await job_store.add_job(make_draft(count=1))
    with pytest.raises(WrongState):
        await job_store.set_budget(draft.id, Decimal(1))
    with pytest.raises(JobNotFound):
        await job_store.set_budget(JobId("0" * 32), Decimal(1))
    await job_store.cancel_items(draft.id)
    await job_store.set_budget(draft.id, Decimal(1))
    finished = await job_store.get_job(draft.id)
    assert (finished.state, finished.budget_usd) == (JobState.FINISHED, Decimal(1))
