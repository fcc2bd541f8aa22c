"""Waking watchers of jobs in every process that is connected to the same Redis."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from image2model.backends.redis.connection.connect import connect, wrong_part
from image2model.core.ids import JobId, new_hex_id
from image2model.jobs.background.tasks import Chores
from image2model.ports.feed import ChangeFeed, Watch

_log = logging.getLogger(__name__)

CHANNEL = "image2model:changes"
"""One for all jobs: a process subscribes once, however many jobs are watched in it."""

_MOST_WAITING = 10_000
"""How many changed jobs wait to be told while Redis is away; of more, watchers hear by time."""

_ASK_EVERY_S = 5.0
_SILENT_S = 12.0
"""After how long without a word, though it was asked, a connection is taken for dead."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class RedisChangeFeed:
    """
    A `ChangeFeed` over Redis; `open_redis_feed` makes one.

    Watchers of this process are woken directly, also while Redis is away. Those of other processes
    hear through one channel, to which this process subscribes once. After an interruption all
    watchers are woken, for nobody knows what they have missed.
    """

    def __init__(self, client: Redis, *, local: ChangeFeed, setting: str) -> None:
        self._client = client
        self._setting = setting
        self._local = local
        self._sender = new_hex_id()
        self._watched: Counter[JobId] = Counter()
        # A dictionary and not a set, so that changes are told in the order in which they came.
        self._changed: dict[JobId, None] = {}
        self._has_changed = anyio.Event()
        self.is_connected = anyio.Event()
        self._is_late = False

    async def publish(self, job: JobId) -> None:
        """Wake the watchers of *job*, in every process; never fails and never waits for them."""
        await self._local.publish(job)
        if len(self._changed) < _MOST_WAITING:
            self._changed[job] = None
            self._has_changed.set()

    @asynccontextmanager
    async def watch(self, job: JobId) -> AsyncIterator[Watch]:
        """Watch *job* until the block is left; changes from its start on are not missed."""
        self._watched[job] += 1
        try:
            async with self._local.watch(job) as watch:
                yield watch
        finally:
            self._watched[job] -= 1
            if not self._watched[job]:
                del self._watched[job]

    async def tell_others(self) -> None:
        """Publish what has changed, for ever; a job that changed many times meanwhile once."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._has_changed.wait()
            self._has_changed = anyio.Event()
            changed, self._changed = self._changed, {}
            try:
                async with self._client.pipeline(transaction=False) as pipeline:
                    for job in changed:
                        pipeline.publish(CHANNEL, f"{self._sender} {job}")
                    await pipeline.execute()
            except RedisError as error:
                if pause_s == _FIRST_PAUSE_S:
                    _log.warning("changes wait to be told to other processes: %s", error)
                self._changed = changed | self._changed
                self._has_changed.set()
                await anyio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            else:
                pause_s = _FIRST_PAUSE_S

    async def hear_others(self) -> None:
        """Wake watchers of what other processes publish, for ever."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    await self._hear(subscription)
            except (RedisError, OSError) as error:
                if self.is_connected.is_set():
                    self.is_connected = anyio.Event()
                    pause_s = _FIRST_PAUSE_S
                if not self._is_late:
                    _log.warning(
                        "changes made by other processes come late: %s; check the %s in %s",
                        str(error).rstrip("."),
                        wrong_part(error) or "Redis",
                        self._setting,
                    )
                    self._is_late = True
            await anyio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    async def _hear(self, subscription: PubSub) -> None:
        heard_at_s = anyio.current_time()
        while anyio.current_time() - heard_at_s < _SILENT_S:
            message = await subscription.get_message(timeout=_ASK_EVERY_S)
            if message is None:
                await subscription.ping()
                continue
            heard_at_s = anyio.current_time()
            if message["type"] == "subscribe":
                self.is_connected.set()
                if self._is_late:
                    _log.warning("changes made by other processes come at once again")
                    self._is_late = False
                for job in list(self._watched):
                    await self._local.publish(job)
            elif message["type"] == "message":
                sender, _, job = message["data"].decode().partition(" ")
                if sender != self._sender:
                    await self._local.publish(JobId(job))
        raise TimeoutError("Redis is silent")


@asynccontextmanager
async def open_redis_feed(
    url: str, *, setting: str, local: ChangeFeed, chores: Chores
) -> AsyncIterator[RedisChangeFeed]:
    """
    Open a feed over the Redis at *url*; needs no Redis to be there yet.

    Args:
        url: As `connect` takes it.
        setting: The variable that it comes from.
        local: Wakes the watchers of this process.
        chores: Keeps telling and hearing going.

    Raises:
        InvalidSetting: *url* is no URL of a Redis.
    """
    client = connect(url, setting=setting, connections=2)
    feed = RedisChangeFeed(client, local=local, setting=setting)
    failure: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(chores.keep, "telling others of changes", feed.tell_others)
            tasks.start_soon(chores.keep, "hearing of others' changes", feed.hear_others)
            try:
                yield feed
            except Exception as error:  # noqa: BLE001  raised again where no group wraps it
                failure = error
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()
    if failure is not None:
        raise failure
