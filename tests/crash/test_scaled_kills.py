"""
Whatever is killed, stopped or cut off in scaled mode: every item ends, and is paid for once.

Two web processes, three workers, Redis as the broker, PostgreSQL, and fal's simulator, all real
processes. Each test takes a job of fifty items that is watched through both web processes, strikes
while it is under way, at a moment drawn by chance, and looks closely when it is over.
"""

import random
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
import pytest

from tests.scaled.installation import Installation, Program, Simulator
from tests.scaled.shopping import Watcher, check_results, submit
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio

ITEMS = 50
PATIENCE_S = 400.0
LEASE_S = 2
PAUSE_S = 8.0
"""Longer than a broker may take for an answer, so that its clients give up their connections."""

FAKETIME = Path(__file__).parents[2] / ".tools" / "faketime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Everything that can be struck."""

    installation: Installation
    simulator: Simulator
    redis: RedisServer
    postgres: PostgresServer
    workers: list[Program]
    webs: list[Program]
    urls: list[str]


@pytest.fixture(scope="module")
def shop(
    new_redis: Callable[..., RedisServer],
    new_postgres: Callable[..., PostgresServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with (
        new_redis(keeps=True) as redis,
        new_postgres() as postgres,
        Simulator(folder, "--median-s", "1.5", "--sigma", "0.5", "--mesh-bytes", "20000") as fal,
    ):
        settings = {
            **fal.environment,
            "IMAGE2MODEL_DATABASE_URL": postgres.make_database(),
            "IMAGE2MODEL_QUEUE_URL": redis.url(),
            "IMAGE2MODEL_LIMITS__ITEMS_PER_JOB": str(ITEMS),
            "IMAGE2MODEL_COMPUTE__WORKERS": "1",
            "IMAGE2MODEL_FAL__CONCURRENCY": "20",
            "IMAGE2MODEL_LEASE_S": str(LEASE_S),
            # What was not accepted is known not to have been once it must have ended.
            "IMAGE2MODEL_FAL__START_LIMIT_S": "5",
            "IMAGE2MODEL_FAL__LIMIT_S": "12",
        }
        with Installation(folder, settings) as installation:
            workers = [installation.add_worker("--queue", "network") for _ in range(2)]
            webs, urls = zip(*(installation.add_web() for _ in range(2)), strict=True)
            installation.start()
            yield Shop(
                installation=installation,
                simulator=fal,
                redis=redis,
                postgres=postgres,
                workers=workers,
                webs=list(webs),
                urls=list(urls),
            )


Strike = Callable[[Shop], None]


def kill_a_worker(shop: Shop) -> None:
    random.choice(shop.workers).kill()


def kill_all_workers(shop: Shop) -> None:
    for worker in shop.workers:
        worker.kill()


def kill_a_web_process(shop: Shop) -> None:
    random.choice(shop.webs).kill()


def restart_one_after_the_other(shop: Shop) -> None:
    for program in (*shop.workers, *shop.webs):
        program.tell(signal.SIGTERM)
        assert program.until_ended() == 0
        program.start()
        program.until_ready()


def restart_redis(shop: Shop) -> None:
    shop.redis.stop()
    shop.redis.start()


def kill_redis(shop: Shop) -> None:
    shop.redis.kill()
    shop.redis.start()


def kill_redis_and_lose_its_data(shop: Shop) -> None:
    shop.redis.kill()
    shutil.rmtree(shop.redis.folder / "appendonlydir")
    shop.redis.start()


def freeze_redis(shop: Shop) -> None:
    shop.redis.freeze()
    time.sleep(PAUSE_S)
    shop.redis.thaw()


def restart_postgres(shop: Shop) -> None:
    shop.postgres.stop()
    shop.postgres.start()


def kill_postgres(shop: Shop) -> None:
    shop.postgres.kill()
    shop.postgres.start()


def delete_messages(shop: Shop) -> None:
    with shop.redis.client() as client:
        client.flushall()


STRIKES: list[Strike] = [
    kill_a_worker,
    kill_all_workers,
    kill_a_web_process,
    restart_one_after_the_other,
    restart_redis,
    kill_redis,
    kill_redis_and_lose_its_data,
    freeze_redis,
    restart_postgres,
    kill_postgres,
    delete_messages,
]


@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.__name__)
async def test_struck_while_under_way(shop: Shop, strike: Strike) -> None:
    async with watched_job(shop) as watcher:
        await watcher.until_ended(random.randrange(0, ITEMS * 2 // 3))
        await anyio.to_thread.run_sync(strike, shop)
        await anyio.to_thread.run_sync(shop.installation.start)


async def test_clock_of_a_worker_is_off(shop: Shop) -> None:
    """Leases go by the database's clock: a worker that lives minutes ahead takes nothing over."""
    if not FAKETIME.exists():
        pytest.skip("faketime is not installed; run: make set-up")
    ahead = {"LD_PRELOAD": str(FAKETIME.resolve()), "FAKETIME": "+7m", "DONT_FAKE_MONOTONIC": "1"}
    show = [sys.executable, "-c", "import time; print(time.time())"]
    shown = await anyio.run_process(show, env=ahead)
    assert float(shown.stdout) > time.time() + 400
    with shop.workers[0].changed(**ahead):
        async with watched_job(shop) as watcher:
            await watcher.until_ended(ITEMS // 4)
            shop.workers[1].kill()


@asynccontextmanager
async def watched_job(shop: Shop) -> AsyncIterator[Watcher]:
    """Submit a job and watch it; when the block is left, wait for its end and look closely."""
    shop.installation.start()
    before = len(shop.simulator.told("ledger")["accepted_per_picture"])
    with anyio.fail_after(PATIENCE_S):
        async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
            job_id = await submit(http, shop.urls[0], ITEMS)
            watchers = [Watcher(http, url, job_id) for url in shop.urls]
            try:
                async with anyio.create_task_group() as group:
                    for watcher in watchers:
                        group.start_soon(watcher.watch)
                    yield watchers[0]
                    healed_s = anyio.current_time()
                took_s = anyio.current_time() - healed_s
            except BaseException:
                print(shop.installation.logs())  # noqa: T201 - shown where the test fails
                raise
            print(f"over {took_s:.1f} s after the repair")  # noqa: T201
            for watcher in watchers:
                assert watcher.states == dict.fromkeys(range(ITEMS), "succeeded")
            await check_results(http, shop.urls, job_id)
    accepted = shop.simulator.told("ledger")["accepted_per_picture"]
    assert len(accepted) - before == ITEMS
    assert set(accepted.values()) == {1}
