"""Running items in the process that accepted them."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from image2model.core.generator import RunsOn
from image2model.core.ids import OwnerId
from image2model.core.shares import FairQueue, Share
from image2model.ports.dispatcher import ItemRef

logger = logging.getLogger(__name__)

RunItem = Callable[[ItemRef], Awaitable[None]]
"""Runs one item to its end."""


class InProcessDispatcher:
    """
    A `Dispatcher` that runs items as tasks of this event loop.

    Items run between entering and leaving the block::

        async with InProcessDispatcher(run, concurrency={RunsOn.NETWORK: 1000, RunsOn.CPU: 2}):
            ...

    Leaving it cancels what runs, waits until that has come to its end, and forgets what waits:
    the sweeper of the next start sends it again. What is dispatched outside the block waits.

    Owners take turns, and the jobs of each, so that a large one does not starve a small one. An
    item that waits is not queued twice. An item that runs is run once more afterwards: the message
    may speak of a change (a retry) that the present run no longer sees, and a run that finds
    nothing to do is cheap. A run that raises is logged and does not stop others.

    Args:
        run: Runs one item.
        concurrency: How many items run at once, by what their generator needs; every kind that
            is dispatched must be named.
    """

    def __init__(self, run: RunItem, *, concurrency: Mapping[RunsOn, int]) -> None:
        self._lanes = {
            runs_on: _Lane(run, concurrency=limit) for runs_on, limit in concurrency.items()
        }
        self._tasks: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for lane in self._lanes.values():
            self._tasks.start_soon(lane.serve)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            # The block's own error is kept from the task group, which would wrap it.
            await tasks.__aexit__(None, None, None)

    async def dispatch(self, items: Sequence[ItemRef], *, owner: OwnerId, runs_on: RunsOn) -> None:
        """Queue *items*; returns at once. See `Dispatcher`."""
        self._lanes[runs_on].add(items, owner)

    async def waiting(self, _runs_on: RunsOn) -> int:
        """Count nothing: an item that waits is not queued twice."""
        return 0


class _Lane:
    """The items of one kind: those that wait and those that run."""

    def __init__(self, run: RunItem, *, concurrency: int) -> None:
        self._run = run
        self._queue: FairQueue[ItemRef] = FairQueue()
        self._running: set[ItemRef] = set()
        self._again: set[ItemRef] = set()
        self._free = anyio.Semaphore(concurrency)
        self._filled = anyio.Event()

    def add(self, items: Sequence[ItemRef], owner: OwnerId) -> None:
        for item in items:
            if item in self._running:
                self._again.add(item)
            else:
                self._queue.put(Share(owner, item.job), item)
        self._filled.set()

    async def serve(self) -> None:
        # Runs start from this task alone, so that none inherits the context variables (log
        # fields, trace ids) of the request that dispatched it or of the run before it.
        async with anyio.create_task_group() as runs:
            while True:
                # The place first, the item after: who is next is decided as late as possible.
                await self._free.acquire()
                while (first := self._queue.first()) is None:
                    self._filled = anyio.Event()
                    await self._filled.wait()
                share, item = first
                self._queue.remove(share, item)
                self._queue.hold(share)
                self._running.add(item)
                runs.start_soon(self._run_one, share, item)

    async def _run_one(self, share: Share, item: ItemRef) -> None:
        try:
            await self._run(item)
        except Exception:
            logger.exception(
                "The run of item %d of job %s failed",
                item.index,
                item.job,
                extra={"job": item.job, "index": item.index},
            )
        finally:
            self._running.remove(item)
            self._queue.give_back(share)
            self._free.release()
        if item in self._again:
            self._again.remove(item)
            self.add([item], OwnerId(share.owner))
