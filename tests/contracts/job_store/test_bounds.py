"""Contract: derived files can be dropped, failures are forgotten, and drafts without items go."""

from functools import partial

import anyio
import pytest

from image2model.core.generator import GeneratorId
from image2model.core.ids import LOCAL_OWNER, ArtifactId, OwnerId
from image2model.core.job import Job, Problem
from image2model.core.states import ItemState
from image2model.ports.derived import Owners
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import Counts, JobStore, Stored
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    fail,
    make_artifact,
    make_draft,
    make_file,
    make_item,
    make_job,
    make_picture,
    make_result,
    open_job_store,
    refs,
    succeed,
)

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:0123456789abcdef")
BERT = OwnerId("key:0badcafe")
LIVES_S = (60.0, 600.0)


async def add_model(store: JobStore, owner: OwnerId) -> tuple[Job, ArtifactId]:
    """Add a finished job with a picture of 1,234 bytes and a mesh of 99."""
    mesh = make_file()
    assert mesh.artifact is not None
    item = make_item(0, state=ItemState.SUCCEEDED, result=make_result(mesh))
    return await store.add_job(make_job(item, owner=owner)), mesh.artifact


async def derive(
    store: JobStore, source: ArtifactId, *, owner: OwnerId, size_bytes: int
) -> ArtifactId:
    """Remember a new file made of *source*."""
    made = make_artifact()
    assert await store.add_derived(source, made, owner=owner, size_bytes=size_bytes)
    return made


async def test_derived_files_are_counted(job_store: JobStore) -> None:
    """Each owner's, those of all browser sessions, and all."""
    job, of_anna = await add_model(job_store, ANNA)
    _, of_bert = await add_model(job_store, BERT)
    made = await derive(job_store, of_anna, owner=ANNA, size_bytes=500)
    assert await job_store.add_derived(of_anna, made, owner=ANNA, size_bytes=700)
    await derive(job_store, of_bert, owner=BERT, size_bytes=40)
    assert await job_store.stored(ANNA) == Stored(kept_bytes=1_333, derived_bytes=700)
    assert (await job_store.usage(ANNA)).stored == await job_store.stored(ANNA)
    assert await job_store.stored(BERT) == Stored(kept_bytes=1_333, derived_bytes=40)
    assert await job_store.stored(Owners.ANONYMOUS) == await job_store.stored(ANNA)
    assert await job_store.stored(Owners.ALL) == Stored(kept_bytes=2_666, derived_bytes=740)
    await job_store.delete_job(job.id)
    nothing = Stored(kept_bytes=0, derived_bytes=0)
    assert await job_store.stored(ANNA) == await job_store.stored(Owners.ANONYMOUS) == nothing
    again, _ = await add_model(job_store, ANNA)
    assert (await job_store.stored(Owners.ANONYMOUS)).kept_bytes == 1_333
    assert again.id != job.id


async def test_what_was_used_longest_ago_is_dropped(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    _, source = await add_model(job_store, ANNA)
    made = []
    for _ in range(3):
        made.append(await derive(job_store, source, owner=ANNA, size_bytes=100))
        await store_clock.advance(1_000)
    await job_store.use_derived(made[0])
    await job_store.use_derived(make_artifact())
    await store_clock.advance(100)
    nothing = await job_store.drop_derived(ANNA, keep_bytes=300, idle_s=0)
    assert (nothing.artifacts, nothing.left_bytes) == ([], 300)
    dropped = await job_store.drop_derived(ANNA, keep_bytes=250, idle_s=0)
    assert (dropped.artifacts, dropped.left_bytes) == ([made[1]], 200)
    assert await job_store.unreferenced(made) == {made[1]}
    dropped = await job_store.drop_derived(Owners.ALL, keep_bytes=0, idle_s=500)
    assert (dropped.artifacts, dropped.left_bytes) == ([made[2]], 100), "the other is in use"
    assert (await job_store.stored(ANNA)).derived_bytes == 100
    assert await job_store.add_derived(source, made[1], owner=ANNA, size_bytes=100)
    assert await job_store.unreferenced(made) == {made[2]}


async def test_only_files_of_those_asked_for_are_dropped(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    _, of_anna = await add_model(job_store, ANNA)
    _, of_bert = await add_model(job_store, BERT)
    first = await derive(job_store, of_bert, owner=BERT, size_bytes=100)
    await store_clock.advance(10)
    second = await derive(job_store, of_anna, owner=ANNA, size_bytes=100)
    await store_clock.advance(10)
    for whose, gone in ((Owners.ANONYMOUS, second), (BERT, first)):
        dropped = await job_store.drop_derived(whose, keep_bytes=0, idle_s=5)
        assert (dropped.artifacts, dropped.left_bytes) == ([gone], 0)


async def test_usage_tells_drafts_and_unfinished_items(job_store: JobStore) -> None:
    await job_store.add_job(make_draft(count=2))
    job = await job_store.add_job(make_job(count=3))
    paused = await job_store.add_job(make_job(count=1))
    await job_store.pause_job(paused.id)
    await fail(job_store, refs(job)[0])
    assert await job_store.counts(LOCAL_OWNER) == Counts(drafts=1, unfinished_items=3)
    assert await job_store.counts(ANNA) == Counts(drafts=0, unfinished_items=0)
    usage = await job_store.usage(LOCAL_OWNER)
    assert (usage.jobs, usage.drafts, usage.unfinished_items) == (3, 1, 3)
    for ref in refs(job)[1:]:
        await succeed(job_store, ref)
    assert (await job_store.usage(LOCAL_OWNER)).unfinished_items == 1
    assert await job_store.counts(LOCAL_OWNER) == Counts(drafts=1, unfinished_items=1)
    assert (await job_store.usage(ANNA)).unfinished_items == 0


async def test_failures_count_for_longer_the_more_there_are(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    problem = Problem(code="invalid_mesh", message="No.", details={"reason": "ü"})
    assert await job_store.find_failure("mesh") is None
    for life_s in (60, 600, 600):
        await job_store.add_failure("mesh", problem, lives_s=LIVES_S, most=9)
        await store_clock.advance(life_s - 1)
        assert await job_store.find_failure("mesh") == problem
        assert await job_store.find_failure("other") is None
        await store_clock.advance(2)
        assert await job_store.find_failure("mesh") is None
    await store_clock.advance(601)
    await job_store.add_failure("mesh", problem, lives_s=LIVES_S, most=9)
    await store_clock.advance(61)
    assert await job_store.find_failure("mesh") is None, "the earlier ones are forgotten"


async def test_failures_are_limited_in_number(job_store: JobStore, store_clock: FakeClock) -> None:
    problem = Problem(code="invalid_mesh", message="No.", details={})
    for name in "abcd":
        await job_store.add_failure(name, problem, lives_s=LIVES_S, most=3)
        await store_clock.advance(1)
    found = [name for name in "abcd" if await job_store.find_failure(name)]
    assert found == ["b", "c", "d"]


async def test_drafts_without_items_end_sooner(job_store: JobStore, store_clock: FakeClock) -> None:
    empty = await job_store.add_job(make_draft(owner=ANNA))
    filled = await job_store.add_job(make_draft())
    await job_store.put_picture(ItemRef(filled.id, 0), make_picture(), name=None, item_limit=9)
    running = await job_store.add_job(make_job(count=1, generator=GeneratorId("testing/cube")))
    await store_clock.advance(3_700)
    lives = {"draft_life_s": 86_400.0, "empty_draft_life_s": 3_600.0}
    assert await job_store.expired_jobs(**lives, limit=9) == [empty.id]
    await store_clock.advance(86_400)
    assert set(await job_store.expired_jobs(**lives, limit=9)) == {empty.id, filled.id}
    await job_store.delete_job(empty.id)
    await job_store.delete_job(filled.id)
    owners = {ANNA, BERT, running.owner}
    assert await job_store.owners_of_jobs(owners) == {running.owner}
    assert await job_store.owners_of_jobs(set()) == set()


async def test_failures_at_once_all_count(shared_store_url: str) -> None:
    """Two processes that fail at once do not stand in each other's way."""
    problem = Problem(code="invalid_mesh", message="No.", details={})
    clock = FakeClock()
    async with (
        open_job_store(shared_store_url, clock=clock) as one,
        open_job_store(shared_store_url, clock=clock) as other,
    ):
        for name in ("mesh", "picture", "sheet"):
            async with anyio.create_task_group() as group:
                for store in (one, other) * 4:
                    group.start_soon(
                        partial(store.add_failure, name, problem, lives_s=LIVES_S, most=9)
                    )
        await clock.advance(LIVES_S[0] + 1)
        for name in ("mesh", "picture", "sheet"):
            assert await one.find_failure(name) == problem, "the second try counts for longer"
