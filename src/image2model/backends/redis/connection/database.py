"""Reading and writing in Redis: one state at a time, all or nothing, across its restarts."""

import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import anyio
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from image2model.backends.redis import keys
from image2model.backends.redis.connection.change import Change, Committed, Limit, seconds, usd_of
from image2model.backends.redis.connection.codec import read_stop
from image2model.backends.redis.connection.connect import connect, wrong_part
from image2model.backends.redis.scripts import read_script
from image2model.core.errors import BudgetExceeded, DatabaseUnavailable, SpendingStopped
from image2model.core.ids import ArtifactId, JobId, new_hex_id
from image2model.core.money import frees_at
from image2model.ports.clock import Clock

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

CONNECTIONS = 16
PATIENCE_S = 10.0
"""How long calls wait for a server that went away: longer than it takes to restart."""

_RECEIPT_S = 30
"""How long answers are kept for those who did not hear them; longer than anybody tries again."""

_LOCK_S = 5.0
"""After how long a lock is free whose holder has died; holders need a few milliseconds."""

_AT_ONCE = 1_000

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5
_LONGEST_WAIT_S = 0.02

_PASSING = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, TryAgainError)


class Conflict(Exception):
    """Somebody else wrote what was read; read it again."""


class RedisDatabase:
    """
    A Redis that jobs are kept in; belongs to one event loop.

    Calls survive a restart of the server: they are made once more, and a change whose answer was
    lost is not written twice. When the server stays away, calls fail at once until it is back.

    Args:
        client: Answers in texts, and tries nothing again by itself.
        clock: Where times come from; None: the server's own clock.
        patience_s: How long calls wait for a server that went away, in seconds.
    """

    def __init__(
        self, client: Redis, *, clock: Clock | None, patience_s: float = PATIENCE_S
    ) -> None:
        self._client = client
        self._clock = clock
        self._patience_s = patience_s
        self._shas: dict[str, str] = {}
        self._away_since_s: float | None = None

    # --- reading ----------------------------------------------------------------------------

    async def run(self, *command: str | float) -> Any:
        """
        Run one command that may be run twice.

        Raises:
            DatabaseUnavailable: The server does not answer, or refuses.
        """
        (answer,) = await self.run_all([command])
        return answer

    async def run_all(self, commands: Sequence[Sequence[str | float]]) -> list[Any]:
        """Run several commands that may be run twice, in one exchange."""
        if not commands:
            return []

        async def send() -> list[Any]:
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())

        return await self._persist(send)

    async def read(self, job: JobId, after_version: int, indexes: Sequence[int]) -> list[Any]:
        """Read one state of *job* as `read.lua` tells it."""
        names = [keys.job_key(job), keys.versions_key(job), keys.counts_key(job)]
        answer = await self._script("read", names, [str(after_version), *map(str, indexes)])
        return list(answer)

    async def now(self) -> datetime:
        """Tell the time."""
        time_s, micro = await self.run("TIME")
        return self.time_of(f"{time_s}.{int(micro):06d}")

    def time_of(self, said: str) -> datetime:
        """Tell the time, which the server *said* is so many seconds since 1970."""
        if self._clock is not None:
            return self._clock.now()
        return datetime.fromtimestamp(round(float(said), 6), UTC)

    # --- writing ----------------------------------------------------------------------------

    async def commit(self, change: Change) -> Committed:
        """
        Write *change*.

        Raises:
            Conflict: Something is not as it was read; nothing was written.
            BudgetExceeded: It would cost more than a limit; nothing was written.
            SpendingStopped: It would cost, and spending is stopped; nothing was written.
            DatabaseUnavailable: The server does not answer, or refuses.
        """
        job = change.job or JobId("")
        names = [
            keys.receipt_of(new_hex_id()),
            keys.job_key(job),
            keys.versions_key(job),
            keys.counts_key(job),
            keys.NAMED,
            keys.SOURCES,
            keys.SPENDING_STOP,
            keys.CHARGES,
            keys.DERIVED,
            keys.DERIVED_USED,
        ]
        arguments = [change.to_json(), keys.MADE_OF, str(_RECEIPT_S)]
        answer = json.loads(await self._script("commit", names, arguments))
        if "conflict" in answer:
            raise Conflict
        if "stopped" in answer:
            stop = read_stop(answer["stopped"])
            raise SpendingStopped(reason=stop.reason, everything=stop.everything)
        if "over" in answer:
            limit = next(limit for limit in change.limits if limit.cap.scope == answer["over"])
            raise BudgetExceeded(
                budget_usd=float(limit.cap.limit_usd),
                needed_usd=float(usd_of(answer["needed"])),
                scope=limit.cap.scope,
                frees_at=await self._frees_at(limit),
            )
        return Committed(
            version=answer["version"],
            job=answer["job"],
            counts=pairs(list(answer["counts"])),
            gone=[ArtifactId(artifact) for artifact in answer["gone"]],
        )

    async def _frees_at(self, limit: Limit) -> datetime | None:
        if limit.since is None:
            return None
        charges = await self.charges(limit.ledger, since=limit.since)
        return frees_at(charges, cap=limit.cap, wanted_usd=limit.wanted_usd)

    async def charges(self, ledger: str, *, since: datetime) -> list[tuple[datetime, Decimal]]:
        """Tell when each attempt in the list *ledger* was started after *since*, and its cost."""
        start = f"({seconds(since)}"
        found = await self.run("ZRANGE", ledger, start, "+inf", "BYSCORE", "WITHSCORES")
        submit_keys, started_s = found[::2], found[1::2]
        charges: list[str | None] = []
        for place in range(0, len(submit_keys), _AT_ONCE):
            some = submit_keys[place : place + _AT_ONCE]
            charges += await self.run("HMGET", keys.CHARGES, *some)
        return [
            (datetime.fromtimestamp(float(began_s), UTC), usd_of(int(charge)))
            for began_s, charge in zip(started_s, charges, strict=True)
            if charge is not None
        ]

    async def unopposed(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Do *attempt* until nobody else wrote meanwhile what it read."""
        wait_s = 0.001
        while True:
            try:
                return await attempt()
            except Conflict:
                # At random, so that those who met once do not meet again.
                await anyio.sleep(random.uniform(0, wait_s))  # noqa: S311
                wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[dict[str, str]]:
        """
        Lock *name* within the block.

        A lock may run out before its end, so changes made in the block carry it: yields the lock
        as `Change.locks` takes it.

        Raises:
            DatabaseUnavailable: Others have it all the time.
        """
        key, token = keys.lock_of(name), new_hex_id()
        deadline_s = time.monotonic() + max(self._patience_s, 2 * _LOCK_S)
        while not await self.run("SET", key, token, "NX", "PX", int(_LOCK_S * 1000)):
            if time.monotonic() > deadline_s:
                raise DatabaseUnavailable(reason=f"others are writing {name} all the time")
            await anyio.sleep(random.uniform(0, _LONGEST_WAIT_S))  # noqa: S311
        try:
            yield {key: token}
        finally:
            with anyio.CancelScope(shield=True):
                await self._script("release", [key], [token])

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        await self._client.aclose()

    # --- asking again -----------------------------------------------------------------------

    async def _script(self, name: str, names: Sequence[str], arguments: Sequence[str]) -> Any:
        async def send() -> Any:
            sha = self._shas.get(name)
            if sha is not None:
                try:
                    return await self._client.evalsha(sha, len(names), *names, *arguments)
                except NoScriptError:
                    pass  # The server was restarted.
            self._shas[name] = str(await self._client.script_load(read_script(name)))
            return await self._client.evalsha(self._shas[name], len(names), *names, *arguments)

        return await self._persist(send)

    async def _persist(self, send: Callable[[], Awaitable[_T]]) -> _T:
        """Call *send* until the server has answered, or has been away for too long."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                # Whoever asked must learn what was written.
                with anyio.CancelScope(shield=True):
                    answer = await send()
            except _PASSING as error:
                if isinstance(error, AuthenticationError) or not self._may_wait(error):
                    raise _unavailable(error) from error
            except RedisError as error:
                raise _unavailable(error) from error
            else:
                if self._away_since_s is not None:
                    _log.warning("the database answers again")
                    self._away_since_s = None
                return answer
            await anyio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    def _may_wait(self, error: RedisError) -> bool:
        now_s = time.monotonic()
        if self._away_since_s is None:
            _log.warning("the database does not answer: %s", error)
            self._away_since_s = now_s
        return now_s - self._away_since_s < self._patience_s


def open_redis(
    url: str, *, clock: Clock | None = None, patience_s: float = PATIENCE_S
) -> RedisDatabase:
    """
    Prepare a database in the Redis at *url*; it is reached when it is first used.

    Args:
        url: As `connect` takes it.
        clock: Where times come from; None: the server's own clock.
        patience_s: How long calls wait for a server that is away, in seconds.

    Raises:
        InvalidSetting: *url* is no URL of a Redis.
    """
    client = connect(url, setting="IMAGE2MODEL_DATABASE_URL", connections=CONNECTIONS, texts=True)
    return RedisDatabase(client, clock=clock, patience_s=patience_s)


def pairs(flat: Sequence[str]) -> dict[str, int]:
    """Read what `HGETALL` tells of a hash of numbers."""
    return {flat[place]: int(flat[place + 1]) for place in range(0, len(flat), 2)}


def _unavailable(error: RedisError) -> DatabaseUnavailable:
    reason = str(error).rstrip(".") or type(error).__name__
    return DatabaseUnavailable(reason=reason, wrong=wrong_part(error))
