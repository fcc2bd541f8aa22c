"""What is made of pictures and results, what all files take, and what failed lately."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, seconds
from image2model.backends.redis.connection.database import RedisDatabase
from image2model.backends.redis.jobs.snapshot import find
from image2model.core.ids import ANONYMOUS_OWNER, ArtifactId, JobId, OwnerId
from image2model.core.job import Problem
from image2model.ports.derived import Dropped, Owners, Whose
from image2model.ports.jobstore import Stored


async def add_derived(
    database: RedisDatabase,
    source: ArtifactId,
    artifact: ArtifactId,
    *,
    owner: OwnerId,
    size_bytes: int,
) -> bool:
    """Remember what is made of a picture or a result's file, if an item still has that."""
    named = await database.run("HGET", keys.NAMED, source)
    if named is None:
        return False
    change = _use_change()
    change.check(keys.NAMED, source, named)
    change.run("SADD", keys.made_of(source), artifact)
    change.run("HSET", keys.SOURCES, artifact, source)
    change.run("HSET", keys.DERIVED, artifact, json.dumps([owner, size_bytes]))
    change.run("ZADD", keys.DERIVED_USED, seconds(await database.now()), artifact)
    await database.commit(change)
    return True


async def use_derived(database: RedisDatabase, artifact: ArtifactId) -> None:
    """Write down that a file is used now."""

    async def attempt() -> None:
        change = _use_change()
        change.run("ZADD", keys.DERIVED_USED, "XX", seconds(await database.now()), artifact)
        await database.commit(change)

    await database.unopposed(attempt)


def _use_change() -> Change:
    """Begin a change that marks a file as used: not while others choose which to drop."""
    return Change(locks={keys.lock_of(keys.DERIVED_USED): ""})


async def drop_derived(
    database: RedisDatabase, whose: Whose, *, keep_bytes: int, idle_s: float
) -> Dropped:
    """Forget the files used longest ago until the others take no more than they may."""

    async def attempt() -> Dropped:
        async with database.locked(keys.DERIVED_USED) as lock:
            return await _drop(database, whose, lock, keep_bytes=keep_bytes, idle_s=idle_s)

    return await database.unopposed(attempt)


async def _drop(
    database: RedisDatabase,
    whose: Whose,
    lock: dict[str, str],
    *,
    keep_bytes: int,
    idle_s: float,
) -> Dropped:
    sizes = await _derived_sizes(database, whose)
    left_bytes = sum(sizes.values())
    dropped: list[ArtifactId] = []
    if left_bytes > keep_bytes:
        until = seconds(await database.now() - timedelta(seconds=idle_s))
        for one in await database.run("ZRANGE", keys.DERIVED_USED, "-inf", until, "BYSCORE"):
            if left_bytes <= keep_bytes:
                break
            if one in sizes:
                left_bytes -= sizes[one]
                dropped.append(ArtifactId(one))
        await _forget(database, dropped, lock)
    return Dropped(artifacts=dropped, left_bytes=left_bytes)


async def _forget(
    database: RedisDatabase, artifacts: Sequence[ArtifactId], lock: dict[str, str]
) -> None:
    if not artifacts:
        return
    sources = await database.run("HMGET", keys.SOURCES, *artifacts)
    change = Change(locks=lock)
    for artifact, source in zip(artifacts, sources, strict=True):
        if source is not None:
            change.run("SREM", keys.made_of(ArtifactId(source)), artifact)
        change.run("HDEL", keys.SOURCES, artifact)
        change.run("HDEL", keys.DERIVED, artifact)
        change.run("ZREM", keys.DERIVED_USED, artifact)
    await database.commit(change)


async def stored(database: RedisDatabase, whose: Whose) -> Stored:
    """Add up what files take."""
    files: dict[ArtifactId, int] = {}
    async for owner in _owners(database, whose):
        for job in await database.run("ZRANGE", keys.jobs_of(owner), 0, -1):
            if (found := await find(database, JobId(job))) is not None:
                for record in found.items.values():
                    files.update(record.stored_files())
    derived = await _derived_sizes(database, whose)
    return Stored(kept_bytes=sum(files.values()), derived_bytes=sum(derived.values()))


async def _derived_sizes(database: RedisDatabase, whose: Whose) -> dict[str, int]:
    read = await _read_derived(database)
    return {one: size_bytes for one, (owner, size_bytes) in read.items() if _is_of(owner, whose)}


async def derived_bytes_of(database: RedisDatabase) -> dict[OwnerId, int]:
    """Add up what is made of the files of each owner."""
    sizes: dict[OwnerId, int] = {}
    for owner, size_bytes in (await _read_derived(database)).values():
        sizes[OwnerId(owner)] = sizes.get(OwnerId(owner), 0) + size_bytes
    return sizes


async def _read_derived(database: RedisDatabase) -> dict[str, tuple[str, int]]:
    found: Mapping[str, str] = await database.run("HGETALL", keys.DERIVED)
    return {artifact: json.loads(text) for artifact, text in found.items()}


async def _owners(database: RedisDatabase, whose: Whose) -> AsyncIterator[OwnerId]:
    if not isinstance(whose, Owners):
        yield whose
        return
    for owner in await database.run("SMEMBERS", keys.OWNERS):
        if _is_of(owner, whose):
            yield OwnerId(owner)


def _is_of(owner: str, whose: Whose) -> bool:
    if whose is Owners.ANONYMOUS:
        return owner.startswith(ANONYMOUS_OWNER)
    return whose is Owners.ALL or owner == whose


async def add_failure(
    database: RedisDatabase, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
) -> None:
    """Remember what failed, and forget what is over or too much."""

    async def attempt() -> None:
        # Locked, for others who add the same count it too, and all share the room there is.
        async with database.locked(keys.FAILURES) as lock:
            change = await _failure_change(database, name, problem, lives_s=lives_s, most=most)
            change.locks = lock
            await database.commit(change)

    await database.unopposed(attempt)


async def _failure_change(
    database: RedisDatabase, name: str, problem: Problem, *, lives_s: Sequence[float], most: int
) -> Change:
    now = await database.now()
    long_over = seconds(now - timedelta(seconds=lives_s[-1]))
    over = await database.run("ZRANGE", keys.FAILURES_UNTIL, "-inf", long_over, "BYSCORE")
    known = None if name in over else await database.run("HGET", keys.FAILURES, name)
    tries = 0 if known is None else int(json.loads(known)["tries"])
    until = now + timedelta(seconds=lives_s[min(tries, len(lives_s) - 1)])
    said = {
        "code": problem.code,
        "message": problem.message,
        "details": dict(problem.details),
        "tries": tries + 1,
    }
    rest = [one for one in await database.run("ZRANGE", keys.FAILURES_UNTIL, 0, -1) if one != name]
    left = [one for one in rest if one not in set(over)]
    change = Change()
    for one in [*over, *left[: max(0, len(left) + 1 - most)]]:
        change.run("HDEL", keys.FAILURES, one)
        change.run("ZREM", keys.FAILURES_UNTIL, one)
    change.run("HSET", keys.FAILURES, name, json.dumps(said))
    change.run("ZADD", keys.FAILURES_UNTIL, seconds(until), name)
    return change


async def find_failure(database: RedisDatabase, name: str) -> Problem | None:
    """Tell why something failed lately; None: it did not, or may be tried again."""
    text, until = await database.run_all(
        [("HGET", keys.FAILURES, name), ("ZSCORE", keys.FAILURES_UNTIL, name)]
    )
    if text is None or until is None or float(until) <= (await database.now()).timestamp():
        return None
    said = json.loads(text)
    return Problem(code=said["code"], message=said["message"], details=said["details"])
