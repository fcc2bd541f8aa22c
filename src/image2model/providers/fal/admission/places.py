"""
How many requests are in progress at once, and whose.

fal takes any number into its queue and runs as many as the account may. Waiting here costs the
same time, for the places there are the limit either way; and what waits here can be cancelled for
nothing, is not yet charged against a budget, and does not run into the time limit for starting,
which is the only way to have fal drop what nobody is waiting for any more. So requests above the
limit wait here. The limit is a soft one: a request that slips past it waits at fal.
"""

import copy
from collections.abc import Hashable
from dataclasses import dataclass, field

import anyio

from image2model.core.errors import Image2ModelError
from image2model.core.shares import FairQueue, Share, current_share

_FIRST_GUESS = 2
_AHEAD = 2


@dataclass(slots=True, eq=False)
class _Turn:
    """
    Somebody who waits.

    Attributes:
        key: Who is to hold the place.
        has_come: Whether the place is held now.
        refusal: Why there will be none.
        over: Set with one of the two.
    """

    key: Hashable
    has_come: bool = False
    refusal: Image2ModelError | None = None
    over: anyio.Event = field(default_factory=anyio.Event)


class Places:
    """
    Places for requests in progress; the next free one goes to the owner who has fewest.

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
        self._taken: dict[Hashable, Share] = {}
        self._running: set[Hashable] = set()
        self._most_running = 0
        self._waiting: FairQueue[_Turn] = FairQueue()

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
        return len(self._taken)

    async def take(self, key: Hashable) -> None:
        """
        Wait for a free place and hold it for *key*; raises what `turn_away` is given.

        It is that of the owner for whom `current_share` says that this is done.
        """
        share, turn = current_share(), _Turn(key)
        self._waiting.put(share, turn)
        self._grant()
        try:
            while not turn.over.is_set():
                # Reservations lapse without anybody saying so.
                with anyio.move_on_after(self._reserved_s):
                    await turn.over.wait()
                self._grant()
        except BaseException:
            self._waiting.remove(share, turn)
            if turn.has_come:
                self.free(key)
            raise
        if turn.refusal is not None:
            raise copy.copy(turn.refusal)

    def hold(self, key: Hashable) -> None:
        """Hold a place for *key*, whether or not one is reserved or free."""
        self._reserved.pop(key, None)
        if key not in self._taken:
            self._give(key, current_share())

    def reserve(self, key: Hashable, *, name: Hashable | None = None) -> None:
        """Hold the place of *key* no longer, but keep it reserved for a while, for *name*."""
        name = key if name is None else name
        share = self._take_back(key) or current_share()
        if name not in self._taken:
            self._give(name, share)
        self._reserved[name] = anyio.current_time() + self._reserved_s

    def mark_running(self, key: Hashable) -> None:
        """Note that the request of *key* has been seen to run."""
        self._running.add(key)
        if len(self._running) > self._most_running:
            self._most_running = len(self._running)
            self._grant()

    def free(self, key: Hashable) -> None:
        """Give the place of *key* back, reserved or held; without one nothing happens."""
        self._take_back(key)
        self._running.discard(key)
        self._grant()

    def turn_away(self, error: Image2ModelError) -> None:
        """Have all who wait now raise *error* instead."""
        while (first := self._waiting.first()) is not None:
            share, turn = first
            self._waiting.remove(share, turn)
            turn.refusal = error
            turn.over.set()

    def _give(self, key: Hashable, share: Share) -> None:
        self._taken[key] = share
        self._waiting.hold(share)

    def _take_back(self, key: Hashable) -> Share | None:
        self._reserved.pop(key, None)
        share = self._taken.pop(key, None)
        if share is not None:
            self._waiting.give_back(share)
        return share

    def _grant(self) -> None:
        now_s = anyio.current_time()
        for key in [key for key, ends_s in self._reserved.items() if ends_s <= now_s]:
            self._take_back(key)
        while self.taken < self.limit and (first := self._waiting.first()) is not None:
            share, turn = first
            self._waiting.remove(share, turn)
            self._give(turn.key, share)
            turn.has_come = True
            turn.over.set()
