"""Computing in the calling process, for tests that do not want to start others."""

import pickle
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TypeVar, cast

import anyio.lowlevel

from image2model.core.errors import ComputeTimedOut
from image2model.core.values.plain_values import decode_value, encode_value

T = TypeVar("T")


class InlineCompute:
    """
    A `Compute` that calls functions right here, one after the other.

    Arguments are pickled and results written as data, as on their way to another process and back,
    so what could not travel fails here too. A call cannot be interrupted: one that takes too long
    is reported after its end, and the event loop stands still meanwhile.

    Attributes:
        needed_bytes: What `room` was asked for.

    Args:
        failures: Errors to raise in place of calling, by the function's name.
    """

    def __init__(self, *, failures: Mapping[str, Exception] = MappingProxyType({})) -> None:
        self._failures = failures
        self.needed_bytes: list[int] = []

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """Call *function* with *args*, or fail as told."""
        await anyio.lowlevel.checkpoint()
        name = function.__name__
        if failure := self._failures.get(name):
            raise failure
        call = pickle.dumps((function, args))
        travelled, there = pickle.loads(call)  # noqa: S301 - written one line earlier
        start_s = time.monotonic()
        result = travelled(*there)
        if time.monotonic() - start_s > limit_s:
            raise ComputeTimedOut(function=name, limit_s=limit_s)
        text, blobs = encode_value(result)
        return cast("T", decode_value(text, [bytes(blob) for blob in blobs]))

    @asynccontextmanager
    async def room(self, needs_bytes: int) -> AsyncIterator[None]:
        """Note what is needed, of which there is always enough."""
        self.needed_bytes.append(needs_bytes)
        yield

    async def check(self, *, limit_s: float) -> None:
        """Answer, or fail as told for the function `answer`."""
        await self.run(limit_s, answer)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to stop."""


def answer() -> bool:
    """Answer, to show that functions are called."""
    return True
