"""What every `JobStore` promises of drafts: pictures in any order, removing, moving, starting."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import anyio
import pytest

from image2model.core.errors import ItemNotFound, JobNotFound, TooManyItems, WrongState
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import JobId
from image2model.core.job import Description, Job, KeepPolicy
from image2model.core.output import Output
from image2model.core.states import ItemState, JobState
from image2model.ports.dispatcher import ItemRef
from image2model.ports.jobstore import DraftTerms, JobStore
from image2model.testing.fake_clock import FakeClock
from tests.contracts.job_stores import (
    PROBLEM,
    WORKER,
    make_draft,
    make_item,
    make_job,
    make_picture,
    refs,
    take,
    terms_of,
)

pytestmark = pytest.mark.anyio

LIMIT = 25
NOWHERE = JobId("0" * 32)


async def draft_of(store: JobStore, *names: str) -> Job:
    """Add a draft with an item of each name."""
    draft = await store.add_job(make_draft())
    for index, name in enumerate(names):
        ref = ItemRef(draft.id, index)
        await store.put_picture(ref, make_picture(), name=name, item_limit=LIMIT)
    return await store.get_job(draft.id)


async def names_of(store: JobStore, job: JobId) -> dict[int, str]:
    """List a job's items' names by index."""
    return {item.index: item.name for item in (await store.get_job(job)).items}


async def test_picture_adds_an_item(job_store: JobStore) -> None:
    draft = await job_store.add_job(make_draft())
    picture = make_picture()
    ref = ItemRef(draft.id, 0)
    assert await job_store.put_picture(ref, picture, name=None, item_limit=LIMIT) == []
    job = await job_store.get_job(draft.id)
    assert job.version == draft.version + 1
    assert job.counts == {ItemState.QUEUED: 1}
    expected = {"pictures": (picture,), "made_key": "", "metadata": {}, "version": job.version}
    item = make_item(0, job=draft.id, **expected)
    assert job.items == (item,)
    assert await job_store.due_items(limit=9) == []


async def test_views_of_an_item_stand_front_first(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    ref = ItemRef(draft.id, 0)
    views = [View.TOP, View.LEFT, View.FRONT]
    for view in views:
        await job_store.put_picture(ref, make_picture(view), name="cup", item_limit=LIMIT)
    item = await job_store.get_item(ref)
    assert [picture.view for picture in item.pictures] == [View.FRONT, View.LEFT, View.TOP]
    assert item.name == "cup"


async def test_same_view_again_replaces_it(job_store: JobStore) -> None:
    """The artifact replaced is handed back, unless the same one is put again."""
    draft = await draft_of(job_store)
    ref = ItemRef(draft.id, 0)
    first, second = make_picture(), make_picture()
    await job_store.put_picture(ref, first, name="cup", item_limit=LIMIT)
    assert await job_store.put_picture(ref, first, name=None, item_limit=LIMIT) == []
    freed = await job_store.put_picture(ref, second, name=None, item_limit=LIMIT)
    assert freed == [first.artifact]
    item = await job_store.get_item(ref)
    assert (item.pictures, item.name) == ((second,), "cup")


async def test_pictures_come_in_any_order(job_store: JobStore) -> None:
    """Parallel uploads leave gaps until all have come; every name and picture finds its place."""
    draft = await draft_of(job_store)
    indexes = list(range(LIMIT))
    random.Random(7).shuffle(indexes)

    async def put(index: int) -> None:
        picture = replace(make_picture(), width_px=100 + index)
        ref = ItemRef(draft.id, index)
        await job_store.put_picture(ref, picture, name=f"p{index}", item_limit=LIMIT)

    for index in indexes[:3]:
        await put(index)
    assert sorted(await names_of(job_store, draft.id)) == sorted(indexes[:3])
    async with anyio.create_task_group() as tasks:
        for index in indexes[3:]:
            tasks.start_soon(put, index)
    job = await job_store.get_job(draft.id)
    assert [item.index for item in job.items] == list(range(LIMIT))
    assert [item.pictures[0].width_px for item in job.items] == [100 + i for i in range(LIMIT)]
    assert [item.name for item in job.items] == [f"p{index}" for index in range(LIMIT)]
    assert job.version == draft.version + LIMIT
    assert len({item.version for item in job.items}) == LIMIT


async def test_two_views_at_once_make_one_item(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    ref = ItemRef(draft.id, 0)

    async def put(view: View) -> None:
        await job_store.put_picture(ref, make_picture(view), name="cup", item_limit=LIMIT)

    async with anyio.create_task_group() as tasks:
        for view in View:
            tasks.start_soon(put, view)
    (item,) = (await job_store.get_job(draft.id)).items
    assert [picture.view for picture in item.pictures] == list(View)
    assert item.name == "cup"


async def test_taken_names_get_numbers(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "cup", "CUP")
    ref = ItemRef(draft.id, 2)
    await job_store.put_picture(ref, make_picture(), name=None, item_limit=LIMIT)
    await job_store.put_picture(ref, make_picture(View.BACK), name="cup", item_limit=LIMIT)
    await job_store.put_picture(ref, make_picture(View.TOP), name="cup-3", item_limit=LIMIT)
    assert await names_of(job_store, draft.id) == {0: "cup", 1: "CUP-2", 2: "cup-3"}


async def test_pictures_are_refused_where_they_do_not_belong(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    running = await job_store.add_job(make_job(count=1))
    picture = make_picture()
    with pytest.raises(TooManyItems) as caught:
        await job_store.put_picture(ItemRef(draft.id, 3), picture, name=None, item_limit=3)
    assert caught.value.details["limit"] == 3
    with pytest.raises(ItemNotFound):
        await job_store.put_picture(ItemRef(draft.id, -1), picture, name=None, item_limit=3)
    with pytest.raises(WrongState):
        await job_store.put_picture(ItemRef(running.id, 1), picture, name=None, item_limit=3)
    with pytest.raises(JobNotFound):
        await job_store.put_picture(ItemRef(NOWHERE, 0), picture, name=None, item_limit=3)
    assert (await job_store.get_job(draft.id)).version == draft.version


async def test_removing_moves_later_items_up(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a", "b", "c", "d")
    gone = draft.items[1].pictures[0].artifact
    assert await job_store.remove_item(ItemRef(draft.id, 1)) == [gone]
    job = await job_store.get_job(draft.id)
    assert [(item.index, item.name) for item in job.items] == [(0, "a"), (1, "c"), (2, "d")]
    assert [item.version > draft.version for item in job.items] == [False, True, True]
    assert job.items[1].pictures == draft.items[2].pictures
    assert job.version == draft.version + 1
    with pytest.raises(ItemNotFound):
        await job_store.remove_item(ItemRef(draft.id, 3))


async def test_removing_keeps_other_gaps(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    for index in (0, 2, 5):
        ref = ItemRef(draft.id, index)
        await job_store.put_picture(ref, make_picture(), name=f"p{index}", item_limit=LIMIT)
    await job_store.remove_item(ItemRef(draft.id, 2))
    assert await names_of(job_store, draft.id) == {0: "p0", 4: "p5"}


@pytest.mark.parametrize(
    ("index", "to", "order"),
    [(0, 3, "bcda"), (3, 0, "dabc"), (1, 2, "acbd"), (2, 1, "acbd"), (1, 1, "abcd")],
)
async def test_moving(job_store: JobStore, index: int, to: int, order: str) -> None:
    """The items between move by one; those that stay keep their version."""
    draft = await draft_of(job_store, *"abcd")
    await job_store.move_item(ItemRef(draft.id, index), to=to)
    job = await job_store.get_job(draft.id)
    assert "".join(item.name for item in job.items) == order
    by_name = {item.name: item for item in draft.items}
    assert [item.pictures for item in job.items] == [by_name[name].pictures for name in order]
    moved = [item for item in job.items if by_name[item.name].index != item.index]
    assert {item.version for item in moved} == ({job.version} if moved else set())
    assert job.version == draft.version + bool(moved)


async def test_moving_keeps_gaps(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    for index in (0, 2, 5):
        ref = ItemRef(draft.id, index)
        await job_store.put_picture(ref, make_picture(), name=f"p{index}", item_limit=LIMIT)
    await job_store.move_item(ItemRef(draft.id, 5), to=0)
    assert await names_of(job_store, draft.id) == {0: "p5", 2: "p0", 5: "p2"}


async def test_moving_what_or_where_nothing_is(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a", "b")
    for index, to in [(2, 0), (0, 2), (0, -1)]:
        with pytest.raises(ItemNotFound):
            await job_store.move_item(ItemRef(draft.id, index), to=to)
    with pytest.raises(JobNotFound):
        await job_store.move_item(ItemRef(NOWHERE, 0), to=0)
    running = await job_store.add_job(make_job(count=2))
    with pytest.raises(WrongState):
        await job_store.move_item(ItemRef(running.id, 0), to=1)
    with pytest.raises(WrongState):
        await job_store.remove_item(ItemRef(running.id, 0))
    assert await names_of(job_store, draft.id) == {0: "a", 1: "b"}


async def test_draft_gets_other_terms(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a")
    terms = DraftTerms(
        generator=GeneratorId("testing/sphere"),
        options={"n": 1},
        output=Output(formats=("stl",), adjust={"height_mm": 80}),
        keep=KeepPolicy.LINKS,
        life_s=60.0,
        budget_usd=Decimal("1.25"),
    )
    await job_store.change_draft(draft.id, terms)
    job = await job_store.get_job(draft.id)
    assert terms_of(job) == terms
    assert job.version == draft.version + 1
    await job_store.change_draft(draft.id, terms)
    assert (await job_store.get_job(draft.id)).version == job.version
    await job_store.change_draft(draft.id, replace(terms, life_s=None, budget_usd=None))
    unlimited = await job_store.get_job(draft.id)
    assert terms_of(unlimited) == replace(terms, life_s=None, budget_usd=None)
    with pytest.raises(JobNotFound):
        await job_store.change_draft(NOWHERE, terms)
    started = await job_store.start_job(replace(unlimited, output=Output(formats=("ply",))))
    assert started.output == Output(formats=("ply",))
    with pytest.raises(WrongState):
        await job_store.change_draft(draft.id, terms)


async def test_items_are_named_and_described(job_store: JobStore) -> None:
    """Equal names get numbers in the items' order; what is not mentioned stays as it is."""
    draft = await draft_of(job_store, "a", "b", "c", "d")
    jug = Description(name="Jug", metadata={"height_mm": 212.5, "notes": "Gänse"})
    other = Description(name="jug", metadata={})
    await job_store.describe_items(
        draft.id, {3: other, 0: jug, 1: Description(name="c", metadata={})}
    )
    job = await job_store.get_job(draft.id)
    assert [item.name for item in job.items] == ["Jug", "c-2", "c", "jug-2"]
    assert [item.metadata for item in job.items] == [jug.metadata, {}, {}, {}]
    assert [item.version for item in job.items] == [job.version, job.version, 4, job.version]
    await job_store.describe_items(draft.id, {0: Description(name="a", metadata={"sku": "7"})})
    assert (await job_store.get_item(ItemRef(draft.id, 0))).metadata == {"sku": "7"}
    started = await job_store.start_job(await job_store.get_job(draft.id))
    assert started.items[0].metadata == {"sku": "7"}


async def test_what_cannot_be_described(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a")
    said = Description(name="x", metadata={"title": "X"})
    with pytest.raises(ItemNotFound):
        await job_store.describe_items(draft.id, {0: said, 1: said})
    with pytest.raises(JobNotFound):
        await job_store.describe_items(NOWHERE, {})
    assert await job_store.get_job(draft.id) == draft
    await job_store.describe_items(draft.id, {})
    started = await job_store.start_job(draft)
    with pytest.raises(WrongState):
        await job_store.describe_items(started.id, {0: said})


async def test_started_draft_runs(job_store: JobStore, store_clock: FakeClock) -> None:
    """What starting settles is stored; items that cannot run are failed, the rest is due."""
    draft = await draft_of(job_store, "a", "b", "c")
    await store_clock.advance(60)
    items = [replace(item, made_key=f"k{item.index}") for item in draft.items]
    items[1] = replace(items[1], state=ItemState.FAILED, problem=PROBLEM)
    wanted = replace(
        draft,
        name="Neu",
        generator=GeneratorId("testing/sphere"),
        options={"size": 3},
        keep=KeepPolicy.LINKS,
        budget_usd=Decimal("1.5"),
        fingerprint="f",
        items=items,
    )
    started = await job_store.start_job(wanted)
    version = draft.version + 1
    assert started == replace(
        wanted,
        state=JobState.RUNNING,
        started_at=store_clock.now(),
        version=version,
        counts={ItemState.QUEUED: 2, ItemState.FAILED: 1},
        items=tuple(replace(item, version=version) for item in items),
    )
    assert await job_store.get_job(draft.id) == started
    assert await job_store.due_items(limit=9) == [ItemRef(draft.id, 0), ItemRef(draft.id, 2)]
    await take(job_store, ItemRef(draft.id, 2))


async def test_start_of_items_that_all_fail_finishes(
    job_store: JobStore, store_clock: FakeClock
) -> None:
    """The job lives on as long as the start says, not as long as the draft said."""
    draft = await draft_of(job_store, "a")
    items = [replace(item, state=ItemState.FAILED, problem=PROBLEM) for item in draft.items]
    started = await job_store.start_job(replace(draft, items=items, life_s=60))
    assert started.state is JobState.FINISHED
    assert started.finished_at == started.started_at == store_clock.now()
    assert started.expires_at == store_clock.now() + timedelta(seconds=60)


async def test_start_of_what_has_changed_is_refused(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a")
    ref = ItemRef(draft.id, 1)
    await job_store.put_picture(ref, make_picture(), name=None, item_limit=LIMIT)
    with pytest.raises(WrongState):
        await job_store.start_job(draft)
    fresh = await job_store.get_job(draft.id)
    started = await job_store.start_job(fresh)
    with pytest.raises(WrongState):
        await job_store.start_job(started)
    with pytest.raises(JobNotFound):
        await job_store.start_job(replace(draft, id=NOWHERE))


async def test_start_twice_at_once_starts_once(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a", "b")
    outcomes: list[bool] = []

    async def start() -> None:
        try:
            await job_store.start_job(draft)
        except WrongState:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(start)
    assert sorted(outcomes) == [False] * 4 + [True]


async def test_cancelled_draft_is_finished(job_store: JobStore, store_clock: FakeClock) -> None:
    draft = await draft_of(job_store, "a", "b")
    with pytest.raises(WrongState):
        await job_store.cancel_items(draft.id, [0])
    assert await job_store.cancel_items(draft.id) == []
    job = await job_store.get_job(draft.id)
    assert (job.state, job.counts) == (JobState.FINISHED, {ItemState.CANCELLED: 2})
    assert job.started_at == job.finished_at == store_clock.now()
    assert job.version == draft.version + 1


async def test_cancelled_empty_draft_is_finished(job_store: JobStore) -> None:
    draft = await draft_of(job_store)
    await job_store.cancel_items(draft.id)
    assert (await job_store.get_job(draft.id)).state is JobState.FINISHED


async def test_drafts_cannot_be_worked_on(job_store: JobStore) -> None:
    draft = await draft_of(job_store, "a")
    (ref,) = refs(draft)
    for call in (job_store.retry_items, job_store.pause_job, job_store.resume_job):
        with pytest.raises(WrongState):
            await call(draft.id)
    await job_store.stop_job(draft.id, problem=PROBLEM)
    assert await job_store.get_job(draft.id) == draft
    assert await job_store.due_items(limit=9) == []
    assert await job_store.claim_item(ref, worker=WORKER, lease_s=9) is None
