"""The sweeper sends what was lost, and does not fill a busy queue with what waits in it."""

import pytest

from image2model.core.ids import JobId, OwnerId, WorkerId
from image2model.core.job import Job
from image2model.core.states import JobState
from image2model.jobs.background.exclusive_tasks import Turn
from image2model.jobs.runs.recover import Sweeper
from image2model.ports.dispatcher import ItemRef
from tests.harness.rig import Rig

pytestmark = pytest.mark.anyio

ANNA = OwnerId("session:anna")
HOUR_S = 3_600


async def lost_job(rig: Rig, count: int) -> Job:
    """Submit a job whose messages get lost."""
    job = await rig.submit(ANNA, *(f"mug-{number}" for number in range(count)))
    rig.dispatcher.take()
    return job


def refs(job: Job, *indexes: int) -> list[ItemRef]:
    return [ItemRef(job.id, index) for index in indexes]


async def test_lost_messages_are_sent_again(rig: Rig) -> None:
    job = await lost_job(rig, 3)
    assert await Sweeper(rig.context).sweep() == 3
    assert rig.dispatcher.take() == refs(job, 0, 1, 2)


async def test_nothing_is_sent_while_every_item_has_its_message(rig: Rig) -> None:
    """They wait in a queue whose workers are busy."""
    await lost_job(rig, 3)
    rig.dispatcher.backlog = 3
    sweeper = Sweeper(rig.context)
    for _ in range(5):
        assert await sweeper.sweep() == 0
        await rig.clock.advance(2)


async def test_as_many_are_sent_as_are_missing(rig: Rig) -> None:
    job = await lost_job(rig, 3)
    rig.dispatcher.backlog = 1
    assert await Sweeper(rig.context).sweep() == 2
    assert rig.dispatcher.take() == refs(job, 0, 1)


async def test_each_is_sent_later_and_later(rig: Rig) -> None:
    """Nobody takes anything for an hour: few messages come together all the same."""
    await lost_job(rig, 1)
    sweeper = Sweeper(rig.context)
    sent = 0
    for _ in range(HOUR_S // 2):
        sent += await sweeper.sweep()
        await rig.clock.advance(2)
    assert 5 <= sent <= 15


async def test_one_lost_among_many_that_wait_is_sent_some_time(rig: Rig) -> None:
    await lost_job(rig, 1)
    rig.dispatcher.backlog = 1_000
    sweeper = Sweeper(rig.context)
    assert await sweeper.sweep() == 0
    await rig.clock.advance(61)
    assert await sweeper.sweep() == 1
    assert await sweeper.sweep() == 0


async def test_all_is_sent_again_when_the_queue_was_out_of_reach(rig: Rig) -> None:
    """It may have lost everything."""
    await lost_job(rig, 2)
    sweeper = Sweeper(rig.context)
    assert await sweeper.sweep() == 2
    assert await sweeper.sweep() == 0
    rig.dispatcher.backlog = None
    assert await sweeper.sweep() == 0
    rig.dispatcher.backlog = 0
    assert await sweeper.sweep() == 2


async def test_a_process_for_one_owner_leaves_the_others_alone(rig: Rig) -> None:
    """Beside a server the command line must not buy by its own settings what visitors ordered."""
    await lost_job(rig, 2)
    own = await rig.submit(OwnerId("local"), "mug")
    rig.dispatcher.take()
    assert await Sweeper(rig.context, only_of=OwnerId("local")).sweep() == 1
    assert rig.dispatcher.take() == refs(own, 0)


async def test_one_process_at_a_time_sweeps(rig: Rig) -> None:
    """When that one is no more, another one does, within the lease."""
    await lost_job(rig, 1)
    one, two = (
        Sweeper(
            rig.context,
            Turn(rig.store, worker=WorkerId(name), duty="sweep", lease_s=5.0),
        )
        for name in ("one", "two")
    )
    assert await one.sweep() == 1
    assert await two.sweep() == 0
    await rig.clock.advance(5)
    assert await two.sweep() == 1
    assert await one.sweep() == 0


async def test_what_is_known_of_due_jobs_is_not_read_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job may have a thousand items."""
    await lost_job(rig, 2)
    monkeypatch.delattr(type(rig.store), "get_job")
    assert await Sweeper(rig.context).sweep() == 2


async def test_jobs_that_vanish_meanwhile_are_passed_over(rig: Rig) -> None:
    job = await lost_job(rig, 1)
    known = await rig.store.due_items(limit=9)
    sweeper = Sweeper(rig.context)
    await rig.store.delete_job(job.id)
    assert await sweeper._know(known[0].job) is None
    assert await sweeper._know(JobId("0" * 32)) is None
    assert await sweeper.sweep() == 0


async def test_paused_jobs_are_left_alone(rig: Rig) -> None:
    job = await lost_job(rig, 1)
    await rig.store.pause_job(job.id)
    assert await Sweeper(rig.context).sweep() == 0
    assert (await rig.store.get_job(job.id)).state is JobState.PAUSED
