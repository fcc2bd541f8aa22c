"""
Jobs kept in Redis, struck while they are under way.

One Redis for jobs and messages, as small installations have it, with an append-only file as
`image2model doctor` asks for. Without one a restart loses all jobs, as is said; what must hold even
then is that the product goes on, and that nothing lost is paid for a second time.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping

import anyio
import anyio.to_thread
import httpx2
import pytest

from tests.servers.redis import RedisServer
from tests.system.crash.shop import (
    ITEMS,
    PATIENCE_S,
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
)
from tests.system.scaled.shopping import Watcher, check_results, submit

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shop(
    new_redis: Callable[..., RedisServer],
    tmp_path_factory: pytest.TempPathFactory,
    lease_s: float,
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with (
        new_redis(keeps=True, appendfsync="everysec") as redis,
        open_shop(folder, redis=redis, database_url=redis.url(1), lease_s=lease_s) as shop,
    ):
        shop.installation.start()
        yield shop


STRIKES: list[Strike] = [
    kill_a_worker,
    kill_all_workers,
    kill_a_web_process,
    restart_redis,
    kill_redis,
    freeze_redis,
]


@pytest.mark.parametrize("strike", STRIKES, ids=lambda strike: strike.__name__)
async def test_struck_while_under_way(shop: Shop, strike: Strike, told: Told) -> None:
    await strike_a_job(shop, strike, told)


async def test_all_jobs_are_lost_with_the_data(shop: Shop) -> None:
    """Watchers are told that there is no such job; nobody pays for it again; the next one runs."""
    shop.installation.start()
    before = shop.accepted()
    try:
        with anyio.fail_after(PATIENCE_S):
            async with httpx2.AsyncClient(timeout=120.0, trust_env=False) as http:
                lost = await submit(http, shop.urls[0], ITEMS)
                watchers = [Watcher(http, url, lost) for url in shop.urls]
                async with anyio.create_task_group() as group:
                    for watcher in watchers:
                        group.start_soon(watcher.watch)
                    await watchers[0].until_ended(ITEMS // 4)
                    await anyio.to_thread.run_sync(lose_all_data, shop.redis)
                for url in shop.urls:
                    reply = await http.get(f"{url}/api/v1/jobs/{lost}")
                    assert (reply.status_code, reply.json()["code"]) == (404, "job_not_found")
                paid = accepted_since(shop, before)
                assert ITEMS // 4 <= len(paid) <= ITEMS
                job_id = await submit(http, shop.urls[1], ITEMS)
                await Watcher(http, shop.urls[1], job_id).watch()
                await check_results(http, shop.urls, job_id)
    except BaseException:
        print(shop.installation.logs())  # noqa: T201 - shown where the test fails
        raise
    assert all(program.runs for program in shop.installation.programs)
    # All of the new job, and of the lost one what was under way at the moment.
    after = accepted_since(shop, before)
    assert len(paid) + ITEMS <= len(after) <= 2 * ITEMS
    assert set(after.values()) == {1}


def lose_all_data(redis: RedisServer) -> None:
    redis.kill()
    shutil.rmtree(redis.folder / "appendonlydir")
    redis.start()


def accepted_since(shop: Shop, before: Mapping[str, int]) -> Mapping[str, int]:
    """Tell what fal has taken since *before*, and how often."""
    return {name: count for name, count in shop.accepted().items() if name not in before}
