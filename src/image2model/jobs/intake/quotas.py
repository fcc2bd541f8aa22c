"""How much an owner may have here: told before anything is taken in, and while it comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from image2model.core.errors import QuotaExceeded
from image2model.core.ids import LOCAL_OWNER, OwnerId, is_anonymous
from image2model.jobs.context import Context
from image2model.jobs.limits.intake_pools import Pool
from image2model.jobs.storage.derived_files import drop_derived
from image2model.ports.derived import Owners, Whose

_MEASURED_S = 10.0
"""How long a pool's size is believed while more comes in."""

_MEASURED_JUST_NOW_S = 1.0
"""Younger sizes are not measured again before somebody is refused."""


@dataclass(slots=True)
class Room:
    """
    Room for what one request brings.

    Attributes:
        context: The ports.
        owner: Whose room it is.
        idempotency_key: Of the request; one that came before brings nothing new.
        pools: What it must fit in, with the most that may be there, by the name of the limit.
        came_bytes: What has come of it.
    """

    context: Context
    owner: OwnerId
    idempotency_key: str | None
    pools: dict[str, tuple[Pool, int]]
    came_bytes: int = 0

    async def expect(self, size_bytes: int) -> None:
        """
        Check that so much more would fit; nothing is reserved, for it need never come.

        Raises:
            QuotaExceeded: It would not.
        """
        for name, (pool, limit_bytes) in self.pools.items():
            await self._insist(name, pool, limit_bytes, size_bytes)

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """
        Yield *chunks* as they come, as long as there is room.

        Raises:
            QuotaExceeded: There is none.
        """
        async for chunk in chunks:
            self.came_bytes += len(chunk)
            for pool, _ in self.pools.values():
                pool.coming_bytes += len(chunk)
            await self.expect(0)
            yield chunk

    async def _insist(self, name: str, pool: Pool, limit_bytes: int, more_bytes: int) -> None:
        fits_bytes = limit_bytes - more_bytes
        await self._measure(pool, unless_within_s=_MEASURED_S)
        if pool.all_bytes > fits_bytes:
            await self._measure(pool, unless_within_s=_MEASURED_JUST_NOW_S)
        if pool.all_bytes > fits_bytes and pool.derived_bytes:
            await self._drop_derived(pool, fits_bytes - pool.kept_bytes, at_once=more_bytes > 0)
        if pool.kept_bytes <= fits_bytes or await self._came_before():
            return
        used_bytes = pool.kept_bytes - self.came_bytes
        raise QuotaExceeded(limit=name, used=used_bytes, allowed=limit_bytes)

    async def _drop_derived(self, pool: Pool, keep_bytes: int, *, at_once: bool) -> None:
        """Drop derived files, unless that was in vain just now; *at_once*: in any case."""
        now_s = self.context.clock.monotonic_s()
        last_s = pool.in_vain_at_s
        if last_s is not None and not at_once and now_s - last_s <= _MEASURED_JUST_NOW_S:
            return
        pool.derived_bytes = await drop_derived(self.context, pool.whose, keep_bytes=keep_bytes)
        pool.in_vain_at_s = now_s if pool.derived_bytes > max(0, keep_bytes) else None

    async def _measure(self, pool: Pool, *, unless_within_s: float) -> None:
        clock = self.context.clock
        if pool.age_s(clock.monotonic_s()) <= unless_within_s:
            return
        async with pool.measuring:
            if pool.age_s(clock.monotonic_s()) <= unless_within_s:
                return
            # What is stored while the store is asked counts twice until the next time.
            pool.since_bytes = 0
            stored = await self.context.store.stored(pool.whose)
            pool.stored_bytes, pool.derived_bytes = stored.kept_bytes, stored.derived_bytes
            pool.measured_at_s = clock.monotonic_s()

    async def _came_before(self) -> bool:
        key = self.idempotency_key
        return key is not None and await self.context.store.has_key(self.owner, key)


@asynccontextmanager
async def room_for(
    context: Context, owner: OwnerId, *, idempotency_key: str | None = None
) -> AsyncIterator[Room]:
    """
    Keep room for what is taken in for *owner* within the block, at whose end it is stored.

    What several requests bring at once counts together.
    """
    pools = {
        name: (context.intake_pools.enter(whose), limit_bytes)
        for name, whose, limit_bytes in _limits(context, owner)
    }
    room = Room(context, owner, idempotency_key, pools)
    stored_bytes = 0
    try:
        yield room
        stored_bytes = room.came_bytes
    finally:
        for pool, _ in pools.values():
            pool.coming_bytes -= room.came_bytes
            pool.since_bytes += stored_bytes
            context.intake_pools.leave(pool)


async def check_room(context: Context, owner: OwnerId) -> None:
    """
    Check that *owner* does not have too much already.

    Raises:
        QuotaExceeded: That is so.
    """
    async with room_for(context, owner) as room:
        await room.expect(0)


async def check_counts(
    context: Context, owner: OwnerId, *, drafts: int = 0, items: int = 0
) -> None:
    """
    Check that *owner* may have so many more drafts and unfinished items.

    Raises:
        QuotaExceeded: That would be too many.
    """
    bounds = context.rules.bounds
    wanted = [
        (name, count, allowed)
        for name, count, allowed in (
            ("drafts_per_owner", drafts, bounds.drafts_per_owner),
            ("items_per_owner", items, bounds.items_per_owner),
        )
        if count and allowed is not None
    ]
    if owner == LOCAL_OWNER or not wanted:
        return
    counts = await context.store.counts(owner)
    for name, count, allowed in wanted:
        used = counts.drafts if name == "drafts_per_owner" else counts.unfinished_items
        if used + count > allowed:
            raise QuotaExceeded(limit=name, used=used, allowed=allowed)


def _limits(context: Context, owner: OwnerId) -> list[tuple[str, Whose, int]]:
    """List what *owner*'s files must fit in; whoever is at the machine itself has no limits."""
    bounds = context.rules.bounds
    if owner == LOCAL_OWNER:
        return []
    limits: list[tuple[str, Whose, int | None]] = [
        ("bytes_per_owner", owner, bounds.bytes_per_owner),
        ("bytes", Owners.ALL, bounds.bytes),
    ]
    if is_anonymous(owner):
        limits.append(("anonymous_bytes", Owners.ANONYMOUS, bounds.anonymous_bytes))
    return [(name, whose, limit) for name, whose, limit in limits if limit is not None]
