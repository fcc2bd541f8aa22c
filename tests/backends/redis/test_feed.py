"""What the feed over Redis adds: other processes, and a Redis that comes and goes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import anyio
import anyio.to_thread
import pytest

from image2model.backends.inprocess.feed import InProcessChangeFeed
from image2model.backends.redis import feed as feed_module
from image2model.backends.redis.feed import RedisChangeFeed, open_redis_feed
from image2model.core.errors import InvalidSetting
from image2model.core.ids import JobId, new_hex_id
from tests.harness.rig import REAL_CHORES
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio

SOON_S = 120.0
QUIET_S = 0.1
JOB = JobId(new_hex_id())
OTHER = JobId(new_hex_id())


def open_feed(url: str) -> AbstractAsyncContextManager[RedisChangeFeed]:
    return open_redis_feed(url, setting="URL", local=InProcessChangeFeed(), chores=REAL_CHORES)


@pytest.fixture
async def feeds(redis_url: str) -> AsyncIterator[tuple[RedisChangeFeed, RedisChangeFeed]]:
    """The feeds of two processes."""
    async with open_feed(redis_url) as one, open_feed(redis_url) as two:
        await one.is_connected.wait()
        await two.is_connected.wait()
        yield one, two


async def test_other_processes_hear(feeds: tuple[RedisChangeFeed, RedisChangeFeed]) -> None:
    publisher, hearer = feeds
    async with hearer.watch(JOB) as watch, hearer.watch(OTHER) as other:
        for _ in range(2):
            await publisher.publish(JOB)
            assert await watch.changed(timeout_s=SOON_S)
            assert not await watch.changed(timeout_s=QUIET_S)
        assert not await other.changed(timeout_s=QUIET_S)


async def test_process_subscribes_once(
    feeds: tuple[RedisChangeFeed, RedisChangeFeed], redis_server: RedisServer
) -> None:
    """A thousand watches take no more connections than one."""
    with redis_server.client() as client:
        before = len(client.client_list())
        async with anyio.create_task_group() as tasks:

            async def stay() -> None:
                async with feeds[0].watch(JobId(new_hex_id())):
                    await anyio.sleep_forever()

            for _ in range(1000):
                tasks.start_soon(stay)
            await anyio.wait_all_tasks_blocked()
            # Fewer, where Redis had not yet seen an earlier test's connections end.
            assert len(client.client_list()) <= before
            assert client.pubsub_numsub(feed_module.CHANNEL) == [(feed_module.CHANNEL.encode(), 2)]
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_redis_that_comes_back_wakes_everybody(
    new_redis: Callable[..., RedisServer], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While it is away publishing works, here at once; what others missed comes afterwards."""
    with new_redis() as server:
        async with open_feed(server.url()) as one, open_feed(server.url()) as two:
            await one.is_connected.wait()
            await two.is_connected.wait()
            async with one.watch(JOB) as here, two.watch(JOB) as there:
                await anyio.to_thread.run_sync(getattr(server, end))
                await one.publish(JOB)
                assert await here.changed(timeout_s=0)
                await anyio.to_thread.run_sync(server.start)
                assert await there.changed(timeout_s=SOON_S)
                # Woken by the reconnection: nobody can know what was published meanwhile.
                assert await here.changed(timeout_s=SOON_S)
    told = [one.getMessage() for one in caplog.records if "other processes come" in one.message]
    assert "late" in told[0]
    assert "at once again" in told[-1]


async def test_feed_opens_before_redis_starts(new_redis: Callable[..., RedisServer]) -> None:
    server = new_redis()
    async with (
        open_feed(server.url()) as one,
        open_feed(server.url()) as two,
        two.watch(JOB) as watch,
    ):
        await one.publish(JOB)
        assert not await watch.changed(timeout_s=QUIET_S)
        with server:
            assert await watch.changed(timeout_s=SOON_S)


async def test_silent_redis_is_left(
    new_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection over which nothing comes any more is replaced, so changes arrive again."""
    monkeypatch.setattr(feed_module, "_ASK_EVERY_S", 0.02)
    monkeypatch.setattr(feed_module, "_SILENT_S", 0.2)
    with new_redis() as server:
        async with open_feed(server.url()) as one:
            await one.is_connected.wait()
            connected = one.is_connected
            server.freeze()
            async with one.watch(JOB) as watch:
                while one.is_connected is connected:
                    await watch.changed(timeout_s=0.01)
                server.thaw()
                await one.is_connected.wait()
                assert await watch.changed(timeout_s=SOON_S)


async def test_changes_coalesce_and_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long Redis is away, what waits to be told stays small."""
    monkeypatch.setattr(feed_module, "_MOST_WAITING", 10)
    async with open_feed(f"redis://127.0.0.1:{free_port()}") as feed:
        for number in range(1000):
            await feed.publish(JobId(f"{number:032x}"))
            await feed.publish(JOB)
        assert len(feed._changed) <= 10


async def test_url_must_be_one() -> None:
    with pytest.raises(InvalidSetting, match="QUEUE_URL"):
        async with open_redis_feed(
            "http://host", setting="QUEUE_URL", local=InProcessChangeFeed(), chores=REAL_CHORES
        ):
            pass


async def test_errors_of_the_block_are_raised_as_they_are(redis_url: str) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with open_feed(redis_url):
            raise LookupError("mine")
