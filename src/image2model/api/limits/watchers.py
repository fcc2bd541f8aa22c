"""How many may wait for news at a time: streams of events, and requests that wait for a change."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from image2model.core.errors import StorageError, TooManyRequests
from image2model.core.ids import OwnerId
from image2model.jobs.access import may_still_act
from image2model.jobs.context import Context

_T = TypeVar("_T")

_COME_AGAIN_S = 5.0
"""When one of them may have ended."""

_LOOK_EVERY_S = 5.0
"""How long somebody whose key was revoked may go on hearing news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherLimits:
    """
    How many may wait at a time in this process.

    Attributes:
        streams: In all.
        streams_per_caller: Of one caller.
    """

    streams: int = 2_000
    streams_per_caller: int = 100


class Watchers:
    """Counts who waits for news now."""

    def __init__(self, limits: WatcherLimits) -> None:
        self._limits = limits
        self._of_caller: Counter[str] = Counter()
        self._all = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._all

    @contextmanager
    def one_more(self, caller: str | None) -> Iterator[None]:
        """
        Count one more while it lasts.

        Args:
            caller: Whose it is; None: it counts among all only.

        Raises:
            TooManyRequests: There are as many as there may be.
        """
        if self._all >= self._limits.streams:
            raise TooManyRequests(retry_after_s=_COME_AGAIN_S, limit="streams")
        if caller is not None and self._of_caller[caller] >= self._limits.streams_per_caller:
            raise TooManyRequests(retry_after_s=_COME_AGAIN_S, limit="streams_per_caller")
        self._all += 1
        if caller is not None:
            self._of_caller[caller] += 1
        try:
            yield
        finally:
            self._all -= 1
            if caller is not None:
                self._of_caller[caller] -= 1
                if not self._of_caller[caller]:
                    del self._of_caller[caller]


async def while_allowed(
    context: Context, owner: OwnerId, events: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """Pass *events* on to *owner*, until their API key works no more; looks every few seconds."""
    looked_at_s = context.clock.monotonic_s()
    async with aclosing(events):
        async for event in events:
            now_s = context.clock.monotonic_s()
            if now_s - looked_at_s >= _LOOK_EVERY_S:
                with suppress(StorageError):  # Then it is asked at the next event.
                    if not await may_still_act(context, owner):
                        return
                    looked_at_s = now_s
            yield event


async def while_connected(request: Request, answer: Coroutine[None, None, _T]) -> _T:
    """
    Wait for *answer*, but no longer than somebody is there to read it.

    Raises:
        ClientDisconnect: Nobody is.
    """
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(_leaving(request))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.wait({answering, leaving})


async def _leaving(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
