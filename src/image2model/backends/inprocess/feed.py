"""Waking watchers of jobs within one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from image2model.core.ids import JobId


class InProcessWatch:
    """A `Watch` that one task waits on; any number of changes before it looks count as one."""

    def __init__(self) -> None:
        self._changed = anyio.Event()

    def wake(self) -> None:
        """Note a change, waking whoever waits."""
        self._changed.set()

    async def changed(self, *, timeout_s: float) -> bool:
        """Wait for a change, at most *timeout_s* seconds; see `Watch`."""
        with anyio.move_on_after(timeout_s):
            await self._changed.wait()
        if not self._changed.is_set():
            return False
        self._changed = anyio.Event()
        return True


class InProcessChangeFeed:
    """
    A `ChangeFeed` for watchers and publishers on one event loop.

    Publishing costs time in proportion to the watchers of that job alone. It is not safe to use
    from other threads or from a second event loop of the same process: a watcher there would be
    woken late or never. Other processes hear nothing; they need the feed over Redis.
    """

    def __init__(self) -> None:
        # A dictionary and not a set, so that watchers wake in the order they came.
        self._watches: dict[JobId, dict[InProcessWatch, None]] = {}

    @property
    def watchers(self) -> int:
        """How many watches are open now."""
        return sum(len(watches) for watches in self._watches.values())

    async def publish(self, job: JobId) -> None:
        """Wake the watchers of *job*; never fails and never waits for them."""
        for watch in self._watches.get(job, ()):
            watch.wake()

    @asynccontextmanager
    async def watch(self, job: JobId) -> AsyncIterator[InProcessWatch]:
        """Watch *job* until the block is left; changes from its start on are not missed."""
        watch = InProcessWatch()
        watches = self._watches.setdefault(job, {})
        watches[watch] = None
        try:
            yield watch
        finally:
            del watches[watch]
            if not watches:
                del self._watches[job]
