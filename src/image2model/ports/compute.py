"""Port: run CPU-heavy pure functions off the event loop."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Compute(Protocol):
    """Runs functions elsewhere, as many at once as there are cores."""

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """
        Call *function* with *args* and return what it returns.

        Cancelling stops the computation. May be called any number of times at once; calls
        beyond the capacity wait, which does not count against *limit_s*.

        Args:
            limit_s: The longest it may run, in seconds.
            function: A module-level function without side effects.
            args: Its arguments; they and the result travel between processes.

        Raises:
            Image2ModelError: Whatever *function* raised.
            ComputeTimedOut: It ran longer than *limit_s* and was stopped.
            ComputeCrashed: Its process died; others are not affected.
        """
        ...

    async def aclose(self) -> None:
        """Stop everything. May be called twice."""
        ...
