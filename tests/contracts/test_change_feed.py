"""What every `ChangeFeed` promises, and what the one in the process adds."""

from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import pytest

from image2model.backends.inprocess.feed import InProcessChangeFeed
from image2model.backends.redis.feed import RedisChangeFeed, open_redis_feed
from image2model.core.ids import JobId, new_hex_id
from image2model.ports.feed import ChangeFeed
from tests.harness.rig import REAL_CHORES

pytestmark = pytest.mark.anyio

SOON_S = 120.0
"""Longer than any wake-up takes; only a failing test waits this long."""

QUIET_S = 0.05
"""How long a watch must stay silent for it to count."""

JOB = JobId(new_hex_id())
OTHER = JobId(new_hex_id())


@pytest.fixture
def in_process() -> InProcessChangeFeed:
    return InProcessChangeFeed()


@pytest.fixture
async def over_redis(redis_url: str) -> AsyncIterator[RedisChangeFeed]:
    async with open_redis_feed(
        redis_url, setting="URL", local=InProcessChangeFeed(), chores=REAL_CHORES
    ) as feed:
        await feed.is_connected.wait()
        yield feed


@pytest.fixture(params=["in_process", "over_redis"])
def feed(request: pytest.FixtureRequest) -> ChangeFeed:
    found: ChangeFeed = request.getfixturevalue(request.param)
    return found


async def test_silence_times_out(feed: ChangeFeed) -> None:
    async with feed.watch(JOB) as watch:
        assert not await watch.changed(timeout_s=QUIET_S)


async def test_change_wakes_a_waiting_watcher(feed: ChangeFeed) -> None:
    seen: list[bool] = []

    async def look() -> None:
        seen.append(await watch.changed(timeout_s=SOON_S))

    async with feed.watch(JOB) as watch, anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        await anyio.lowlevel.checkpoint()
        await feed.publish(JOB)
    assert seen == [True]


async def test_change_before_the_look_is_not_missed(feed: ChangeFeed) -> None:
    """What is published between two looks is reported by the next look."""
    async with feed.watch(JOB) as watch:
        await feed.publish(JOB)
        assert await watch.changed(timeout_s=SOON_S)
        await feed.publish(JOB)
        assert await watch.changed(timeout_s=SOON_S)


async def test_change_after_a_timeout_is_not_missed(feed: ChangeFeed) -> None:
    async with feed.watch(JOB) as watch:
        assert not await watch.changed(timeout_s=QUIET_S)
        await feed.publish(JOB)
        assert await watch.changed(timeout_s=SOON_S)


async def test_changes_before_the_watch_are_not_reported(feed: ChangeFeed) -> None:
    await feed.publish(JOB)
    async with feed.watch(JOB) as watch:
        assert not await watch.changed(timeout_s=QUIET_S)


async def test_other_jobs_do_not_wake(feed: ChangeFeed) -> None:
    async with feed.watch(JOB) as watch, feed.watch(OTHER) as other:
        await feed.publish(OTHER)
        assert await other.changed(timeout_s=SOON_S)
        assert not await watch.changed(timeout_s=QUIET_S)


async def test_every_watcher_wakes(feed: ChangeFeed) -> None:
    """Each of several watchers of one job hears of the change, once."""
    async with feed.watch(JOB) as one, feed.watch(JOB) as two:
        await feed.publish(JOB)
        assert await one.changed(timeout_s=SOON_S)
        assert await two.changed(timeout_s=SOON_S)
        assert not await one.changed(timeout_s=QUIET_S)


async def test_publishing_to_nobody_is_fine(feed: ChangeFeed) -> None:
    async with feed.watch(JOB):
        pass
    await feed.publish(JOB)


async def test_cancelled_look_keeps_the_watch_usable(feed: ChangeFeed) -> None:
    async with feed.watch(JOB) as watch:
        with anyio.move_on_after(0):
            await watch.changed(timeout_s=SOON_S)
        await feed.publish(JOB)
        assert await watch.changed(timeout_s=SOON_S)


async def test_in_process_changes_coalesce(in_process: InProcessChangeFeed) -> None:
    async with in_process.watch(JOB) as watch:
        for _ in range(1000):
            await in_process.publish(JOB)
        assert await watch.changed(timeout_s=0)
        assert not await watch.changed(timeout_s=0)


async def test_in_process_forgets_watchers_that_leave(in_process: InProcessChangeFeed) -> None:
    """Watchers that leave by an error or by cancellation are forgotten too."""

    async def fail() -> None:
        async with in_process.watch(JOB):
            assert in_process.watchers == 1
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert in_process.watchers == 0

    async def stay() -> None:
        async with in_process.watch(JOB):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(stay)
        await anyio.lowlevel.checkpoint()
        assert in_process.watchers == 10
        tasks.cancel_scope.cancel()
    assert in_process.watchers == 0


async def test_in_process_wakes_thousands(in_process: InProcessChangeFeed) -> None:
    """Two thousand watchers of one job all hear of one change."""
    woken = 0

    async def look() -> None:
        nonlocal woken
        async with in_process.watch(JOB) as watch:
            assert await watch.changed(timeout_s=SOON_S)
            woken += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(2000):
            tasks.start_soon(look)
        await anyio.lowlevel.checkpoint()
        await in_process.publish(JOB)
    assert woken == 2000
