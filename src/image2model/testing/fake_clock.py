"""A clock that stands still until a test moves it."""

import heapq
import itertools
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel

SETTLE_TURNS = 20
"""
Turns of the event loop that a woken task gets before time goes on.

Enough for a task to pass through a few locks and events to its next sleep; a task that waits for
a thread or a socket needs `FakeClock.until_sleeping` instead.
"""


class FakeClock:
    """
    A `Clock` whose time passes only in `advance`.

    Sleepers wake in the order of their times, and in the order they fell asleep where the times
    are equal. Belongs to one event loop.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._fell_asleep = anyio.Event()

    @property
    def sleeping(self) -> int:
        """How many tasks sleep now."""
        return len(self._sleepers)

    def now(self) -> datetime:
        """Tell the time, aware and in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Tell seconds since the clock was made; never goes back."""
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock was moved by *delay_s* seconds; cancelling ends the wait."""
        if delay_s <= 0:
            await anyio.lowlevel.checkpoint()
            return
        sleeper = (self._elapsed_s + delay_s, next(self._order), anyio.Event())
        heapq.heappush(self._sleepers, sleeper)
        self._fell_asleep.set()
        try:
            await sleeper[2].wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)

    async def advance(self, delta_s: float) -> None:
        """
        Move the clock by *delta_s* seconds, waking sleepers on the way.

        Every sleeper sees the time it asked for; one that sleeps again before the new time is
        woken again.
        """
        target_s = self._elapsed_s + delta_s
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= target_s:
            self._elapsed_s, _, woken = heapq.heappop(self._sleepers)
            woken.set()
            await self._settle()
        self._elapsed_s = target_s

    async def until_sleeping(self, count: int = 1) -> None:
        """Wait, in real time, until at least *count* tasks sleep."""
        while len(self._sleepers) < count:
            self._fell_asleep = anyio.Event()
            await self._fell_asleep.wait()

    async def _settle(self) -> None:
        for _ in range(SETTLE_TURNS):
            await anyio.lowlevel.checkpoint()
