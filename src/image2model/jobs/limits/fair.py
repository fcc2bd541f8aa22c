"""Limits on what is done at once, shared by whoever wants to do it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from image2model.core.shares import FairQueue, current_share


@dataclass(slots=True, eq=False)
class _Turn:
    amount: int
    come: anyio.Event = field(default_factory=anyio.Event)


class FairLimiter:
    """
    A semaphore whose places go to the owner who holds least; see `FairQueue`.

    Args:
        total: How much may be held at once, by all together.
        per_owner: How much one owner may hold; None: all.
    """

    def __init__(self, total: int, *, per_owner: int | None = None) -> None:
        self.total = total
        self._per_owner = total if per_owner is None else per_owner
        self._free = total
        self._queue: FairQueue[_Turn] = FairQueue()

    def __len__(self) -> int:
        """Count those who wait."""
        return len(self._queue)

    @asynccontextmanager
    async def hold(
        self, amount: int = 1, *, patience_s: float | None = None
    ) -> AsyncIterator[None]:
        """
        Wait for *amount*, and hold it within the block for whom `current_share` tells.

        Args:
            amount: How much; who wants more than there is gets all.
            patience_s: The longest to wait, in seconds; None: as long as it takes.

        Raises:
            TimeoutError: It was not free in time.
        """
        share, turn = current_share(), _Turn(min(amount, self.total))
        self._queue.put(share, turn)
        self._grant()
        try:
            if not turn.come.is_set():
                with anyio.fail_after(patience_s):
                    await turn.come.wait()
            yield
        finally:
            if turn.come.is_set():
                self._free += turn.amount
                self._queue.give_back(share, turn.amount)
            else:
                self._queue.remove(share, turn)
            self._grant()

    def _grant(self) -> None:
        while (first := self._queue.first(below=self._per_owner)) is not None:
            share, turn = first
            # Nobody goes ahead of the first, or who wants much would never get it.
            if turn.amount > self._free:
                return
            self._queue.remove(share, turn)
            self._queue.hold(share, turn.amount)
            self._free -= turn.amount
            turn.come.set()


class FairLimiters:
    """
    A `FairLimiter` for each of any number of keys, such as hosts; nothing is kept of idle ones.

    Args:
        total: How much may be held at once of each.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._used: dict[str, tuple[FairLimiter, int]] = {}

    def __len__(self) -> int:
        """Count the keys that somebody waits for or holds."""
        return len(self._used)

    @asynccontextmanager
    async def hold(self, key: str, *, patience_s: float | None = None) -> AsyncIterator[None]:
        """Wait for a place of *key*, and hold it within the block; see `FairLimiter.hold`."""
        limiter, users = self._used.get(key) or (FairLimiter(self._total), 0)
        self._used[key] = limiter, users + 1
        try:
            async with limiter.hold(patience_s=patience_s):
                yield
        finally:
            _, users = self._used.pop(key)
            if users > 1:
                self._used[key] = limiter, users - 1
