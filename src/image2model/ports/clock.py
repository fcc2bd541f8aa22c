"""Port: what time it is, and waiting."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the use cases see it; a fake one makes waiting instant in tests."""

    def now(self) -> datetime:
        """Tell the time, aware and in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Tell seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait *delay_s* seconds; cancelling ends the wait."""
        ...
