"""The event loop that all items of a worker process share."""

import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from image2model.core.platform import has_uvloop
from image2model.ports.dispatcher import ItemRef

_PAUSE_WHEN_STOPPED_S = 1.0

RunItem = Callable[[ItemRef], Awaitable[None]]
OpenRunner = Callable[[], AbstractAsyncContextManager[RunItem]]


class LoopStopped(Exception):
    """The process is about to end; somebody else has to run the item."""


class ItemLoop:
    """
    Runs items as tasks of one event loop, in a thread of its own, for tasks of Celery that block.

    A thousand threads that wait for a thousand tasks cost little; a thousand event loops, with
    their connections, would not. It is started by the first run, or by `start`, in the process
    that calls it: after a fork there is another one in each child.

    Args:
        open_runner: Opens what runs items, on the loop.
    """

    def __init__(self, open_runner: OpenRunner) -> None:
        self._open_runner = open_runner
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._runs: _Runs | None = None
        self._process = 0
        self._is_stopped = False

    def start(self) -> None:
        """Start the loop, if it does not run; raises what opening the runner raises."""
        with self._lock:
            if self._is_stopped:
                raise LoopStopped
            if self._process != os.getpid():
                self._start()

    def _start(self) -> None:
        stack = ExitStack()
        with stack:
            options = {"use_uvloop": has_uvloop()}
            portal = stack.enter_context(start_blocking_portal("asyncio", options, name="items"))
            opening = portal.wrap_async_context_manager(_open_runs(self._open_runner))
            self._runs = stack.enter_context(opening)
            self._portal = portal
            self._stack = stack.pop_all()
            self._process = os.getpid()

    def run(self, ref: ItemRef) -> None:
        """
        Run *ref* on the loop, and wait until that has come to its end.

        Raises:
            LoopStopped: The loop was stopped before; the run, if it had begun, is cut short.
        """
        if self._is_stopped:
            # Until Celery takes no more, what is put back would come again at once, for ever.
            time.sleep(_PAUSE_WHEN_STOPPED_S)
        self.start()
        assert self._portal is not None
        assert self._runs is not None
        try:
            came_to_its_end = self._portal.call(self._runs.run, ref)
        except RuntimeError as error:
            if not self._is_stopped:
                raise
            raise LoopStopped from error  # It ended between the two lines above.
        if not came_to_its_end:
            raise LoopStopped

    def stop(self) -> None:
        """Cut all runs short, wait until their leases are given back, and end; may be repeated."""
        with self._lock:
            self._is_stopped = True
            if self._process == os.getpid():
                self._stack.close()


class _Runs:
    """The runs that are under way."""

    def __init__(self, run_item: RunItem) -> None:
        self._run_item = run_item
        self._scopes: set[anyio.CancelScope] = set()
        self._is_closed = False
        self._idle = anyio.Event()

    async def run(self, ref: ItemRef) -> bool:
        """Run *ref*; False: it was cut short, or not begun, because all ends."""
        if self._is_closed:
            return False
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await self._run_item(ref)
            finally:
                self._scopes.remove(scope)
                if not self._scopes:
                    self._idle.set()
        return not scope.cancelled_caught

    async def aclose(self) -> None:
        """Cut all short and wait until they have come to their orderly end."""
        self._is_closed = True
        self._idle = anyio.Event()
        for scope in self._scopes:
            scope.cancel()
        if self._scopes:
            await self._idle.wait()


@asynccontextmanager
async def _open_runs(open_runner: OpenRunner) -> AsyncIterator[_Runs]:
    async with open_runner() as run_item:
        runs = _Runs(run_item)
        try:
            yield runs
        finally:
            with anyio.CancelScope(shield=True):
                await runs.aclose()
