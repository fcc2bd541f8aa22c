"""No run works for ever on an item."""

from pathlib import Path

import anyio
import pytest

from image2model.core.ids import OwnerId
from image2model.core.states import AttemptState, ItemState, JobState
from image2model.geometry.pictures.limits import PictureLimits
from image2model.jobs.context import Rules
from image2model.ports.dispatcher import ItemRef
from image2model.testing.scripted_provider import Stage
from tests.harness.patience import PATIENCE_S
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
SOFT_S, HARD_S = 0.02, 0.2


@pytest.fixture
def hasty(tmp_path: Path) -> Rig:
    """A product that gives every item next to no time."""
    rules = Rules(
        picture=PictureLimits(), incoming=tmp_path, soft_limit_s=SOFT_S, hard_limit_s=HARD_S
    )
    return Rig(tmp_path, rules=rules)


@pytest.mark.parametrize(
    ("stage", "attempt"),
    [("follow", AttemptState.FAILED), ("collect", AttemptState.ACCEPTED)],
)
async def test_item_that_takes_too_long_fails(
    hasty: Rig, stage: Stage, attempt: AttemptState
) -> None:
    """It is stopped at the provider; what is made already can be fetched by a retry."""
    hasty.provider.hang(stage, "mug")
    job = await hasty.submit(ANNA, "mug")
    with anyio.fail_after(PATIENCE_S):
        await hasty.run_dispatched()
    item = await hasty.store.get_item(ItemRef(job.id, 0))
    assert item.state is ItemState.FAILED
    assert item.problem is not None
    assert item.problem.code == "item_timed_out"
    assert item.attempts[-1].state is attempt
    [request] = hasty.provider.accepted.values()
    assert request.cancelled == (stage == "follow")
    assert (await hasty.store.get_job(job.id)).state is JobState.FINISHED


async def test_what_is_done_already_is_kept(hasty: Rig) -> None:
    hasty.provider.hang("follow", "mug")
    hasty.provider.cancellable = False
    job = await hasty.submit(ANNA, "mug")
    with anyio.fail_after(PATIENCE_S):
        await hasty.run_dispatched()
    item = await hasty.store.get_item(ItemRef(job.id, 0))
    assert item.state is ItemState.SUCCEEDED


async def test_one_that_cannot_even_be_stopped_is_let_go(hasty: Rig) -> None:
    """Another run goes on with it, at once."""
    hasty.provider.hang("follow", "mug")
    hasty.provider.hang("cancel", "mug")
    job = await hasty.submit(ANNA, "mug")
    with anyio.fail_after(PATIENCE_S):
        await hasty.run_dispatched()
    ref = ItemRef(job.id, 0)
    assert (await hasty.store.get_item(ref)).state is ItemState.GENERATING
    assert await hasty.store.due_items(limit=9) == [ref]
    await hasty.runner.run(ref)
    assert (await hasty.store.get_item(ref)).state is ItemState.SUCCEEDED
    assert hasty.provider.submits_of("mug") == 1


async def test_waiting_for_a_place_does_not_count(hasty: Rig) -> None:
    """Providers let an item wait while it is prepared, as long as others are before it."""
    hang = hasty.provider.hang("prepare", "mug")
    job = await hasty.submit(ANNA, "mug")
    [ref] = hasty.dispatcher.take()
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as group:
            group.start_soon(hasty.runner.run, ref)
            await hang.reached.wait()
            with anyio.move_on_after(2 * HARD_S):
                await anyio.sleep_forever()
            hang.released.set()
    assert (await hasty.store.get_job(job.id)).state is JobState.FINISHED
    assert (await hasty.store.get_item(ref)).state is ItemState.SUCCEEDED
