"""Port: run CPU-heavy pure functions off the event loop."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")


class Compute(Protocol):
    """Runs functions elsewhere, as many at once as there are cores."""

    async def run(self, limit_s: float, function: Callable[..., T], /, *args: object) -> T:
        """
        Call *function* with *args* and return what it returns.

        Cancelling stops the computation. May be called any number of times at once; calls
        beyond the capacity wait, which does not count against *limit_s*. The next free process
        goes to the owner who has fewest, by `core.shares.current_share`.

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

    def room(self, needs_bytes: int) -> AbstractAsyncContextManager[None]:
        """
        Wait until there is memory for calls, one after the other, of which none needs more.

        Whatever takes much is called within such a block, so that all of it together does not take
        more than there is. Blocks are not put into each other.

        Args:
            needs_bytes: About how much memory a call takes; little is granted at once, and what is
                more than there is has to itself all that there is.
        """
        ...

    async def check(self, *, limit_s: float) -> None:
        """
        Call a function that does nothing, without waiting for the calls of others.

        Raises:
            ComputeTimedOut: There was no answer within *limit_s* seconds.
            ComputeCrashed: There was none.
        """
        ...

    async def aclose(self) -> None:
        """Stop everything. May be called twice."""
        ...
