"""An installation that is struck while a job is under way, and what must hold afterwards."""

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2

from tests.servers.redis import RedisServer
from tests.system.scaled.installation import Installation, Program, Simulator
from tests.system.scaled.shopping import Watcher, check_results, submit

ITEMS = 50
PATIENCE_S = 400.0
PAUSE_S = 8.0
"""Longer than a broker may take for an answer, so that its clients give up their connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Everything that can be struck, except the database."""

    installation: Installation
    simulator: Simulator
    redis: RedisServer
    workers: list[Program]
    webs: list[Program]
    urls: list[str]

    def accepted(self) -> Mapping[str, int]:
        """Tell how often fal has taken each picture."""
        found: Mapping[str, int] = self.simulator.told("ledger")["accepted_per_picture"]
        return found


Strike = Callable[[Shop], None]
Told = Callable[[str, object], None]
"""Takes what was measured, by its name."""


@contextmanager
def open_shop(
    folder: Path, *, redis: RedisServer, database_url: str, lease_s: float
) -> Iterator[Shop]:
    """Run two web processes and two workers, which pay fal's simulator; not started yet."""
    with Simulator(folder, "--median-s", "1.5", "--sigma", "0.5", "--mesh-bytes", "20000") as fal:
        settings = {
            **fal.environment,
            "IMAGE2MODEL_DATABASE_URL": database_url,
            "IMAGE2MODEL_QUEUE_URL": redis.url(),
            "IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": str(ITEMS),
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": "20",
            "IMAGE2MODEL_LEASE_S": str(lease_s),
            # What was not accepted is known not to have been once it must have ended.
            "IMAGE2MODEL_FAL__START_LIMIT_S": "5",
            "IMAGE2MODEL_FAL__LIMIT_S": "12",
        }
        with Installation(folder, settings) as installation:
            workers = [installation.add_worker("--queue", "network") for _ in range(2)]
            webs, urls = zip(*(installation.add_web() for _ in range(2)), strict=True)
            yield Shop(
                installation=installation,
                simulator=fal,
                redis=redis,
                workers=workers,
                webs=list(webs),
                urls=list(urls),
            )


def kill_a_worker(shop: Shop) -> None:
    random.choice(shop.workers).kill()


def kill_all_workers(shop: Shop) -> None:
    for worker in shop.workers:
        worker.kill()


def kill_a_web_process(shop: Shop) -> None:
    random.choice(shop.webs).kill()


def restart_redis(shop: Shop) -> None:
    shop.redis.stop()
    shop.redis.start()


def kill_redis(shop: Shop) -> None:
    shop.redis.kill()
    shop.redis.start()


def freeze_redis(shop: Shop) -> None:
    shop.redis.freeze()
    time.sleep(PAUSE_S)
    shop.redis.thaw()


async def strike_a_job(shop: Shop, strike: Strike, told: Told) -> None:
    """Strike at a moment drawn by chance, mend what was struck, and see that nothing was lost."""
    async with watched_job(shop, told) as watcher:
        await watcher.until_ended(random.randrange(0, ITEMS * 2 // 3))
        await anyio.to_thread.run_sync(strike, shop)
        await anyio.to_thread.run_sync(shop.installation.start)


@asynccontextmanager
async def watched_job(shop: Shop, told: Told | None = None) -> AsyncIterator[Watcher]:
    """
    Submit a job and watch it; when the block is left, wait for its end and look closely.

    Args:
        shop: Where.
        told: Is told how long after the block it went on, and was done; None: nobody is.
    """
    shop.installation.start()
    before = len(shop.accepted())
    with anyio.fail_after(PATIENCE_S):
        async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
            job_id = await submit(http, shop.urls[0], ITEMS)
            watchers = [Watcher(http, url, job_id) for url in shop.urls]
            try:
                async with anyio.create_task_group() as group:
                    for watcher in watchers:
                        group.start_soon(watcher.watch)
                    yield watchers[0]
                    if told is not None:
                        mended_s = anyio.current_time()
                        told("resumed_s", await watchers[0].until_resumed() - mended_s)
                if told is not None:
                    told("finished_s", anyio.current_time() - mended_s)
            except BaseException:
                print(shop.installation.logs())  # noqa: T201 - shown where the test fails
                raise
            # First, for it tells why an item failed.
            await check_results(http, shop.urls, job_id)
            for watcher in watchers:
                assert watcher.states == dict.fromkeys(range(ITEMS), "succeeded")
    accepted = shop.accepted()
    assert len(accepted) - before == ITEMS
    assert set(accepted.values()) == {1}
