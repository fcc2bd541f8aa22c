"""Computing in the calling process, for tests that do not want to start others."""

import pickle
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar, cast

import anyio.lowlevel

from image2model.core.errors import ComputeTimedOut
from image2model.core.plain_values import decode_value, encode_value

T = TypeVar("T")


class InlineCompute:
    """
    A `Compute` that calls functions right here, one after the other.

    Arguments are pickled and results written as data, as on their way to another process and back,
    so what could not travel fails here too. A call cannot be interrupted: one that takes too long
    is reported after its end, and the event loop stands still meanwhile.

    Args:
        failures: Errors to raise in place of calling, by the function's name.
    """

    def __init__(self, *, failures: Mapping[str, Exception] = MappingProxyType({})) -> None:
        self._failures = failures

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

    async def aclose(self) -> None:
        """Do nothing: there is nothing to stop."""
