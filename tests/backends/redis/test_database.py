"""What the database in Redis does besides the ports: surviving restarts, locks, one clock."""

from collections.abc import AsyncIterator, Callable

import anyio
import anyio.to_thread
import pytest

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change
from image2model.backends.redis.connection.database import Conflict, RedisDatabase, open_redis
from image2model.backends.redis.connection.durability import find_weaknesses
from image2model.backends.redis.jobs.store import RedisJobStore
from image2model.core.errors import DatabaseUnavailable, InvalidSetting
from tests.contracts.job_stores import (
    doubt,
    make_draft,
    make_job,
    refs,
    succeed,
)
from tests.contracts.wrong_clock import check_wrong_clock
from tests.servers.cutting_proxy import CuttingProxy
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio

SHORT_S = 0.3
"""How long calls wait for a server in tests in which it does not come back."""


@pytest.fixture
async def database(redis_url: str) -> AsyncIterator[RedisDatabase]:
    database = open_redis(redis_url)
    yield database
    await database.aclose()


def counting() -> Change:
    """Make a change that shows how often it was written."""
    change = Change()
    change.run("HINCRBY", keys.CHECKS, "count", 1)
    return change


async def count(database: RedisDatabase) -> int:
    return int(await database.run("HGET", keys.CHECKS, "count") or 0)


@pytest.mark.parametrize("url", ["", "http://host", "redis://host:port/0"])
async def test_url_must_be_one(url: str) -> None:
    with pytest.raises(InvalidSetting, match="IMAGE2MODEL_DATABASE_URL"):
        open_redis(url)


async def test_nobody_there_is_told_after_some_patience() -> None:
    database = open_redis(f"redis://127.0.0.1:{free_port()}", patience_s=SHORT_S)
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):
        await database.commit(counting())


async def test_wrong_password_is_told(new_redis: Callable[..., RedisServer]) -> None:
    with new_redis(password="open-sesame") as server:
        database = open_redis(f"redis://:wrong@127.0.0.1:{server.port}", patience_s=SHORT_S)
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.commit(counting())
        assert "wrong@" not in caught.value.message
        await database.aclose()
        database = open_redis(server.url())
        await database.commit(counting())
        await database.aclose()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_restart_loses_and_doubles_nothing(
    new_redis: Callable[..., RedisServer], end: str
) -> None:
    """Changes under way when the server goes, and those made while it is away, are made once."""
    with new_redis(keeps=True) as server:
        database = open_redis(server.url())
        written = 0
        marks = {50: anyio.Event(), 250: anyio.Event()}

        async def write() -> None:
            nonlocal written
            for _ in range(50):
                await database.commit(counting())
                written += 1
                if (mark := marks.get(written)) is not None:
                    mark.set()

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(write)
            for mark in marks.values():
                await mark.wait()
                await anyio.to_thread.run_sync(getattr(server, end))
                await anyio.to_thread.run_sync(server.start)
        assert written == await count(database) == 400
        await database.aclose()


async def test_lost_answer_is_not_taken_for_a_failure(
    redis_server: RedisServer, redis_url: str
) -> None:
    """A change whose answer is lost is sent once more, and written once."""
    with CuttingProxy(redis_server.port) as proxy:
        database = open_redis(redis_url.replace(str(redis_server.port), str(proxy.port)))
        await database.commit(counting())
        proxy.cut_after = b"EVALSHA"
        await database.commit(counting())
        assert proxy.cuts == 1
        assert await count(database) == 2
        await database.aclose()


async def test_server_that_stays_away_fails_calls_at_once(
    new_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first calls are patient; later ones do not add up their patience."""
    with new_redis(keeps=True) as server:
        database = open_redis(server.url(), patience_s=SHORT_S)
        server.stop()
        with pytest.raises(DatabaseUnavailable):
            await database.commit(counting())
        pauses = 0

        async def sleep(_delay_s: float) -> None:
            nonlocal pauses
            pauses += 1

        with monkeypatch.context() as patch:
            patch.setattr(anyio, "sleep", sleep)
            for _ in range(5):
                with pytest.raises(DatabaseUnavailable):
                    await database.run("GET", "key")
        assert pauses == 0
        server.start()
        await database.commit(counting())
        assert await count(database) == 1
        await database.aclose()


async def test_full_memory_is_told(new_redis: Callable[..., RedisServer]) -> None:
    with new_redis(maxmemory="1") as server:
        database = open_redis(server.url())
        with pytest.raises(DatabaseUnavailable, match="memory"):
            await database.commit(counting())
        await database.aclose()


# --- who writes -------------------------------------------------------------------------------


async def test_change_of_what_was_read_is_refused(database: RedisDatabase) -> None:
    """Nothing of a change is written where one field is not as it was read."""
    await database.commit(counting())
    for expected in (None, "2"):
        change = counting()
        change.check(keys.CHECKS, "count", expected)
        with pytest.raises(Conflict):
            await database.commit(change)
    change = counting()
    change.check(keys.CHECKS, "count", "1")
    change.check(keys.CHECKS, "other", None)
    await database.commit(change)
    assert await count(database) == 2


async def test_lock_that_ran_out_lets_nothing_through(database: RedisDatabase) -> None:
    """Who was silent for too long cannot write over what the next holder does."""
    async with database.locked("job") as old:
        await database.run("DEL", *old)
        async with database.locked("job") as new:
            with pytest.raises(Conflict):
                await database.commit(_with(old))
            await database.commit(_with(new))
            with pytest.raises(Conflict):
                await database.commit(_with(dict.fromkeys(new, "")))
    await database.commit(_with(dict.fromkeys(old, "")))
    assert await count(database) == 2


def _with(lock: dict[str, str]) -> Change:
    change = counting()
    change.locks = lock
    return change


async def test_wrong_clock_of_a_worker_is_harmless(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_wrong_clock(redis_url, monkeypatch)


# --- what stays -------------------------------------------------------------------------------


async def test_deleted_job_is_named_nowhere_but_in_the_ledger(
    database: RedisDatabase, redis_server: RedisServer
) -> None:
    """Of all jobs deleted nothing stays but what they may have cost."""
    store = RedisJobStore(database)
    running = await store.add_job(make_job(count=3, idempotency_key="again"))
    await succeed(store, refs(running)[0])
    await doubt(store, refs(running)[1])
    done = await store.add_job(make_job(count=1, life_s=60.0))
    await store.cancel_items(done.id)
    draft = await store.add_job(make_draft(count=2))
    await store.remove_item(refs(draft)[0])
    for job in (running, done, draft):
        await store.delete_job(job.id)
    with redis_server.client() as client:
        found = {key.decode() for key in client.scan_iter()}
    kept = {keys.ATTEMPTS, keys.CHARGES, keys.REQUESTS, keys.LEDGER, keys.ledger_of(done.owner)}
    assert {key for key in found if not key.startswith(keys.receipt_of(""))} == kept


async def test_weaknesses_of_a_server_are_found(new_redis: Callable[..., RedisServer]) -> None:
    with new_redis(keeps=True) as good, new_redis(maxmemory_policy="allkeys-lru") as bad:
        for server, expected in ((good, []), (bad, ["append-only", "allkeys-lru"])):
            database = open_redis(server.url())
            found = await find_weaknesses(database)
            assert len(found) == len(expected)
            assert all(word in text for word, text in zip(expected, found, strict=True))
            await database.aclose()
