"""Taking jobs in: at once and as drafts."""

from dataclasses import replace
from decimal import Decimal

import pytest

from image2model.core.errors import (
    AlreadyRunning,
    GeneratorNotFound,
    IdempotencyKeyReused,
    InvalidOptions,
    InvalidRequest,
    InvalidViews,
    JobNotFound,
    NoPictures,
    NotAPicture,
    TooManyItems,
    TooManyJobs,
    UploadTooLarge,
    WrongState,
)
from image2model.core.generator import GeneratorId, View
from image2model.core.ids import OwnerId
from image2model.core.job import KeepPolicy, Problem
from image2model.core.output import Output
from image2model.core.states import ItemState, JobState
from image2model.jobs.intake.pictures import take_picture
from image2model.jobs.intake.submit import (
    DraftChange,
    JobRequest,
    NewItem,
    change_draft,
    create_draft,
    move_item,
    put_picture,
    remove_item,
    start_draft,
    submit_job,
)
from image2model.jobs.lifecycle.control import cancel_items, retry_items
from image2model.ports.dispatcher import ItemRef
from tests.harness.rig import Rig, disc_png, once

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
BERT = OwnerId("session:bert")


async def kept(rig: Rig) -> int:
    return len([stored async for stored in rig.artifacts.all()])


async def test_items_are_named_and_dispatched(rig: Rig) -> None:
    job = await rig.submit(ANNA, "mug", "mug", "vase")
    assert [item.name for item in job.items] == ["mug", "mug-2", "vase"]
    assert job.name == "mug and 2 more"
    assert job.state is JobState.RUNNING
    assert job.options == {"quality": "low", "seed": 0}
    assert [ref.index for ref in rig.dispatcher.take()] == [0, 1, 2]


async def test_a_refused_picture_fails_its_item_only(rig: Rig) -> None:
    """The item says what was wrong with its picture; the others are made."""
    with pytest.raises(NotAPicture) as caught:
        await take_picture(rig.context, once(b"<html>"), view=View.FRONT)
    bad = NewItem(name="page", problem=Problem.of(caught.value))
    job = await submit_job(rig.context, ANNA, JobRequest(), [bad, await rig.new_item("mug")])
    assert job.items[0].state is ItemState.FAILED
    assert job.items[0].problem is not None
    assert job.items[0].problem.code == "not_a_picture"
    assert [ref.index for ref in rig.dispatcher.take()] == [1]


async def test_an_item_without_a_picture_cannot_be_retried(rig: Rig) -> None:
    bad = NewItem(name="page", problem=Problem.of(NotAPicture()))
    job = await submit_job(rig.context, ANNA, JobRequest(), [bad, await rig.new_item("mug")])
    await rig.run_dispatched()
    again = await retry_items(rig.context, ANNA, job.id)
    assert again.state is JobState.FINISHED
    assert again.items[0].problem == bad.problem
    with pytest.raises(NoPictures, match="Item 0"):
        await retry_items(rig.context, ANNA, job.id, [0])


async def test_a_job_of_refused_pictures_only_is_finished(rig: Rig) -> None:
    bad = NewItem(name="page", problem=Problem.of(NotAPicture()))
    job = await submit_job(rig.context, ANNA, JobRequest(), [bad])
    assert job.state is JobState.FINISHED


async def test_wrong_requests_keep_nothing(rig: Rig) -> None:
    """A request that is refused leaves no picture behind."""
    item = await rig.new_item("mug")
    too_many = [await rig.new_item(f"mug{n}") for n in range(26)]
    back_only = await rig.new_item("mug", views=[View.BACK])
    with pytest.raises(NoPictures):
        await submit_job(rig.context, ANNA, JobRequest(), [])
    with pytest.raises(TooManyItems) as caught:
        await submit_job(rig.context, ANNA, JobRequest(), too_many)
    assert caught.value.details == {"limit": 25}
    with pytest.raises(InvalidViews):
        await submit_job(rig.context, ANNA, JobRequest(), [back_only])
    with pytest.raises(InvalidOptions):
        await submit_job(rig.context, ANNA, JobRequest(options={"seed": -1}), [item])
    unknown = JobRequest(generator=GeneratorId("none/none"))
    with pytest.raises(GeneratorNotFound):
        await submit_job(rig.context, ANNA, unknown, [item])
    assert await kept(rig) == 0
    assert rig.dispatcher.take() == []


async def test_a_picture_over_the_limit_is_refused_while_it_comes(rig: Rig) -> None:
    limit = rig.context.rules.picture_bytes
    with pytest.raises(UploadTooLarge):
        await take_picture(rig.context, once(bytes(limit + 1)), view=View.FRONT)
    assert await kept(rig) == 0
    assert list(rig.context.rules.incoming.iterdir()) == []


async def test_the_same_key_returns_the_same_job(rig: Rig) -> None:
    request = JobRequest(idempotency_key="k1")
    first = await rig.submit(ANNA, "mug", request=request)
    again = await rig.submit(ANNA, "mug", request=request)
    other = await rig.submit(BERT, "mug", request=request)
    assert again.id == first.id
    assert other.id != first.id
    assert await kept(rig) == 2
    with pytest.raises(IdempotencyKeyReused):
        await rig.submit(ANNA, "vase", request=request)
    assert await kept(rig) == 2


@pytest.mark.parametrize(
    "other",
    [
        JobRequest(name="Another"),
        JobRequest(options={"quality": "high"}),
        JobRequest(output=Output(formats=("stl",))),
        JobRequest(output=Output(adjust={"height_mm": 80})),
        JobRequest(budget_usd=Decimal(5)),
        JobRequest(keep=KeepPolicy.LINKS),
        JobRequest(reuse=True),
        JobRequest(webhook_url="https://hooks.example/in"),
    ],
)
async def test_the_same_key_with_anything_else_is_refused(rig: Rig, other: JobRequest) -> None:
    key = "k1"
    await rig.submit(ANNA, "mug", request=JobRequest(idempotency_key=key))
    with pytest.raises(IdempotencyKeyReused):
        await rig.submit(ANNA, "mug", request=replace(other, idempotency_key=key))
    with pytest.raises(IdempotencyKeyReused):
        await create_draft(rig.context, ANNA, replace(other, idempotency_key=key))


async def test_what_was_made_is_taken_over_on_request(rig: Rig) -> None:
    """With `reuse`, a picture that became a model with the same settings is not made again."""
    await rig.submit(ANNA, "mug")
    await rig.run_dispatched()
    job = await rig.submit(ANNA, "mug", "vase", request=JobRequest(reuse=True))
    assert [item.state for item in job.items] == [ItemState.SUCCEEDED, ItemState.QUEUED]
    await rig.run_dispatched()
    other = JobRequest(reuse=True, options={"seed": 1})
    assert (await rig.submit(ANNA, "mug", request=other)).items[0].state is ItemState.QUEUED
    assert (await rig.submit(BERT, "mug", request=JobRequest(reuse=True))).items[
        0
    ].state is ItemState.QUEUED
    assert rig.provider.submits_of("mug") == 1


async def test_what_is_being_made_is_not_made_twice(rig: Rig) -> None:
    running = await rig.submit(ANNA, "mug", "vase")
    with pytest.raises(AlreadyRunning) as caught:
        await rig.submit(ANNA, "vase", "lamp", request=JobRequest(reuse=True))
    assert caught.value.details == {"jobs": [running.id]}
    assert await kept(rig) == 2


async def test_unfinished_jobs_are_limited(rig: Rig) -> None:
    for _ in range(rig.context.rules.unfinished_jobs_per_owner):
        await create_draft(rig.context, ANNA, JobRequest())
    with pytest.raises(TooManyJobs):
        await create_draft(rig.context, ANNA, JobRequest())
    await create_draft(rig.context, BERT, JobRequest())


async def test_a_repeated_request_adds_no_job_and_meets_no_limit(rig: Rig) -> None:
    """However many jobs there are, the same key returns the first one."""
    request = JobRequest(idempotency_key="k")
    job = await rig.submit(ANNA, "mug", request=request)
    draft = await create_draft(rig.context, ANNA, JobRequest(idempotency_key="d"))
    for _ in range(rig.context.rules.unfinished_jobs_per_owner - 2):
        await create_draft(rig.context, ANNA, JobRequest())
    assert (await rig.submit(ANNA, "mug", request=request)).id == job.id
    again = await create_draft(rig.context, ANNA, JobRequest(idempotency_key="d"))
    assert again.id == draft.id
    for key in (None, "new"):
        with pytest.raises(TooManyJobs):
            await rig.submit(ANNA, "cup", request=JobRequest(idempotency_key=key))


async def put(rig: Rig, job_id: str, index: int, name: str, view: View = View.FRONT) -> None:
    picture = await take_picture(rig.context, once(disc_png(name)), view=view)
    await put_picture(rig.context, ANNA, ItemRef(job_id, index), picture, name=name)  # type: ignore[arg-type]


async def test_a_draft_is_filled_in_any_order_and_started(rig: Rig) -> None:
    draft = await create_draft(rig.context, ANNA, JobRequest())
    await put(rig, draft.id, 1, "vase")
    with pytest.raises(InvalidRequest, match=r"\[0\]"):
        await start_draft(rig.context, ANNA, draft.id)
    await put(rig, draft.id, 0, "mug")
    await put(rig, draft.id, 0, "mug", View.BACK)
    assert rig.dispatcher.take() == []
    job = await start_draft(rig.context, ANNA, draft.id)
    assert [item.name for item in job.items] == ["mug", "vase"]
    assert [picture.view for picture in job.items[0].pictures] == [View.FRONT, View.BACK]
    assert len(rig.dispatcher.take()) == 2
    assert (await start_draft(rig.context, ANNA, draft.id)).id == job.id
    await rig.run_dispatched()
    with pytest.raises(WrongState):
        await put(rig, draft.id, 2, "late")
    assert await kept(rig) == 3


async def test_a_draft_can_be_changed(rig: Rig) -> None:
    draft = await create_draft(rig.context, ANNA, JobRequest())
    for index, name in enumerate(["one", "two", "three"]):
        await put(rig, draft.id, index, name)
    await put(rig, draft.id, 0, "uno")
    assert await kept(rig) == 3
    moved = await move_item(rig.context, ANNA, ItemRef(draft.id, 2), to=0)
    assert [item.name for item in moved.items] == ["three", "uno", "two"]
    left = await remove_item(rig.context, ANNA, ItemRef(draft.id, 1))
    assert [(item.index, item.name) for item in left.items] == [(0, "three"), (1, "two")]
    assert await kept(rig) == 2
    changed = await change_draft(rig.context, ANNA, draft.id, DraftChange(options={"seed": 4}))
    assert changed.options == {"quality": "low", "seed": 4}
    terms = DraftChange(keep=KeepPolicy.LINKS, budget_usd=Decimal(2))
    changed = await change_draft(rig.context, ANNA, draft.id, terms)
    assert (changed.keep, changed.budget_usd) == (KeepPolicy.LINKS, Decimal(2))
    assert changed.life_s == rig.context.rules.links_s
    assert changed.options == {"quality": "low", "seed": 4}
    changed = await change_draft(rig.context, ANNA, draft.id, DraftChange(budget_usd=Decimal(0)))
    assert (changed.keep, changed.budget_usd) == (KeepPolicy.LINKS, None)
    empty = await create_draft(rig.context, ANNA, JobRequest())
    with pytest.raises(NoPictures):
        await start_draft(rig.context, ANNA, empty.id)


async def test_a_draft_belongs_to_its_owner(rig: Rig) -> None:
    draft = await create_draft(rig.context, ANNA, JobRequest())
    picture = await take_picture(rig.context, once(disc_png("x")), view=View.FRONT)
    with pytest.raises(JobNotFound):
        await put_picture(rig.context, BERT, ItemRef(draft.id, 0), picture, name=None)
    with pytest.raises(JobNotFound):
        await start_draft(rig.context, BERT, draft.id)
    with pytest.raises(JobNotFound):
        await cancel_items(rig.context, BERT, draft.id)
    assert await kept(rig) == 0
