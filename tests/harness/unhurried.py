"""An event loop on which a slow or busy machine makes nothing late."""

import asyncio
import selectors
import time
from typing import Any

_TURN_S = 50e-6
"""What a turn of the loop takes that does not wait: so somebody who only looks, again and again,
sees time go by."""

_MOST_FOR_NEWS_S = 0.01
"""What a wait takes at most that ended because something came."""


class UnhurriedLoop(asyncio.SelectorEventLoop):
    """
    A loop whose time passes while it waits, and hardly at all while its tasks compute.

    For tests whose both sides, such as a client and the server it asks, run on one loop. By a
    real clock a process that gets no processor for a second, or computes ten times slower, lets
    every time limit run out, though no side was late. Here a limit runs out when both sides wait
    and nothing is left but to let it.

    It falls behind real clocks, such as `SystemClock`: compare times of one clock alone.

    What a test waits for in a thread counts as waiting, as far as the thread takes longer than
    the loop has to wait. Not for tests that wait for other processes: their time goes on.
    """

    def __init__(self) -> None:
        self._idle_time = _IdleTime()
        super().__init__(self._idle_time)

    def time(self) -> float:
        """Tell this loop's time, in seconds."""
        return self._idle_time.passed_s


class _IdleTime(selectors.DefaultSelector):
    """A selector that counts how long it was waited with."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        before_s = time.monotonic()
        events = super().select(timeout)
        waited_s = time.monotonic() - before_s
        if timeout is not None:
            # A timer is due after as long as was to be waited, however late that is noticed.
            waited_s = min(waited_s, max(timeout, _TURN_S))
        if events:
            waited_s = min(waited_s, _MOST_FOR_NEWS_S)
        self.passed_s += max(waited_s, _TURN_S)
        return events


UNHURRIED: tuple[str, dict[str, Any]] = ("asyncio", {"loop_factory": UnhurriedLoop})
"""What the fixture `anyio_backend` returns to have tests run on such a loop."""
