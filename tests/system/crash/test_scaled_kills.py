"""
Whatever is killed, stopped or cut off in scaled mode: every item ends, and is paid for once.

Two web processes, two workers, Redis as the broker, PostgreSQL, and fal's simulator, all real
processes. Each test takes a job of fifty items that is watched through both web processes, strikes
while it is under way, at a moment drawn by chance, and looks closely when it is over.
"""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.system.crash.shop import (
    ITEMS,
    Shop,
    Strike,
    Told,
    freeze_redis,
    kill_a_web_process,
    kill_a_worker,
    kill_all_workers,
    kill_redis,
    open_shop,
    restart_redis,
    strike_a_job,
    watched_job,
)

pytestmark = pytest.mark.anyio

FAKETIME = Path(__file__).parents[3] / ".tools" / "faketime"


@pytest.fixture(scope="module")
def postgres(new_postgres: Callable[..., PostgresServer]) -> Iterator[PostgresServer]:
    """The database that is struck."""
    with new_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def shop(
    new_redis: Callable[..., RedisServer],
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
    lease_s: float,
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    url = postgres.make_database()
    with (
        new_redis(keeps=True) as redis,
        open_shop(folder, redis=redis, database_url=url, lease_s=lease_s) as shop,
    ):
        shop.installation.start()
        yield shop


def restart_one_after_the_other(shop: Shop) -> None:
    for program in (*shop.workers, *shop.webs):
        program.tell(signal.SIGTERM)
        assert program.until_ended() == 0
        program.start()
        program.until_ready()


def kill_redis_and_lose_its_data(shop: Shop) -> None:
    shop.redis.kill()
    shutil.rmtree(shop.redis.folder / "appendonlydir")
    shop.redis.start()


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
    delete_messages,
]


@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.__name__)
async def test_struck_while_under_way(shop: Shop, strike: Strike, told: Told) -> None:
    await strike_a_job(shop, strike, told)


@pytest.mark.parametrize("by", ["stop", "kill"])
async def test_database_is_restarted(
    shop: Shop, postgres: PostgresServer, by: str, told: Told
) -> None:
    def restart(_shop: Shop) -> None:
        getattr(postgres, by)()
        postgres.start()

    await strike_a_job(shop, restart, told)


async def test_clock_of_a_worker_is_off(shop: Shop) -> None:
    """
    Leases go by the database's clock: a worker that lives minutes ahead takes nothing over.

    The other one is killed and stays away, so there is no repair to measure from.
    """
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
