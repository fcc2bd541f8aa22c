"""
How many requests are in progress at once.

fal takes any number into its queue and runs as many as the account may. Waiting here costs the
same time, for the places there are the limit either way; and what waits here can be cancelled for
nothing, is not yet charged against a budget, and does not run into the time limit for starting,
which is the only way to have fal drop what nobody is waiting for any more. So requests above the
limit wait here. The limit is a soft one: a request that slips past it waits at fal.
"""

import copy
from collections import deque
from collections.abc import Hashable

import anyio

from image2model.core.errors import Image2ModelError

_FIRST_GUESS = 2
_AHEAD = 2


class Places:
    """
    Places for requests in progress, first come, first served.

    A place is held while a request is prepared, submitted and followed. Between these steps it is
    only reserved: the reservation lapses by itself, for the next step may never come.
    """

    def __init__(self, limit: int | None, *, reserved_s: float) -> None:
        """
        Open the places.

        Args:
            limit: How many; None: a few more than have been seen to run at once, so that the
                account's own limit shows.
            reserved_s: How long a reservation lasts, in seconds.
        """
        self._limit = limit
        self._reserved_s = reserved_s
        self._reserved: dict[Hashable, float] = {}
        self._held: set[Hashable] = set()
        self._running: set[Hashable] = set()
        self._most_running = 0
        self._waiting: deque[anyio.Event] = deque()
        self._turned_away: dict[anyio.Event, Image2ModelError] = {}

    @property
    def limit(self) -> int:
        """How many places there are now."""
        if self._limit is not None:
            return self._limit
        seen = max(_FIRST_GUESS, self._most_running)
        return seen + max(_AHEAD, seen // 2)

    @property
    def taken(self) -> int:
        """How many places are held or reserved now."""
        return len(self._held) + len(self._reserved)

    async def take(self, key: Hashable) -> None:
        """Wait for a free place and hold it for *key*; raises what `turn_away` is given."""
        if self._waiting or not self._has_free():
            await self._wait()
        self._held.add(key)
        self._wake()

    def hold(self, key: Hashable) -> None:
        """Hold a place for *key*, whether or not one is reserved or free."""
        self._reserved.pop(key, None)
        self._held.add(key)

    def reserve(self, key: Hashable, *, name: Hashable | None = None) -> None:
        """Hold the place of *key* no longer, but keep it reserved for a while, for *name*."""
        self._held.discard(key)
        self._reserved.pop(key, None)
        self._reserved[key if name is None else name] = anyio.current_time() + self._reserved_s

    def mark_running(self, key: Hashable) -> None:
        """Note that the request of *key* has been seen to run."""
        self._running.add(key)
        if len(self._running) > self._most_running:
            self._most_running = len(self._running)
            self._wake()

    def free(self, key: Hashable) -> None:
        """Give the place of *key* back, reserved or held; without one nothing happens."""
        self._reserved.pop(key, None)
        self._held.discard(key)
        self._running.discard(key)
        self._wake()

    def turn_away(self, error: Image2ModelError) -> None:
        """Have all who wait now raise *error* instead."""
        for turn in self._waiting:
            self._turned_away[turn] = error
            turn.set()

    async def _wait(self) -> None:
        turn = anyio.Event()
        self._waiting.append(turn)
        try:
            while self._waiting[0] is not turn or not self._has_free():
                # Reservations lapse without anybody saying so.
                with anyio.move_on_after(self._reserved_s):
                    await turn.wait()
                if turn in self._turned_away:
                    raise copy.copy(self._turned_away[turn])
                if turn.is_set():
                    fresh = anyio.Event()
                    self._waiting[self._waiting.index(turn)] = fresh
                    turn = fresh
        finally:
            self._turned_away.pop(turn, None)
            self._waiting.remove(turn)
            self._wake()

    def _has_free(self) -> bool:
        now_s = anyio.current_time()
        for key in [key for key, ends_s in self._reserved.items() if ends_s <= now_s]:
            del self._reserved[key]
        return self.taken < self.limit

    def _wake(self) -> None:
        if self._waiting and self._has_free():
            self._waiting[0].set()
