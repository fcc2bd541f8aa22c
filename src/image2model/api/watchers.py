"""How many may wait for news at a time: streams of events, and requests that wait for a change."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from image2model.core.errors import TooManyRequests

_T = TypeVar("_T")

_COME_AGAIN_S = 5.0
"""When one of them may have ended."""


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
