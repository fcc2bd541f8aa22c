"""Call coroutine functions on an event loop in another thread, so that Ctrl-C can stop them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")

_LET_GO_S = 1.0
"""How long a call that is stopped may take to end."""


def call_on(loop: asyncio.AbstractEventLoop, function: Callable[[], Awaitable[T]]) -> T:
    """
    Call *function* on *loop* and wait for what it returns.

    Where a signal handler raises meanwhile, the call is cancelled. The wait goes on for a second
    at most: only when a call has let go of its files may its caller remove them.
    """
    call = _Call(function)
    try:
        # Begins without waiting for the loop, as calls through a portal do; and a signal may come
        # even while it begins.
        return asyncio.run_coroutine_threadsafe(call.run(), loop).result()
    except BaseException:
        if not call.ended.is_set():
            loop.call_soon_threadsafe(call.stop)
            call.ended.wait(_LET_GO_S)
        raise


class _Call(Generic[T]):
    """One call; all but `ended` belongs to the loop's thread."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self._function = function
        self._scope: anyio.CancelScope | None = None
        self._is_stopped = False
        self.ended = threading.Event()

    async def run(self) -> T:
        try:
            # A scope, since cancelling the task itself would not wait for its threads.
            with anyio.CancelScope() as self._scope:
                if self._is_stopped:
                    self._scope.cancel()
                return await self._function()
        finally:
            self.ended.set()
        raise asyncio.CancelledError

    def stop(self) -> None:
        self._is_stopped = True
        if self._scope is not None:
            self._scope.cancel()
