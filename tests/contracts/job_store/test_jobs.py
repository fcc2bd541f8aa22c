"""What every `JobStore` promises of jobs as a whole: adding, reading, listing, deleting."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import anyio
import pytest

from image2model.core.errors import (
    AlreadyRunning,
    IdempotencyKeyReused,
    InvalidRequest,
    ItemNotFound,
    JobNotFound,
    WrongState,
)
from image2model.core.generator import View
from image2model.core.ids import LOCAL_OWNER, JobId, OwnerId, new_hex_id
from image2model.core.job import Job, KeepPolicy, Progress
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import AttemptChange, JobQuery, JobStore, Step
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    LONG_AGO,
    PROBLEM,
    accept,
    doubt,
    fail,
    generate,
    make_artifact,
    make_draft,
    make_file,
    make_item,
    make_job,
    make_picture,
    make_result,
    new_start,
    open_job_store,
    refs,
    succeed,
    take,
)

pytestmark = pytest.mark.anyio

OTHER = OwnerId("key:0badcafe")
NOWHERE = JobId("0" * 32)


# --- adding and reading -----------------------------------------------------------------------


async def test_added_job_reads_back(job_store: JobStore, store_clock: FakeClock) -> None:
    """Every field comes back as it went in, but for what is the store's own."""
    views = (make_picture(View.FRONT), make_picture(View.TOP), make_picture(View.FRONT_LEFT))
    job = make_job(
        make_item(0, name="Tasse", pictures=views),
        make_item(1, name="Übertopf 2", state=ItemState.FAILED, pictures=(), problem=PROBLEM),
        name="Küche",
        keep=KeepPolicy.LINKS,
        budget_usd=Decimal("12.345678"),
        starred=True,
        idempotency_key="once",
        fingerprint="f1",
    )
    added = await job_store.add_job(job)
    now = store_clock.now()
    counts = {ItemState.QUEUED: 1, ItemState.FAILED: 1}
    items = tuple(replace(item, version=1) for item in job.items)
    assert added == replace(job, created_at=now, started_at=now, counts=counts, items=items)
    assert await job_store.get_job(job.id) == added
    assert await job_store.get_item(ItemRef(job.id, 1)) == items[1]


async def test_draft_has_not_started(job_store: JobStore, store_clock: FakeClock) -> None:
    draft = await job_store.add_job(make_draft())
    assert draft.state is JobState.DRAFT
    assert (draft.started_at, draft.created_at) == (None, store_clock.now())
    assert draft.total == 0
    assert await job_store.due_items(limit=9) == []


async def test_job_of_refused_pictures_is_finished_at_once(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    job = make_job(make_item(0, state=ItemState.FAILED, problem=PROBLEM))
    added = await job_store.add_job(job)
    assert added.state is JobState.FINISHED
    assert added.finished_at == store_clock.now()


async def test_equal_names_get_numbers(job_store: JobStore) -> None:
    """Names differ by more than case, and an existing number is not given again."""
    names = ["cup", "Cup", "cup-2", "mug", "cup"]
    job = make_job(*(make_item(index, name=name) for index, name in enumerate(names)))
    added = await job_store.add_job(job)
    assert [item.name for item in added.items] == ["cup", "Cup-2", "cup-2-2", "mug", "cup-3"]


async def test_what_is_not_there_is_not_found(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    with pytest.raises(JobNotFound):
        await job_store.get_job(NOWHERE)
    with pytest.raises(JobNotFound):
        await job_store.get_item(ItemRef(NOWHERE, 0))
    with pytest.raises(JobNotFound):
        await job_store.changes_since(NOWHERE, 0)
    with pytest.raises(JobNotFound):
        await job_store.update_job(NOWHERE, name="new")
    with pytest.raises(JobNotFound):
        await job_store.delete_job(NOWHERE)
    with pytest.raises(ItemNotFound):
        await job_store.get_item(ItemRef(job.id, 1))


# --- idempotency ------------------------------------------------------------------------------


async def test_same_key_returns_the_same_job(job_store: JobStore) -> None:
    first = await job_store.add_job(make_job(idempotency_key="k", fingerprint="f"))
    await generate(job_store, refs(first)[0])
    again = await job_store.add_job(make_job(idempotency_key="k", fingerprint="f"))
    assert again == await job_store.get_job(first.id)
    assert again.version > first.version
    page = await job_store.list_jobs(JobQuery(owner=first.owner))
    assert [job.id for job in page.jobs] == [first.id]


async def test_same_key_for_another_request_is_refused(job_store: JobStore) -> None:
    await job_store.add_job(make_job(idempotency_key="k", fingerprint="f"))
    with pytest.raises(IdempotencyKeyReused):
        await job_store.add_job(make_job(idempotency_key="k", fingerprint="g"))


async def test_keys_of_owners_are_apart_and_end_with_the_job(job_store: JobStore) -> None:
    mine = await job_store.add_job(make_job(idempotency_key="k", fingerprint="f"))
    theirs = await job_store.add_job(make_job(idempotency_key="k", fingerprint="g", owner=OTHER))
    assert theirs.id != mine.id
    await job_store.delete_job(mine.id)
    again = await job_store.add_job(make_job(idempotency_key="k", fingerprint="h"))
    assert again.fingerprint == "h"


async def test_same_key_at_the_same_time_adds_one_job(job_store: JobStore) -> None:
    added: list[Job] = []

    async def add() -> None:
        job = make_job(count=3, idempotency_key="k", fingerprint="f")
        added.append(await job_store.add_job(job))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(add)
    assert len({job.id for job in added}) == 1
    page = await job_store.list_jobs(JobQuery(owner=added[0].owner))
    assert len(page.jobs) == 1


async def test_same_key_in_two_processes_adds_one_job(shared_store_url: str) -> None:
    added: list[str] = []

    async def add(store: JobStore) -> None:
        job = make_job(count=3, idempotency_key="k", fingerprint="f")
        added.append((await store.add_job(job)).id)

    async with (
        open_job_store(shared_store_url) as one,
        open_job_store(shared_store_url) as other,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(10):
            tasks.start_soon(add, one)
            tasks.start_soon(add, other)
    assert (len(added), len(set(added))) == (20, 1)


# --- reuse ------------------------------------------------------------------------------------


async def test_earlier_results_are_taken_over(job_store: JobStore) -> None:
    """What is made already succeeds at once, with the same files; the rest is queued."""
    earlier = await job_store.add_job(make_job(count=1))
    made = make_result(make_file(), make_file("preview.webp"))
    await succeed(job_store, refs(earlier)[0], made)
    later = await job_store.add_job(make_job(count=2), reuse=True)
    reused, fresh = later.items
    assert (reused.state, reused.result, reused.progress.fraction) == (
        ItemState.SUCCEEDED,
        made,
        1.0,
    )
    assert reused.attempts == ()
    assert fresh.state is ItemState.QUEUED
    assert await job_store.due_items(limit=9) == [ItemRef(later.id, 1)]


async def test_job_that_is_wholly_reused_is_finished(job_store: JobStore) -> None:
    earlier = await job_store.add_job(make_job(count=1))
    await succeed(job_store, refs(earlier)[0])
    later = await job_store.add_job(make_job(count=1), reuse=True)
    assert later.state is JobState.FINISHED
    assert later.finished_at == later.created_at


async def test_newest_of_several_results_is_reused(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    results = [make_result(), make_result()]
    for result in results:
        job = await job_store.add_job(make_job(count=1))
        await succeed(job_store, refs(job)[0], result)
        await store_clock.advance(1)
    later = await job_store.add_job(make_job(count=1), reuse=True)
    assert later.items[0].result == results[1]


async def test_nothing_is_reused_unasked(job_store: JobStore) -> None:
    earlier = await job_store.add_job(make_job(count=1))
    await succeed(job_store, refs(earlier)[0])
    later = await job_store.add_job(make_job(count=1))
    assert later.items[0].state is ItemState.QUEUED


async def test_results_of_others_or_without_a_key_are_not_reused(job_store: JobStore) -> None:
    theirs = await job_store.add_job(make_job(count=1, owner=OTHER))
    keyless = await job_store.add_job(make_job(make_item(0, made_key="")))
    for job in (theirs, keyless):
        await succeed(job_store, refs(job)[0])
    items = make_item(0), make_item(1, made_key="")
    later = await job_store.add_job(make_job(*items), reuse=True)
    assert later.counts == {ItemState.QUEUED: 2}


async def test_failed_and_cancelled_and_deleted_items_are_not_reused(job_store: JobStore) -> None:
    failed = await job_store.add_job(make_job(make_item(0, made_key="failed")))
    await fail(job_store, refs(failed)[0])
    cancelled = await job_store.add_job(make_job(make_item(0, made_key="cancelled")))
    await job_store.cancel_items(cancelled.id)
    deleted = await job_store.add_job(make_job(make_item(0, made_key="deleted")))
    await succeed(job_store, refs(deleted)[0])
    await job_store.delete_job(deleted.id)
    keys = ["failed", "cancelled", "deleted"]
    items = (make_item(index, made_key=key) for index, key in enumerate(keys))
    later = await job_store.add_job(make_job(*items), reuse=True)
    assert later.counts == {ItemState.QUEUED: 3}


@pytest.mark.parametrize("cost_usd", [None, Decimal("0.3"), Decimal(0)])
async def test_what_is_paid_for_and_not_fetched_is_not_added_again(
    job_store: JobStore, cost_usd: Decimal | None
) -> None:
    """It would be paid for again; what cost nothing may be made again."""
    earlier = await job_store.add_job(make_job(count=1))
    (ref,) = refs(earlier)
    claim = await generate(job_store, ref)
    booked = AttemptChange(state=AttemptState.ACCEPTED, cost_usd=cost_usd)
    await job_store.step(claim, Step(to=ItemState.FAILED, problem=PROBLEM, attempt=booked))
    again = make_job(count=1)
    if cost_usd == 0:
        assert (await job_store.add_job(again, reuse=True)).state is JobState.RUNNING
        return
    with pytest.raises(AlreadyRunning) as caught:
        await job_store.add_job(again, reuse=True)
    assert caught.value.details["jobs"] == [earlier.id]


async def test_items_under_way_refuse_a_reusing_job(job_store: JobStore) -> None:
    """The jobs to wait for are named, and nothing is added."""
    running = await job_store.add_job(make_job(make_item(0, made_key="running")))
    await generate(job_store, refs(running)[0])
    uncertain = await job_store.add_job(make_job(make_item(0, made_key="uncertain")))
    await doubt(job_store, refs(uncertain)[0])
    job = make_job(make_item(0, made_key="running"), make_item(1, made_key="uncertain"))
    with pytest.raises(AlreadyRunning) as caught:
        await job_store.add_job(job, reuse=True)
    assert caught.value.details["jobs"] == sorted([running.id, uncertain.id])
    with pytest.raises(JobNotFound):
        await job_store.get_job(job.id)


async def test_finished_result_wins_over_an_item_under_way(job_store: JobStore) -> None:
    done = await job_store.add_job(make_job(count=1))
    await succeed(job_store, refs(done)[0])
    await job_store.add_job(make_job(count=1))
    later = await job_store.add_job(make_job(count=1), reuse=True)
    assert later.items[0].state is ItemState.SUCCEEDED


async def test_drafts_neither_block_nor_are_blocked(job_store: JobStore) -> None:
    draft = replace(make_job(count=1), state=JobState.DRAFT)
    await job_store.add_job(draft)
    later = await job_store.add_job(make_job(count=1), reuse=True)
    again = await job_store.add_job(replace(draft, id=JobId(new_hex_id())), reuse=True)
    assert later.counts == again.counts == {ItemState.QUEUED: 1}


async def test_links_are_reused_while_they_live(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """A job that keeps its results cannot take over files that only the provider has."""
    ends = store_clock.now() + timedelta(hours=1)
    link = make_file(artifact=None, provider_url="https://example.org/m.glb", expires_at=ends)
    earlier = await job_store.add_job(make_job(count=1))
    await succeed(job_store, refs(earlier)[0], make_result(link))

    async def is_reused(keep: KeepPolicy) -> bool:
        later = await job_store.add_job(make_job(count=1, keep=keep), reuse=True)
        await job_store.delete_job(later.id)
        return later.items[0].state is ItemState.SUCCEEDED

    assert not await is_reused(KeepPolicy.KEEP)
    assert await is_reused(KeepPolicy.LINKS)
    await store_clock.advance(3601)
    assert not await is_reused(KeepPolicy.LINKS)


# --- listing ----------------------------------------------------------------------------------


async def add_named(store: JobStore, clock: FakeClock, *names: str) -> list[Job]:
    """Add a job of each name, a second apart; list them newest first, as a listing does."""
    added = []
    for name in names:
        await clock.advance(1)
        added.append(await store.add_job(make_job(count=1, name=name)))
    return [replace(job, items=()) for job in reversed(added)]


async def test_listing_shows_own_jobs_newest_first(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    jobs = await add_named(job_store, store_clock, "a", "b", "c")
    await job_store.add_job(make_job(owner=OTHER))
    page = await job_store.list_jobs(JobQuery(owner=jobs[0].owner))
    assert list(page.jobs) == jobs
    assert page.next is None


async def test_pages_are_stable_while_jobs_are_added(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """Jobs that come between two pages neither repeat nor hide others; equal times are fine."""
    jobs = [await job_store.add_job(make_job(count=1)) for _ in range(5)]
    owner = jobs[0].owner
    seen: list[str] = []
    page = await job_store.list_jobs(JobQuery(owner=owner, limit=2))
    while True:
        seen += [job.id for job in page.jobs]
        if page.next is None:
            break
        await store_clock.advance(1)
        await job_store.add_job(make_job(count=1))
        page = await job_store.list_jobs(JobQuery(owner=owner, limit=2, after=page.next))
    assert seen == sorted((job.id for job in jobs), reverse=True)


async def test_last_full_page_has_no_next(job_store: JobStore, store_clock: FakeClock) -> None:
    jobs = await add_named(job_store, store_clock, "a", "b")
    page = await job_store.list_jobs(JobQuery(owner=jobs[0].owner, limit=2))
    assert (len(page.jobs), page.next) == (2, None)


@pytest.mark.parametrize("after", ["", "x", "12-34", "1.0-" + "0" * 32, "'; DROP TABLE jobs"])
async def test_wrong_position_is_refused(job_store: JobStore, after: str) -> None:
    with pytest.raises(InvalidRequest):
        await job_store.list_jobs(JobQuery(owner=OTHER, after=after))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {"100% wool", "A_B", "AxB", "Straße nach Øst", "ÄPFEL"}),
        ("100%", {"100% wool"}),
        ("%", {"100% wool"}),
        ("a_b", {"A_B"}),
        ("axb", {"AxB"}),
        ("äpfel", {"ÄPFEL"}),
        ("a\u0308pfel", {"ÄPFEL"}),
        ("STRASSE", {"Straße nach Øst"}),
        ("ØST", {"Straße nach Øst"}),
        ("\\", set()),
        ("wool 100", set()),
    ],
)
async def test_text_finds_names(
    job_store: JobStore, store_clock: FakeClock, text: str, names: set[str]
) -> None:
    """Text is found anywhere, in any case and script; nothing in it is a wildcard."""
    jobs = await add_named(
        job_store, store_clock, "100% wool", "A_B", "AxB", "Straße nach Øst", "ÄPFEL"
    )
    page = await job_store.list_jobs(JobQuery(owner=jobs[0].owner, text=text))
    assert {job.name for job in page.jobs} == names


async def test_text_finds_the_new_name(job_store: JobStore, store_clock: FakeClock) -> None:
    (job,) = await add_named(job_store, store_clock, "before")
    await job_store.update_job(job.id, name="After")
    for text, found in [("before", 0), ("after", 1)]:
        page = await job_store.list_jobs(JobQuery(owner=job.owner, text=text))
        assert len(page.jobs) == found


async def test_listing_by_state_and_star(job_store: JobStore, store_clock: FakeClock) -> None:
    paused, running, finished = await add_named(job_store, store_clock, "f", "r", "p")
    await job_store.pause_job(paused.id)
    await succeed(job_store, ItemRef(finished.id, 0))
    await job_store.update_job(finished.id, starred=True)

    async def found(query: JobQuery) -> list[str]:
        return [job.id for job in (await job_store.list_jobs(query)).jobs]

    owner = running.owner
    assert await found(JobQuery(owner=owner, state=JobState.PAUSED)) == [paused.id]
    assert await found(JobQuery(owner=owner, state=JobState.RUNNING)) == [running.id]
    assert await found(JobQuery(owner=owner, state=JobState.FINISHED)) == [finished.id]
    assert await found(JobQuery(owner=owner, starred=True)) == [finished.id]
    assert await found(JobQuery(owner=owner, starred=False)) == [paused.id, running.id]


async def test_listing_counts_items(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=3))
    await succeed(job_store, refs(job)[1])
    await job_store.add_job(make_draft())
    page = await job_store.list_jobs(JobQuery(owner=job.owner))
    counts = {found.id: found.counts for found in page.jobs}
    assert counts[job.id] == {ItemState.QUEUED: 2, ItemState.SUCCEEDED: 1}
    assert sum(found.total for found in page.jobs) == 3
    assert all(found.items == () for found in page.jobs)


async def test_unfinished_jobs_are_counted(job_store: JobStore) -> None:
    jobs = [await job_store.add_job(make_job(count=1)) for _ in range(3)]
    await job_store.add_job(make_draft())
    await job_store.add_job(make_job(owner=OTHER))
    await job_store.pause_job(jobs[0].id)
    await job_store.cancel_items(jobs[1].id)
    assert await job_store.count_unfinished(jobs[0].owner) == 3


async def test_usage_is_added_up(job_store: JobStore, store_clock: FakeClock) -> None:
    """Files that jobs share count once, links and other owners' files not at all."""
    pictures = (make_picture(View.FRONT), make_picture(View.TOP))
    first = await job_store.add_job(make_job(make_item(0, pictures=pictures, made_key="same")))
    nothing = await job_store.usage(OTHER)
    assert (nothing.jobs, nothing.stored.kept_bytes) == (0, 0)
    mesh = make_file(size_bytes=1_000_000)
    link = make_file(name="far.glb", artifact=None, size_bytes=5_000_000)
    await succeed(job_store, refs(first)[0], result=make_result(mesh, link))
    again = make_item(0, pictures=pictures, made_key="same")
    await job_store.add_job(make_job(again), reuse=True)
    await job_store.add_job(make_draft())
    usage = await job_store.usage(first.owner)
    kept = sum(picture.size_bytes for picture in pictures) + 1_000_000
    assert (usage.jobs, usage.stored.kept_bytes) == (3, kept)
    assert usage.day_usd == (await job_store.usage(OTHER)).day_usd == Decimal("0.25")
    await store_clock.advance(86_400)
    assert (await job_store.usage(OTHER)).day_usd == 0


async def test_a_used_idempotency_key_is_known(job_store: JobStore) -> None:
    """To its owner alone, as long as the job exists."""
    job = await job_store.add_job(make_job(count=1, idempotency_key="again"))
    await job_store.add_job(make_job(owner=OTHER))
    assert await job_store.has_key(job.owner, "again")
    assert not await job_store.has_key(job.owner, "new")
    assert not await job_store.has_key(OTHER, "again")
    await job_store.delete_job(job.id)
    assert not await job_store.has_key(job.owner, "again")


# --- versions ---------------------------------------------------------------------------------


async def test_changes_tell_what_is_new(job_store: JobStore) -> None:
    """Each call raises the version by one and marks only what it touched."""
    job = await job_store.add_job(make_job(count=3))
    everything = await job_store.changes_since(job.id, 0)
    assert [item.index for item in everything.items] == [0, 1, 2]
    assert everything.job == replace(job, items=())
    claim = await take(job_store, refs(job)[1])
    assert (await job_store.changes_since(job.id, job.version)).items == []
    claim = await job_store.step(claim, new_start())
    claim = await job_store.step(claim, accept())
    changes = await job_store.changes_since(job.id, job.version)
    assert changes.job.version == job.version + 2 == claim.job.version
    assert changes.items == [await job_store.get_item(claim.ref)]
    assert changes.items[0].version == claim.job.version
    assert (await job_store.changes_since(job.id, changes.job.version)).items == []
    assert (await job_store.changes_since(job.id, 999)).items == []


async def test_one_call_over_many_items_is_one_version(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=3))
    await job_store.cancel_items(job.id, [0, 2])
    after = await job_store.get_job(job.id)
    assert after.version == job.version + 1
    assert [item.version for item in after.items] == [2, 1, 2]


async def test_nothing_new_keeps_the_version(job_store: JobStore) -> None:
    """Calls that change nothing visible leave the version alone."""
    job = await job_store.add_job(make_job(count=1))
    claim = await take(job_store, refs(job)[0])
    await job_store.renew_leases(claim.worker, [(claim.ref, claim.fence)], lease_s=5)
    await job_store.release_leases(claim.worker, [(claim.ref, claim.fence)])
    await job_store.update_job(job.id, name=job.name, starred=False)
    await job_store.resume_job(job.id)
    await job_store.retry_items(job.id)
    await job_store.cancel_items(job.id, [])
    await job_store.set_expiry(job.id, LONG_AGO)
    assert (await job_store.get_job(job.id)).version == job.version


# --- updating, expiry, deleting ---------------------------------------------------------------


async def test_name_and_star_change_apart(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    named = await job_store.update_job(job.id, name="Neu")
    assert (named.name, named.starred, named.version) == ("Neu", False, job.version + 1)
    starred = await job_store.update_job(job.id, starred=True)
    assert (starred.name, starred.starred) == ("Neu", True)
    assert starred == await job_store.get_job(job.id)


async def finished_job(store: JobStore, expires_at: datetime | None = None) -> Job:
    """Add a job that is finished, to be deleted at *expires_at*."""
    job = await store.add_job(make_job(make_item(0, made_key=new_hex_id())))
    await succeed(store, refs(job)[0])
    await store.set_expiry(job.id, expires_at)
    return await store.get_job(job.id)


async def test_star_takes_the_expiry_away(job_store: JobStore, store_clock: FakeClock) -> None:
    soon = store_clock.now() + timedelta(seconds=60, microseconds=123_457)
    job = await finished_job(job_store, soon)
    assert job.expires_at == soon
    assert (await job_store.update_job(job.id, starred=True)).expires_at is None
    await job_store.set_expiry(job.id, soon)
    assert (await job_store.get_job(job.id)).expires_at is None
    await store_clock.advance(3600)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9e9, limit=9) == []
    await job_store.update_job(job.id, starred=False)
    await job_store.set_expiry(job.id, soon)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9e9, limit=9) == [
        job.id
    ]


async def test_a_job_lives_on_after_its_end(job_store: JobStore, store_clock: FakeClock) -> None:
    """Its expiry is set when it finishes, taken away by a star, and given back without one."""
    job = await job_store.add_job(replace(make_job(count=1), life_s=60.5))
    assert job.expires_at is None
    await store_clock.advance(100)
    await succeed(job_store, refs(job)[0])
    ends_at = store_clock.now() + timedelta(seconds=60.5)
    assert (await job_store.get_job(job.id)).expires_at == ends_at
    await store_clock.advance(10)
    assert (await job_store.update_job(job.id, starred=True)).expires_at is None
    assert (await job_store.update_job(job.id, starred=False)).expires_at == ends_at
    await store_clock.advance(51)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9e9, limit=9) == [
        job.id
    ]


async def test_a_starred_job_has_no_expiry_when_it_ends(job_store: JobStore) -> None:
    job = await job_store.add_job(replace(make_job(count=1), life_s=60))
    await job_store.update_job(job.id, starred=True)
    await succeed(job_store, refs(job)[0])
    assert (await job_store.get_job(job.id)).expires_at is None


async def test_a_job_that_is_over_at_once_gets_its_expiry(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    failed = make_item(0, state=ItemState.FAILED)
    job = await job_store.add_job(replace(make_job(failed), life_s=60))
    assert job.expires_at == store_clock.now() + timedelta(seconds=60)


async def test_only_finished_jobs_expire(job_store: JobStore, store_clock: FakeClock) -> None:
    """An expiry that comes late, after a retry, does not delete a running job."""
    job = await job_store.add_job(make_job(count=1))
    await fail(job_store, refs(job)[0])
    now = store_clock.now()
    await job_store.set_expiry(job.id, now)
    await job_store.retry_items(job.id)
    assert (await job_store.get_job(job.id)).expires_at is None
    await job_store.set_expiry(job.id, now)
    await job_store.set_expiry(NOWHERE, now)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=0, limit=9) == []


async def test_expired_jobs_come_oldest_first(job_store: JobStore, store_clock: FakeClock) -> None:
    now = store_clock.now()
    late = await finished_job(job_store, now + timedelta(seconds=20))
    early = await finished_job(job_store, now + timedelta(seconds=10))
    await finished_job(job_store, now + timedelta(seconds=99))
    await finished_job(job_store)
    await store_clock.advance(20)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9e9, limit=9) == [
        early.id,
        late.id,
    ]
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=9e9, limit=1) == [
        early.id
    ]


async def test_drafts_expire_when_untouched(job_store: JobStore, store_clock: FakeClock) -> None:
    old = await job_store.add_job(make_draft(count=1))
    used = await job_store.add_job(make_draft(count=1))
    await store_clock.advance(50)
    picture = make_picture(View.BACK)
    await job_store.put_picture(ItemRef(used.id, 0), picture, name=None, item_limit=9)
    await store_clock.advance(50)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=100, limit=9) == [
        old.id
    ]
    await store_clock.advance(50)
    assert await job_store.expired_jobs(empty_draft_life_s=1e9, draft_life_s=100, limit=9) == [
        old.id,
        used.id,
    ]


async def test_deleted_job_is_gone(job_store: JobStore) -> None:
    """Its items cannot be claimed or written any more."""
    job = await job_store.add_job(make_job(count=2))
    claim = await generate(job_store, refs(job)[0])
    await job_store.delete_job(job.id)
    with pytest.raises(JobNotFound):
        await job_store.get_job(job.id)
    assert await job_store.due_items(limit=9) == []
    assert await job_store.claim_item(claim.ref, worker=claim.worker, lease_s=1) is None
    held = [(claim.ref, claim.fence)]
    assert await job_store.renew_leases(claim.worker, held, lease_s=1) == []
    with pytest.raises(JobNotFound):
        await job_store.delete_job(job.id)


async def test_delete_frees_what_nothing_names_any_more(job_store: JobStore) -> None:
    """Files shared by reuse go with the last job that names them."""
    picture, mesh = make_picture(), make_file()
    item = make_item(0, pictures=(picture,))
    link = make_file("link.glb", artifact=None, provider_url="https://example.org/link.glb")
    first = await job_store.add_job(make_job(item))
    await succeed(job_store, refs(first)[0], make_result(mesh, link))
    second = await job_store.add_job(make_job(item, keep=KeepPolicy.LINKS), reuse=True)
    third = await job_store.add_job(make_job(make_item(0, made_key="other")))
    assert second.items[0].result is not None
    assert await job_store.delete_job(first.id) == []
    named = {picture.artifact, mesh.artifact}
    stranger = make_artifact()
    assert mesh.artifact is not None
    candidates = [picture.artifact, mesh.artifact, stranger]
    assert await job_store.unreferenced(candidates) == {stranger}
    freed = await job_store.delete_job(second.id)
    assert set(freed) == named
    assert len(freed) == 2
    assert await job_store.unreferenced(iter(candidates)) == {*candidates}
    assert await job_store.unreferenced([]) == set()
    assert await job_store.delete_job(third.id) == [third.items[0].pictures[0].artifact]


async def test_what_is_made_of_a_result_goes_with_it(job_store: JobStore) -> None:
    """Files made of a result that two jobs share stay until the second job is deleted."""
    mesh = make_file()
    assert mesh.artifact is not None
    made = make_artifact()
    assert not await job_store.add_derived(mesh.artifact, made, owner=LOCAL_OWNER, size_bytes=10), (
        "no result has it yet"
    )
    done = [make_item(0, state=ItemState.SUCCEEDED, result=make_result(mesh)) for _ in range(2)]
    first, second = [await job_store.add_job(make_job(item)) for item in done]
    assert await job_store.add_derived(mesh.artifact, made, owner=LOCAL_OWNER, size_bytes=10)
    assert await job_store.add_derived(mesh.artifact, made, owner=LOCAL_OWNER, size_bytes=10)
    assert await job_store.unreferenced([made]) == set()
    assert made not in await job_store.delete_job(first.id)
    assert await job_store.unreferenced([made]) == set()
    assert made in await job_store.delete_job(second.id)
    assert await job_store.unreferenced([made]) == {made}
    assert not await job_store.add_derived(mesh.artifact, made, owner=LOCAL_OWNER, size_bytes=10)


async def test_what_is_made_of_a_picture_goes_with_it(job_store: JobStore) -> None:
    """Also while the job is a draft, whose pictures are replaced and removed."""
    job = await job_store.add_job(make_job(count=2))
    picture, other = (item.pictures[0].artifact for item in job.items)
    made = make_artifact()
    assert await job_store.add_derived(picture, made, owner=LOCAL_OWNER, size_bytes=10)
    assert await job_store.unreferenced([made]) == set()
    assert set(await job_store.delete_job(job.id)) == {picture, other, made}
    assert await job_store.unreferenced([made]) == {made}
    assert not await job_store.add_derived(picture, made, owner=LOCAL_OWNER, size_bytes=10)

    draft = await job_store.add_job(make_draft())
    first, second = make_picture(), make_picture()
    of_first, of_second = make_artifact(), make_artifact()
    ref = ItemRef(draft.id, 0)
    await job_store.put_picture(ref, first, name=None, item_limit=3)
    assert await job_store.add_derived(first.artifact, of_first, owner=LOCAL_OWNER, size_bytes=10)
    replaced = await job_store.put_picture(ref, second, name=None, item_limit=3)
    assert set(replaced) == {first.artifact, of_first}
    assert await job_store.add_derived(second.artifact, of_second, owner=LOCAL_OWNER, size_bytes=10)
    assert set(await job_store.remove_item(ref)) == {second.artifact, of_second}
    assert await job_store.unreferenced([of_first, of_second]) == {of_first, of_second}


async def test_store_says_that_it_works(job_store: JobStore) -> None:
    await job_store.check()
    await job_store.check()


async def test_closing_twice_is_fine(job_store: JobStore) -> None:
    await job_store.aclose()
    await job_store.aclose()


async def test_many_items_read_back_in_order(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=500))
    assert [item.index for item in job.items] == list(range(500))
    assert [item.pictures[0] for item in job.items] == [
        item.pictures[0] for item in (await job_store.get_job(job.id)).items
    ]
    freed = await job_store.delete_job(job.id)
    assert len(freed) == 500


async def test_progress_reads_back(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    claim = await generate(job_store, refs(job)[0])
    progress = Progress(fraction=0.5, phase="Sculpting", queue_position=3, eta_s=12.5)
    await job_store.step(claim, Step(to=ItemState.GENERATING, progress=progress))
    assert (await job_store.get_item(claim.ref)).progress == progress


# --- results that move ------------------------------------------------------------------------


async def test_result_of_a_succeeded_item_is_replaced(job_store: JobStore) -> None:
    """The new files are there, watchers learn of it, and what nothing names any more is told."""
    job = await job_store.add_job(make_job(count=2))
    first, second = refs(job)
    shared, own = make_file("model.glb"), make_file("texture.png")
    await succeed(job_store, first, make_result(shared, own))
    before = (await succeed(job_store, second)).job.version
    result = replace(make_result(shared, make_file("preview.webp")), facts={"faces": 7})
    assert await job_store.replace_result(first, result) == [own.artifact]
    changes = await job_store.changes_since(job.id, before)
    assert [(item.index, item.result) for item in changes.items] == [(0, result)]
    assert changes.job.state is JobState.FINISHED


async def test_result_of_an_unfinished_item_is_not_replaced(job_store: JobStore) -> None:
    job = await job_store.add_job(make_job(count=1))
    with pytest.raises(WrongState):
        await job_store.replace_result(refs(job)[0], make_result())
    with pytest.raises(ItemNotFound):
        await job_store.replace_result(ItemRef(job.id, 1), make_result())
    with pytest.raises(JobNotFound):
        await job_store.replace_result(ItemRef(NOWHERE, 0), make_result())
    assert await job_store.get_job(job.id) == job
