"""The computer's own clock."""

import time
from datetime import UTC, datetime

import anyio


class SystemClock:
    """A `Clock` over the computer's time of day and its monotonic timer."""

    def now(self) -> datetime:
        """Tell the time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Tell seconds since some fixed moment; never goes back."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait *delay_s* seconds; cancelling ends the wait."""
        # A time that has already come gives a delay below zero, which anyio refuses.
        await anyio.sleep(max(0.0, delay_s))
